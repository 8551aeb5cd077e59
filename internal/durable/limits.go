package durable

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
	"github.com/pawlhq/pawl/internal/budget"
	"github.com/pawlhq/pawl/internal/ledger"
	"github.com/pawlhq/pawl/limit"
)

// enter makes true what a post says.
func (b *Book) enter(p *Post) {
	switch {
	case p.Arrive != nil && p.Arrive.Tasks < 0:
		a := *p.Arrive
		a.Tasks = -a.Tasks
		b.leave(&a)
	case p.Arrive != nil:
		b.arrive(p.Arrive)
	case p.Correct != nil:
		b.correct(p.Correct)
	case p.Refund != nil:
		b.table.Refund(p.At, p.Refund)
	case p.Settle != nil:
		b.table.Settle(p.At, p.Settle)
	case p.Budget != nil:
		b.budgets.Configure(p.At, &pawl.Setting{Budget: p.Budget}) // nothing opens: the run is new
	}
	b.spend(p)
	for _, run := range p.Forget {
		if b.budgets.Knows(run) {
			b.forgotten = append(b.forgotten, run)
		}
	}
	if h := ledger.HourOf(p.At); len(p.Entries) > 0 {
		b.ledger.tails.enter(h, p.Entries, 1)
	} else if len(p.Joined) > 0 {
		b.ledger.joined.enter(h, p.Joined, 1)
	}
}

// spend settles a call with its budgets. Who has none does not read its entry; and what is
// none is told by whoever merges it.
func (b *Book) spend(p *Post) {
	spend := p.Spend
	if b.budgets.Any() {
		for e, err := range ledger.Unpack(p.Entries) {
			if err != nil {
				break
			}
			b.budgets.Settle(p.At, spend, e)
			spend = nil
		}
	}
	if spend != nil {
		b.budgets.Settle(p.At, spend, nil)
	}
}

// forgetRuns drops what there is of runs of which a task was removed, if it was the last
// one. Few runs have budgets.
func (b *Book) forgetRuns(v View) error {
	for _, run := range b.forgotten {
		left, err := v.Find(pawl.Filter{Run: run, Max: 1, Bare: true}, time.Time{})
		if err != nil {
			return err
		}
		if len(left) == 0 {
			b.budgets.Forget(run)
		}
	}
	b.forgotten = nil
	return nil
}

func asks(t *Record, r *pawl.Reservation) *admission.Ask {
	return &admission.Ask{Limit: r.Limit, User: t.User, Operation: t.Operation, Size: r.Size}
}

// reserve takes what a call of a running task will cost.
func (b *Book) reserve(now time.Time, t *Record, r *pawl.Reservation) pawl.Grant {
	var open []string
	for i := range t.Calls {
		switch c := &t.Calls[i]; {
		case c.Unknown:
			open = append(open, c.Step)
		case c.Key == r.Key:
			return pawl.Grant{OK: true, Wait: limit.Until(now, c.At)}
		}
	}
	worth, need := budget.WorthOf(&t.TaskRow, r, open, b.table.Fit(r.Limit, t.Operation))
	switch v := b.budgets.Look(now, need); {
	case v.Stop != nil:
		return pawl.Grant{Stop: v.Stop, Gate: limit.Gate{Name: pawl.GateBudget, Reason: v.Stop.Why}}
	case v.Wait != "":
		return pawl.Grant{Wait: budget.Look, Gate: limit.Gate{Name: pawl.GateBudget, Reason: v.Wait}}
	}
	c, g := b.charge(now, t, r)
	if g.OK {
		var held budget.Held
		held, g.Warn = b.budgets.Take(now, need)
		c.Worth, c.Accounts = worth, held.Accounts
	}
	return g
}

// charge charges a call to its limit. If it is granted, it is among the task's calls.
func (b *Book) charge(now time.Time, t *Record, r *pawl.Reservation) (*Call, pawl.Grant) {
	for i := range t.Calls {
		c := &t.Calls[i]
		if c.Key == "" && c.Limit == r.Limit {
			charged, a := b.table.Convert(now, c.Charged, asks(t, r), c.Size, r.Patience)
			if c.Charged = charged; a.OK {
				c.Key, c.Size, c.At = r.Key, r.Size, now.Add(a.Wait)
			}
			return c, granted(a)
		}
	}
	charged, a := admission.Charged{}, limit.Answer{OK: true} // for NoLimit nothing is limited, but the call is known
	if r.Limit != pawl.NoLimit {
		charged, a = b.table.Reserve(now, asks(t, r), r.Patience)
	}
	if !a.OK {
		return nil, granted(a)
	}
	t.Calls = append(t.Calls, Call{Key: r.Key, Limit: r.Limit, Size: r.Size, Charged: charged, At: now.Add(a.Wait)})
	return &t.Calls[len(t.Calls)-1], granted(a)
}

func granted(a limit.Answer) pawl.Grant { return pawl.Grant{OK: a.OK, Wait: a.Wait, Gate: a.Gate} }
