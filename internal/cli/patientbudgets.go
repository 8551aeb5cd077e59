package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

// budgets looks for budgets that are used up, or nearly.
func (p *patient) budgets(ctx context.Context) ([]pawl.Finding, error) {
	status, err := p.client.Status(ctx)
	if err != nil || len(status.Budgets) == 0 {
		return nil, err
	}
	rows, err := p.client.List(ctx, pawl.Filter{States: []pawl.State{pawl.Blocked}, Max: lookMost})
	if err != nil {
		return nil, err
	}
	stopped := map[string][]*pawl.TaskRow{}
	for _, r := range rows {
		name := waitOf(r).Budget
		stopped[name] = append(stopped[name], r)
	}
	var found []pawl.Finding
	for i := range status.Budgets {
		b := &status.Budgets[i]
		near, err := p.near(ctx, b)
		if err != nil {
			return nil, err
		}
		found = append(found, judgeBudget(b, near, stopped[b.String()], p.now)...)
	}
	if len(found) == 0 {
		found = append(found, fine("budgets", "nothing is stopped by "+plural(len(status.Budgets), "budget")+", and none is near its end"))
	}
	return found, nil
}

// near returns the account of which most is used, if that is so much that workers warn;
// nil if there is none. A run that has ended needs no warning.
func (p *patient) near(ctx context.Context, b *pawl.BudgetStatus) (*pawl.Account, error) {
	for i := range b.Accounts {
		a := &b.Accounts[i]
		if a.Share(&b.Budget) < cmp.Or(b.Warn, defaultWarn) {
			return nil, nil
		}
		if b.Scope != pawl.OfRun {
			return a, nil
		}
		if goes, err := goesOn(ctx, p.client, a.Name); goes || err != nil {
			return a, err
		}
	}
	return nil, nil
}

// judgeBudget says what is to be said of a budget, the account of which so much is used
// that workers warn, and the tasks that it has stopped.
func judgeBudget(b *pawl.BudgetStatus, near *pawl.Account, rows []*pawl.TaskRow, now time.Time) []pawl.Finding {
	what, raise := "budget "+b.String(), "pawl budgets raise "+shellWord(b.String())
	if len(rows) > 0 {
		why := strings.TrimLeft(strings.TrimPrefix(rows[0].LastAttempt().Message, what), ": ")
		text := fmt.Sprintf("%s blocked by it: %s", counted(len(rows), "task"), strings.TrimPrefix(why, "of "))
		if due := rows[0].Due; !due.IsZero() {
			text += fmt.Sprintf("; its next period begins at %s", starting(due, now))
		}
		return []pawl.Finding{odd(what, text, raise+" "+capFlag(why)+", and what it stops goes on")}
	}
	if near == nil {
		return nil
	}
	text := fmt.Sprintf("%s of it are used", percent(floorShare(near.Share(&b.Budget))))
	if b.Scope != pawl.OfAll && b.Name == "" {
		text += " by " + near.Name
	}
	return []pawl.Finding{odd(what, text, "where it is used up its tasks are blocked; "+raise+" "+nearestCap(b, near)+" in time, if that is not wanted")}
}

// nearestCap returns the flag for the cap of which an account has used most.
func nearestCap(b *pawl.BudgetStatus, a *pawl.Account) string {
	if a.Stopped != "" {
		return capFlag(a.Stopped)
	}
	v := budgetView{Budget: b.Budget}
	return slices.MaxFunc(v.capsOf(a), func(x, y capRow) int { return cmp.Compare(x.share(), y.share()) }).flag()
}
