package budget

import (
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
)

// Explain returns the budget that stops the next call of a task that waits for its
// start, whatever that call needs; of several the one that lets it go last, nil if none
// does. It changes nothing.
func (t *Table) Explain(now time.Time, r *pawl.TaskRow) *pawl.Stop {
	switch {
	case !t.Any() || r.State != pawl.Pending && r.State != pawl.Scheduled:
		return nil
	case r.State == pawl.Scheduled && r.Due.After(now):
		now = r.Due
	}
	var last *pawl.Stop
	t.under(r.Queue, r.Operation, r.User, r.Run, func(b *Budget, name string) {
		a := b.accounts[name]
		if a == nil {
			return // nothing is spent
		}
		if stop := a.exhausted(now); stop != nil && (last == nil || stop.Outlasts(last)) {
			last = stop
		}
	})
	return last
}

// exhausted returns the stop of an account that lets no call go, however small it is; nil
// if it lets some.
func (a *Account) exhausted(now time.Time) *pawl.Stop {
	if a.budget.Repeats > 0 && a.Stopped != "" {
		return a.halt()
	}
	as := Account{Spent: a.status(now).Spent, budget: a.budget}
	for _, c := range as.caps(&Ask{}) {
		if c.most > 0 && c.spent >= c.most {
			return a.stop(now, false, fmt.Sprintf("budget %s: %s", a, c.used()))
		}
	}
	return nil
}
