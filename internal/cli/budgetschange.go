package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

// budgetChange is what is done to a budget.
type budgetChange struct {
	pawl.Budget
	done string // what it is afterwards
	do   func(context.Context, pawl.Budget) error
	left bool // whether it is there afterwards
	json bool
}

// changed is what became of a budget, as JSON.
type changed struct {
	Budget   string        `json:"budget"`
	Went     []pawl.ID     `json:"went_on"`
	Accounts []accountView `json:"accounts,omitzero"` // what is spent of a budget that is there
	Unpriced []string      `json:"unpriced,omitempty"`

	view    budgetView
	stopped []*pawl.TaskRow // what waited for it before
}

// run changes the budget, and says how many tasks go on for that, what is spent, and what
// still stands in the way.
func (c budgetChange) run(ctx context.Context, t *terminal, client *pawl.Client) error {
	stopped, err := stoppedBy(ctx, client, &c.Budget)
	if err != nil {
		return err
	}
	was, err := readSpent(ctx, client, c.String())
	if err != nil {
		return err
	}
	switch err := c.do(ctx, c.Budget); {
	case errors.Is(err, pawl.ErrNoBudget):
		status, err := client.Status(ctx)
		if err != nil {
			return err
		}
		return expectKnown("budget", c.String(), budgetNames(status))
	case err != nil:
		return err
	}
	is := &changed{Budget: c.String(), stopped: stopped}
	if c.left {
		if is.view, err = readSpent(ctx, client, c.String()); err != nil {
			return err
		}
		is.Accounts = is.view.Accounts
		if is.Unpriced, err = unpricedUnder(ctx, client, &is.view.Budget, time.Now()); err != nil {
			return err
		}
	}
	after, err := stoppedBy(ctx, client, &c.Budget)
	if err != nil {
		return err
	}
	had := is.view // with what was spent before: what goes on may have spent the rest by now
	if len(was.Accounts) > 0 {
		had.Accounts = was.Accounts
	}
	is.Went = wentOn(&had, stopped, after)
	if c.json {
		return printJSON(t.out, is)
	}
	return c.print(ctx, t, client, is)
}

// stoppedBy returns the tasks that a budget keeps waiting, and those that the one with * does
// in whose place it stands.
func stoppedBy(ctx context.Context, client *pawl.Client, b *pawl.Budget) (rows []*pawl.TaskRow, err error) {
	each := eachOf(b)
	err = eachBlocked(ctx, client, func(r *pawl.TaskRow) {
		if r.WaitsForBudget(b.String()) || b.Name != "" && r.WaitsForBudget(each) && waitOf(r).Account == b.Name {
			rows = append(rows, r)
		}
	})
	return rows, err
}

// eachOf is the name of the budget for each of the same scope and period.
func eachOf(b *pawl.Budget) string {
	return (&pawl.Budget{Scope: b.Scope, Per: b.Per}).String()
}

// wentOn returns the tasks that wait no more. One whose account is used up does, at its next
// call, and whether it has come to that is a matter of chance.
func wentOn(v *budgetView, before, after []*pawl.TaskRow) []pawl.ID {
	waits := map[pawl.ID]bool{}
	for _, r := range after {
		waits[r.ID] = true
	}
	usedUp := map[string]bool{}
	for _, a := range v.usedUp() {
		usedUp[a.Name] = true
	}
	went := []pawl.ID{}
	for _, r := range before {
		if !waits[r.ID] && !usedUp[waitOf(r).Account] {
			went = append(went, r.ID)
		}
	}
	return went
}

func (c budgetChange) print(ctx context.Context, t *terminal, client *pawl.Client, is *changed) error {
	currency, err := currencyOf(ctx, client, &is.view)
	if err != nil {
		return err
	}
	by := "it"
	if len(is.stopped) > 0 && !is.stopped[0].WaitsForBudget(is.Budget) {
		by = eachOf(&c.Budget)
	}
	say := func(text string) {
		if columns(printable(text)) > t.width() {
			text = strings.Join(wrap(text, t.width()-2), "\n  ")
		} else {
			text = printable(text)
		}
		fmt.Fprintln(t.out, text)
	}
	say(fmt.Sprintf("budget %s %s: %s", is.Budget, c.done, tellWent(len(is.Went), len(is.stopped), by)))
	if text := is.view.already(currency); text != "" {
		say("already spent: " + text)
	}
	if text, remedy := is.view.exhausted(time.Now()); text != "" {
		say(text)
		say(remedy)
	}
	if len(is.Unpriced) > 0 {
		say("warning: calls of " + series(is.Unpriced) + " that come under it were answered without a price; a budget in money lets none through, and their tasks fail for good: give each model a price, or cap tokens")
	}
	return nil
}

// tellWent says how many of the tasks that a budget had stopped go on.
func tellWent(went, of int, by string) string {
	switch {
	case of == 0:
		return "no task waited for it"
	case of == 1 && went == 1:
		return "the task that " + by + " had stopped goes on"
	case of == 1:
		return "the task that " + by + " had stopped is stopped again at its next call"
	case went == of:
		return fmt.Sprintf("all %s that %s had stopped go on", plural(of, "task"), by)
	case went == 0:
		return fmt.Sprintf("all %s that %s had stopped are stopped again at their next calls", plural(of, "task"), by)
	}
	return fmt.Sprintf("%s of %s that %s had stopped go on", thousands(went), plural(of, "task"), by)
}

func budgetNames(s pawl.Status) (known []string) {
	for i := range s.Budgets {
		known = append(known, s.Budgets[i].String())
	}
	return known
}
