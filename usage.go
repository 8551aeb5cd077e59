package pawl

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Usage yields what the entries of the ledger that f selects amount to, by dimensions;
// without any it is what all of them amount to. Of ByHour, ByDay and ByMonth it takes one.
// Rows come sorted by their key. An error ends the sequence. Sums are kept by the hour for 90 days and then by the day, for
// ever; what is asked by run or for a run is known for 30 days.
func (c *Client) Usage(ctx context.Context, f LedgerFilter, by ...Dimension) iter.Seq2[UsageRow, error] {
	return func(yield func(UsageRow, error) bool) {
		rows, err := c.store.Usage(ctx, c.now, f, by)
		if err != nil {
			yield(UsageRow{}, err)
			return
		}
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Entries yields the entries of the ledger that f selects, oldest hour first; they are
// kept for 30 days. An error ends the sequence.
func (c *Client) Entries(ctx context.Context, f LedgerFilter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for {
			part, err := c.store.Entries(ctx, c.now, f)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range part.Entries {
				if !yield(e, nil) {
					return
				}
			}
			if part.Next.IsZero() {
				return
			}
			f.Since = part.Next
		}
	}
}

// SetBudget sets a budget, in place of the one with the same Scope, Name and Per if
// there is one, and has what that had blocked go on. What is spent in the present period
// counts: of a budget that is there already, what it has counted; of a new one, what the
// ledger has, as [Budget] says. One by name takes the place of the one for each. Where it
// is removed, that one counts what was spent in its place in the present period.
func (c *Client) SetBudget(ctx context.Context, b Budget) error {
	return c.changeBudget(ctx, Setting{Budget: &b})
}

// RaiseBudget adds to the caps that a budget has, and has what it had blocked go on. It
// returns ErrNoBudget if there is no budget of the Scope, Name and Per, and an error if
// that does not cap what is to be raised: it would be less then than before.
func (c *Client) RaiseBudget(ctx context.Context, by Budget) error {
	return c.changeBudget(ctx, Setting{Budget: &by, Raise: true})
}

// RemoveBudget removes a budget, and has what it had blocked go on. It returns
// ErrNoBudget if there is none of the name, as [Budget.String] has it.
func (c *Client) RemoveBudget(ctx context.Context, name string) error {
	b, err := ParseBudget(name)
	if err != nil {
		return err
	}
	status, err := c.store.Status(ctx, c.now)
	if err != nil {
		return err
	}
	for i := range status.Budgets {
		if status.Budgets[i].String() == b.String() {
			return c.changeBudget(ctx, Setting{Budget: &b, Remove: true})
		}
	}
	// Whoever removed it may have got no further.
	return errors.Join(fmt.Errorf("budget %s: %w", &b, ErrNoBudget), c.resume(ctx, b))
}

// changeBudget makes a setting, and then has go on what the budget had blocked. A crash
// between the two leaves it blocked; whoever makes the setting again has it go on.
func (c *Client) changeBudget(ctx context.Context, s Setting) error {
	if err := c.store.Configure(ctx, c.now, []Setting{s}); err != nil {
		return err
	}
	if err := c.resume(ctx, *s.Budget); err != nil {
		return errors.Join(fmt.Errorf("pawl: budget %s is changed, but what it had blocked may not go on before it is set again", s.Budget), err)
	}
	return nil
}

// resume has go on what a budget had blocked, or, of what the budget is for by name, the
// one for each in whose place it is.
func (c *Client) resume(ctx context.Context, b Budget) error {
	f := b.blocked()
	for {
		if _, err := c.store.Change(ctx, c.now, f, Change{Do: Resume, Budget: b.String()}); err != nil || b.Name == "" {
			return err
		}
		b.Name = ""
	}
}

// blocked selects the tasks that a budget may have blocked.
func (b *Budget) blocked() Filter {
	f := Filter{States: []State{Blocked}}
	switch b.Scope {
	case OfQueue:
		f.Queue = b.Name
	case OfOperation:
		f.Operation = b.Name
	case OfUser:
		f.User = b.Name
	case OfRun:
		f.Run, _ = ParseID(b.Name) // zero for each
	}
	return f
}

// Budgets returns the budgets by name, with what is spent of each.
func (c *Client) Budgets(ctx context.Context) ([]BudgetStatus, error) {
	status, err := c.store.Status(ctx, c.now)
	return status.Budgets, err
}
