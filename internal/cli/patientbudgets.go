package cli

import (
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
		found = append(found, judgeBudget(&status.Budgets[i], stopped[status.Budgets[i].String()], p.now)...)
	}
	if len(found) == 0 {
		found = append(found, fine("budgets", "nothing is stopped by "+plural(len(status.Budgets), "budget")+", and none is near its end"))
	}
	return found, nil
}

// judgeBudget says what is to be said of a budget and the tasks that it has stopped.
func judgeBudget(b *pawl.BudgetStatus, rows []*pawl.TaskRow, now time.Time) []pawl.Finding {
	what, raise := "budget "+b.String(), "pawl budgets raise "+shellWord(b.String())
	if len(rows) > 0 {
		why := strings.TrimLeft(strings.TrimPrefix(rows[0].LastAttempt().Message, what), ": ")
		text := fmt.Sprintf("%s blocked by it: %s", counted(len(rows), "task"), strings.TrimPrefix(why, "of "))
		if due := rows[0].Due; !due.IsZero() {
			text += fmt.Sprintf("; its next period begins at %s", starting(due, now))
		}
		return []pawl.Finding{odd(what, text, raise+", and what it stops goes on")}
	}
	warn := b.Warn
	if warn == 0 {
		warn = defaultWarn
	}
	near := slices.IndexFunc(b.Accounts, func(a pawl.Account) bool { return a.Share(&b.Budget) >= warn })
	if near < 0 {
		return nil
	}
	a := &b.Accounts[near] // of which most is used
	text := fmt.Sprintf("%s of it are used", percent(floorShare(a.Share(&b.Budget))))
	if b.Scope != pawl.OfAll && b.Name == "" {
		text += " by " + a.Name
	}
	return []pawl.Finding{odd(what, text, "where it is used up its tasks are blocked; "+raise+" in time, if that is not wanted")}
}
