package durable

import (
	"time"

	"github.com/pawlhq/pawl"
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
	case p.Settle != nil:
		b.settle(p.At, p.Settle)
	}
}

// settle ends a reserved call.
func (b *Book) settle(now time.Time, st *Settled) {
	l := b.limit(st.Limit)
	b.touch(l)
	st.Settle(now, l.Config, &l.State, st.Size, st.Cost)
}

// reserve takes what a call of a running task will cost.
func (b *Book) reserve(now time.Time, t *Record, r *pawl.Reservation) pawl.Grant {
	l := &limited{} // for NoLimit: nothing is limited, but the call is known
	if r.Limit != pawl.NoLimit {
		l = b.limit(r.Limit)
		b.touch(l)
	}
	for i := range t.Calls {
		c := &t.Calls[i]
		if c.Key == r.Key && !c.Unknown {
			return pawl.Grant{OK: true, Wait: limit.Until(now, c.At)}
		}
		if c.Key == "" && c.Limit == r.Limit {
			return l.convert(now, c, r)
		}
	}
	charged, a := l.State.Ask(now, l.Config, l.Config.Estimate(r.Size), r.Patience)
	if a.OK {
		t.Calls = append(t.Calls, Call{Key: r.Key, Limit: r.Limit, Size: r.Size, Cost: charged, At: now.Add(a.Wait)})
	}
	return pawl.Grant{OK: a.OK, Wait: a.Wait, Gate: a.Gate}
}

// convert turns what the claim reserved into the reservation of the first call.
func (l *limited) convert(now time.Time, c *Call, r *pawl.Reservation) pawl.Grant {
	charged, a := l.State.Convert(now, l.Config, c.Cost, l.Config.Estimate(r.Size), r.Patience)
	c.Cost = charged
	if a.OK {
		c.Key, c.Size, c.At = r.Key, r.Size, now.Add(a.Wait)
	}
	return pawl.Grant{OK: a.OK, Wait: a.Wait, Gate: a.Gate}
}

// set changes a limit as an operator says.
func (l *limited) set(now time.Time, set *pawl.Setting) {
	if set.Config != nil {
		l.Config = *set.Config
	}
	if set.Resume {
		l.State.Resume(now)
	}
	if set.Hold != "" {
		l.State.Hold(now, time.Time{}, set.Hold)
	}
}
