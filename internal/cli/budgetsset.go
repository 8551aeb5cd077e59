package cli

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"regexp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/price"
)

// budgetName names a budget on the command line.
type budgetName struct {
	Name string `arg:"" help:"What it is for: all, queue/NAME, operation/NAME, user/NAME or run/ID; with * as the name it is one for each user, run and so on."`
	Per  string `help:"The time that it is for, of UTC: day or month. Default: for good." placeholder:"PERIOD"`
}

// parse returns the budget without its caps, or what is wrong with the name.
func (n budgetName) parse() (pawl.Budget, error) {
	b, err := pawl.ParseBudget(n.Name)
	if err != nil {
		return b, usageError{err}
	}
	switch per := pawl.Period(n.Per); {
	case per == pawl.ForGood:
		return b, nil
	case per != pawl.PerDay && per != pawl.PerMonth:
		return b, usagef("--per is %q; want day or month", n.Per)
	case b.Per != pawl.ForGood && b.Per != per:
		return b, usagef("the budget is named %q, and --per is %s; want one of them", n.Name, n.Per)
	default:
		b.Per = per
	}
	return b, nil
}

// capFlags are what a budget caps; nil is not given.
type capFlags struct {
	Tokens  *number  `help:"Most tokens, of all kinds, such as 20000, 20k or 1.5M." placeholder:"N"`
	Money   *string  `help:"Most money, in the currency of the workers' prices; models without a price are not let in." placeholder:"X"`
	Calls   *number  `help:"Most calls that are sent." placeholder:"N"`
	Repeats *int     `help:"Of runs: how often one state of a conversation may be asked, before the run is stopped as going round in circles." placeholder:"N"`
	Warn    *float64 `help:"The share of a cap at which to warn, above 0 and up to 1. Default: 0.8." placeholder:"X"`
}

// number is a number of tokens or calls: 20000, or 20k, or 1.5M, as tables write it.
type number int64

var countable = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([kM]?)$`)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *number) UnmarshalText(b []byte) error {
	parts := countable.FindSubmatch(b)
	if parts == nil {
		return fmt.Errorf("%q is no count; want 0 for none, or a number such as 500, 20k or 1.5M", b)
	}
	r, _ := new(big.Rat).SetString(string(parts[1])) // it matches
	r.Mul(r, new(big.Rat).SetInt64(map[string]int64{"": 1, "k": 1e3, "M": 1e6}[string(parts[2])]))
	if !r.IsInt() || !r.Num().IsInt64() {
		return fmt.Errorf("%q is no whole number up to %d", b, math.MaxInt64)
	}
	*n = number(r.Num().Int64())
	return nil
}

// errNoCaps is returned where no flag says what to cap.
var errNoCaps = usagef("nothing is capped: give --tokens, --money, --calls or, for runs, --repeats")

// apply gives a budget the caps that are given.
func (f capFlags) apply(b *pawl.Budget) error {
	if f.Repeats != nil && *f.Repeats < 0 {
		return usagef("--repeats is %d; want 0 for none, or more", *f.Repeats)
	}
	if f.Repeats != nil && *f.Repeats > 0 && b.Scope != pawl.OfRun {
		return usagef("--repeats are for runs, and %s is none; want run/* or run/ID", b)
	}
	if f.Repeats != nil && *f.Repeats > 0 && b.Per != pawl.ForGood {
		return usagef("--repeats are counted as long as a run is, and %s is for a time; want it without --per", b)
	}
	if f.Warn != nil && !(*f.Warn > 0 && *f.Warn <= 1) {
		return usagef("--warn is %v; want a share above 0, up to 1", *f.Warn)
	}
	if f.Money != nil {
		m, err := price.ParseMoney(*f.Money)
		if err != nil || m < 0 {
			return usagef("--money is %q; want an amount such as 5 or 12.50, 0 for none, and %s at most", *f.Money, price.Money(math.MaxInt64))
		}
		b.Money = m
	}
	give(&b.Tokens, (*int64)(f.Tokens))
	give(&b.Calls, (*int64)(f.Calls))
	give(&b.Repeats, f.Repeats)
	give(&b.Warn, f.Warn)
	return nil
}

type budgetsSetCommand struct {
	budgetName
	capFlags
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*budgetsSetCommand) Help() string {
	return `Of a budget that is there it changes the caps that are given and leaves the others; 0 removes one. What was spent in the present day
or month counts, before the budget was set too, as the ledger has it; of run/ID, what that run has spent. Without --per any other one counts from when it
is set. It says what is spent already. A call is stopped if it comes under any budget that is used up; a budget by name stands in place of the one with * for it.
A cap that is smaller than what one call needs does not block tasks, it fails them for good; so does one of money where a model has no price.`
}

// Run implements a command of kong.
func (c *budgetsSetCommand) Run(ctx context.Context, t *terminal, open opener) error {
	b, err := c.parse()
	if err != nil {
		return err
	}
	if c.capFlags == (capFlags{}) {
		return errNoCaps
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	if err := expectRun(ctx, client, &b); err != nil {
		return err
	}
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	for i := range status.Budgets {
		if is := &status.Budgets[i].Budget; is.String() == b.String() {
			b = *is
		}
	}
	if err := c.apply(&b); err != nil {
		return err
	}
	if b.Tokens == 0 && b.Money == 0 && b.Calls == 0 && b.Repeats == 0 {
		return usagef("nothing would be capped; give --tokens, --money, --calls or, for runs, --repeats, or remove the budget: pawl budgets remove %s", shellWord(b.String()))
	}
	return budgetChange{b, "is set", client.SetBudget, true, c.json()}.run(ctx, t, client)
}

type budgetsRaiseCommand struct {
	budgetName
	capFlags
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*budgetsRaiseCommand) Help() string {
	return `It adds to the caps that the budget has, whoever else raises it at the same time. Of a budget with * it raises each account's.`
}

// Run implements a command of kong.
func (c *budgetsRaiseCommand) Run(ctx context.Context, t *terminal, open opener) error {
	b, err := c.parse()
	if err != nil {
		return err
	}
	if err := c.apply(&b); err != nil {
		return err
	}
	if b.Tokens == 0 && b.Money == 0 && b.Calls == 0 && b.Repeats == 0 {
		return usagef("nothing is raised: give what to add to --tokens, --money, --calls or, for runs, --repeats")
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	return budgetChange{b, "is raised", client.RaiseBudget, true, c.json()}.run(ctx, t, client)
}

type budgetsRemoveCommand struct {
	budgetName
	storeFlag
	outputFlag
}

// Run implements a command of kong.
func (c *budgetsRemoveCommand) Run(ctx context.Context, t *terminal, open opener) error {
	b, err := c.parse()
	if err != nil {
		return err
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	remove := func(ctx context.Context, b pawl.Budget) error { return client.RemoveBudget(ctx, b.String()) }
	return budgetChange{b, "is removed", remove, false, c.json()}.run(ctx, t, client)
}
