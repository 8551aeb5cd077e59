package durable

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
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
	}
}

func asks(t *Record, r *pawl.Reservation) *admission.Ask {
	return &admission.Ask{Limit: r.Limit, User: t.User, Operation: t.Operation, Size: r.Size}
}

// reserve takes what a call of a running task will cost.
func (b *Book) reserve(now time.Time, t *Record, r *pawl.Reservation) pawl.Grant {
	for i := range t.Calls {
		c := &t.Calls[i]
		if c.Key == r.Key && !c.Unknown {
			return pawl.Grant{OK: true, Wait: limit.Until(now, c.At)}
		}
		if c.Key == "" && c.Limit == r.Limit {
			charged, a := b.table.Convert(now, c.Charged, asks(t, r), c.Size, r.Patience)
			if c.Charged = charged; a.OK {
				c.Key, c.Size, c.At = r.Key, r.Size, now.Add(a.Wait)
			}
			return granted(a)
		}
	}
	charged, a := admission.Charged{}, limit.Answer{OK: true} // for NoLimit nothing is limited, but the call is known
	if r.Limit != pawl.NoLimit {
		charged, a = b.table.Reserve(now, asks(t, r), r.Patience)
	}
	if a.OK {
		t.Calls = append(t.Calls, Call{Key: r.Key, Limit: r.Limit, Size: r.Size, Charged: charged, At: now.Add(a.Wait)})
	}
	return granted(a)
}

func granted(a limit.Answer) pawl.Grant { return pawl.Grant{OK: a.OK, Wait: a.Wait, Gate: a.Gate} }
