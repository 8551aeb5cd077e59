package admission

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// Ended is a call that was charged and has ended.
type Ended struct {
	Limit     string     `json:"limit"`
	Operation string     `json:"operation,omitempty"`
	Size      limit.Size `json:"size"`
	Charged
	pawl.Settlement
}

// Settle ends a call, at all that it was charged to. A blocked account holds the
// outermost of its limits, for it is the account's.
func (t *Table) Settle(now time.Time, e *Ended) {
	l := t.Limit(e.Limit)
	fit := l.fit(e.Operation)
	for i := range e.More {
		m := &e.More[i]
		k := Key{m.Limit, m.User}
		s := t.of(k)
		e.Account(now, *s.config, s.state, fit, e.Size, m.Cost)
		t.touch(k)
	}
	e.Settle(now, l.Config, &l.State, fit, e.Size, e.Cost)
	if e.Outcome == pawl.CallBlocked {
		outer := t.outermost(l)
		outer.State.Hold(now, e.HoldUntil(now), e.Reason)
		t.Touch(outer)
	}
	e.learn(l)
	t.Touch(l)
}

// Plain reports whether nothing but its limit was charged for a call, and the call is
// no trial of the limit: then the charges of several such calls can be given back
// together.
func (c *Charged) Plain() bool { return len(c.More) == 0 && !c.Cost.Probe && !c.Cost.Cold }

// Refund gives back what a limit charged for calls that were not sent.
func (t *Table) Refund(now time.Time, c *Charge) {
	l := t.Limit(c.Limit)
	l.State.Release(now, l.Config, c.Cost, true)
	t.Touch(l)
}

// learn takes in what a call used, and what the provider said of it.
func (e *Ended) learn(l *Limit) {
	if e.Outcome == pawl.CallAnswered {
		l.learn(e.Operation).Learn(e.Size, e.Used())
	}
	if e.Told.Requested > 0 && e.Told.Kind == "tokens" {
		l.learn(e.Operation).Charged(e.Size, e.Told.Requested)
	}
}

func (t *Table) outermost(l *Limit) *Limit {
	for depth := 0; l.Config.Within != "" && depth < deepest; depth++ {
		l = t.Limit(l.Config.Within)
	}
	return l
}

// TaskSize returns the size that a task has whose first call is of a size: it is
// claimed as if it were that call.
func (t *Table) TaskSize(a *Ask) limit.Size { return t.Limit(a.Limit).fit(a.Operation).Task(a.Size) }
