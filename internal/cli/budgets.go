package cli

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

type budgetsCommand struct {
	List   budgetsListCommand   `cmd:"" default:"withargs" help:"List the budgets: what they cap, and how much of it is used."`
	Set    budgetsSetCommand    `cmd:"" help:"Set a budget, for all workers at once."`
	Raise  budgetsRaiseCommand  `cmd:"" help:"Add to what a budget allows: what it had stopped goes on."`
	Remove budgetsRemoveCommand `cmd:"" help:"Remove a budget: what it had stopped goes on."`
}

type budgetsListCommand struct {
	All bool `help:"List budgets of single runs that have ended, too, and all accounts that are known of budgets for each user, run and so on, 100 of each, not the few of which most is used."`
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*budgetsListCommand) Help() string {
	return `A budget of a name with * is one for each: below it stand its accounts, those first of which most is used. SPENT has calls whose
outcome is unknown too, with what was expected of them; pawl usage tells them apart. RESERVED is for calls under way. Where a budget is used up its tasks wait as blocked, with all that they have stored; pawl tasks --state blocked lists them.`
}

// Run implements a command of kong.
func (c *budgetsListCommand) Run(ctx context.Context, t *terminal, open opener) error {
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	views, err := readBudgets(ctx, client)
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, struct {
			Budgets []budgetView `json:"budgets"`
		}{views})
	}
	if len(views) == 0 {
		fmt.Fprintln(t.out, "no budgets: pawl budgets set --help says how one is set")
		return nil
	}
	most := fewAccounts
	if c.All {
		most = math.MaxInt
	}
	shown := views
	if !c.All {
		shown = slices.DeleteFunc(slices.Clone(views), func(v budgetView) bool { return v.Ended })
	}
	if len(shown) > 0 {
		budgetTable(shown, most, time.Now()).print(t.out, t.width(), t.palette)
	}
	if ended := len(views) - len(shown); ended > 0 {
		fmt.Fprintf(t.out, "and %s of single runs that have ended (--all)\n", plural(ended, "budget"))
	}
	return nil
}

// budgetView is how a budget stands, as JSON.
type budgetView struct {
	Title string `json:"budget"` // its name, as commands take it
	pawl.Budget
	Accounts []accountView `json:"accounts"` // those of which most is used first
	Of       int           `json:"of"`       // how many there are
	Blocked  int           `json:"blocked"`  // tasks that it keeps waiting
	Ended    bool          `json:"ended"`    // it is of a single run that has ended, or is not there
}

type accountView struct {
	pawl.Account
	Share float64 `json:"share"` // how much of the cap that is nearest is used and reserved, 1 for all of it
}

func readBudgets(ctx context.Context, client *pawl.Client) ([]budgetView, error) {
	status, err := client.Status(ctx)
	if err != nil {
		return nil, err
	}
	blocked := map[string]int{}
	if len(status.Budgets) > 0 {
		if err := eachBlocked(ctx, client, func(r *pawl.TaskRow) { blocked[waitOf(r).Budget]++ }); err != nil {
			return nil, err
		}
	}
	views := []budgetView{}
	for i := range status.Budgets {
		v := viewBudget(&status.Budgets[i], blocked)
		if v.Scope == pawl.OfRun && v.isOne() {
			goes, err := goesOn(ctx, client, v.Budget.Name)
			if err != nil {
				return nil, err
			}
			v.Ended = !goes
		}
		views = append(views, v)
	}
	return views, nil
}

// goesOn reports whether a run has tasks that have not ended.
func goesOn(ctx context.Context, client *pawl.Client, run string) (bool, error) {
	id, err := pawl.ParseID(run)
	if err != nil {
		return false, err
	}
	rows, err := client.List(ctx, pawl.Filter{Run: id, States: goingOn, Max: 1})
	return len(rows) > 0, err
}

// eachBlocked calls look for each blocked task.
func eachBlocked(ctx context.Context, client *pawl.Client, look func(*pawl.TaskRow)) error {
	f := pawl.Filter{States: []pawl.State{pawl.Blocked}, Max: lookMost}
	for {
		rows, err := client.List(ctx, f)
		if err != nil {
			return err
		}
		for _, r := range rows {
			look(r)
		}
		if len(rows) < lookMost {
			return nil
		}
		f.After = rows[len(rows)-1].ID
	}
}

func viewBudget(b *pawl.BudgetStatus, blocked map[string]int) budgetView {
	v := budgetView{Title: b.String(), Budget: b.Budget, Accounts: []accountView{}, Of: b.Of, Blocked: blocked[b.String()]}
	for _, a := range b.Accounts {
		v.Accounts = append(v.Accounts, accountView{a, a.Share(&b.Budget)})
	}
	return v
}
