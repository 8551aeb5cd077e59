package durable

import (
	"context"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// Reserve implements [pawl.Limits].
func (s *Store) Reserve(ctx context.Context, now time.Time, calls []pawl.Reservation) ([]pawl.Grant, error) {
	var grants []pawl.Grant
	err := s.open(ctx, now, func(a *act) error {
		ids := make([]pawl.ID, len(calls))
		for i := range calls {
			ids[i] = calls[i].Lease.Task
		}
		records, _, err := a.held(ids, nil)
		if err != nil {
			return err
		}
		grants = make([]pawl.Grant, len(calls))
		noted := map[*Record]bool{}
		for i, r := range records {
			grants[i] = a.reserve(r, &calls[i])
			if grants[i].Err == nil && !noted[r] {
				noted[r] = true
				a.w.Calls = append(a.w.Calls, r)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return grants, nil
}

func (a *act) reserve(r *Record, c *pawl.Reservation) pawl.Grant {
	if r == nil || !r.Holds(c.Lease) {
		return pawl.Grant{Err: pawl.ErrLeaseLost}
	}
	g := a.book.reserve(a.now, r, c)
	a.tellBudget(r, &g)
	if g.Gate.Name == pawl.GateBudget {
		if g.Stop == nil {
			a.handBack(r)
		}
		return g
	}
	if !g.OK {
		// Its task waits for this call's cost when it is claimed again; else it would
		// be claimed, and turned away, over and over.
		if c.Limit == r.Limit {
			r.Size = a.book.table.TaskSize(asks(r, c))
		}
		return g // nobody is told: it would ask again at once
	}
	a.w.Bell.Ready = true // it may need less than was claimed for it
	return g
}

// handBack gives back what the claim of a task has reserved for its first call, which
// waits for a budget: until it may go, its limit is for others. Then it is a later call of
// a running task, and comes before all that are not claimed yet.
func (a *act) handBack(r *Record) {
	r.Calls = slices.DeleteFunc(slices.Clone(r.Calls), func(c Call) bool {
		if c.Key != "" {
			return false
		}
		a.settle(r, &c, pawl.Settlement{Outcome: pawl.CallNotSent})
		return true
	})
}

// tellBudget tells of a budget of which much or all is used.
func (a *act) tellBudget(r *Record, g *pawl.Grant) {
	why := g.Warn
	if g.Stop != nil {
		why = g.Stop.Why
	}
	if why == "" || a.types&typesOf(pawl.EventBudget) == 0 {
		return
	}
	e := a.event(pawl.EventBudget, &r.TaskRow)
	e.Message = why
	a.send(e)
}
