package inmem

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
	"github.com/pawlhq/pawl/internal/budget"
	"github.com/pawlhq/pawl/limit"
)

// call is a call that has been reserved and not settled, or was settled without an
// outcome: then it is kept for the record of the attempt, should that be lost.
type call struct {
	key     string // "" for what the claim reserved, for the first call
	limit   string
	size    limit.Size
	charged admission.Charged
	at      time.Time // when it may be sent
	worth   budget.Worth

	unknown bool // it is settled; only the key and the step are left
}

// Reserve implements [pawl.Limits].
func (s *Store) Reserve(ctx context.Context, now time.Time, calls []pawl.Reservation) ([]pawl.Grant, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	grants := make([]pawl.Grant, len(calls))
	for i, r := range calls {
		grants[i] = s.reserve(now, r)
		switch g := &grants[i]; {
		case g.Gate.Name == pawl.GateBudget && g.Stop == nil:
			s.handBack(now, r.Lease)
		case !g.OK && g.Gate.Name != pawl.GateBudget:
			s.turnAway(r)
		}
	}
	return grants, nil
}

// handBack gives back what the claim of a task has reserved for its first call, which
// waits for a budget: until it may go, its limit is for others. Then it is a later call of
// a running task, and comes before all that are not claimed yet.
func (s *Store) handBack(now time.Time, l pawl.Lease) {
	t, err := s.held(l)
	if err != nil {
		return
	}
	t.calls = slices.DeleteFunc(t.calls, func(c call) bool {
		if c.key != "" {
			return false
		}
		s.release(now, t, &c)
		s.ready(now)
		return true
	})
	s.hungry = true // it asks again when another call has ended
}

// turnAway has the task of a call that was refused wait for that call's cost when
// it is claimed again; else it would be claimed, and turned away, over and over.
func (s *Store) turnAway(r pawl.Reservation) {
	s.hungry = true
	if t, err := s.held(r.Lease); err == nil && t.row.Limit == r.Limit {
		t.row.Size = s.table.TaskSize(asks(t, &r))
	}
}

func asks(t *task, r *pawl.Reservation) *admission.Ask {
	return &admission.Ask{Limit: r.Limit, User: t.row.User, Operation: t.row.Operation, Size: r.Size}
}

func (s *Store) reserve(now time.Time, r pawl.Reservation) pawl.Grant {
	t, err := s.held(r.Lease)
	if err != nil {
		return pawl.Grant{Err: err}
	}
	var open []string
	for i := range t.calls {
		switch c := &t.calls[i]; {
		case c.unknown:
			open = append(open, c.worth.Step)
		case c.key == r.Key:
			return pawl.Grant{OK: true, Wait: limit.Until(now, c.at)}
		}
	}
	worth, need := budget.WorthOf(&t.row, &r, open, s.table.Fit(r.Limit, t.row.Operation))
	switch v := s.budgets.Look(now, need); {
	case v.Stop != nil:
		s.tellBudget(now, t, v.Stop.Why)
		return pawl.Grant{Stop: v.Stop, Gate: limit.Gate{Name: pawl.GateBudget, Reason: v.Stop.Why}}
	case v.Wait != "":
		return pawl.Grant{Wait: budget.Look, Gate: limit.Gate{Name: pawl.GateBudget, Reason: v.Wait}}
	}
	c, g := s.charge(now, t, &r)
	if g.OK {
		held, warn := s.budgets.Take(now, need)
		if c.worth, c.worth.Accounts, g.Warn = worth, held.Accounts, warn; warn != "" {
			s.tellBudget(now, t, warn)
		}
	}
	return g
}

// tellBudget tells of a budget of which much or all is used.
func (s *Store) tellBudget(now time.Time, t *task, why string) {
	e := eventOf(now, pawl.EventBudget, &t.row)
	e.Message = why
	s.send(e)
}

// charge charges a call to its limit. If it is granted, it is among the task's calls.
func (s *Store) charge(now time.Time, t *task, r *pawl.Reservation) (*call, pawl.Grant) {
	for i := range t.calls {
		c := &t.calls[i]
		if c.key == "" && c.limit == r.Limit {
			charged, a := s.table.Convert(now, c.charged, asks(t, r), c.size, r.Patience)
			if c.charged = charged; a.OK {
				c.key, c.size, c.at = r.Key, r.Size, now.Add(a.Wait)
				s.ready(now) // it may need less than was claimed for it
			}
			return c, granted(a)
		}
	}
	charged, a := admission.Charged{}, limit.Answer{OK: true} // for NoLimit nothing is limited, but the call is known
	if r.Limit != pawl.NoLimit {
		charged, a = s.table.Reserve(now, asks(t, r), r.Patience)
	}
	if !a.OK {
		return nil, granted(a)
	}
	t.calls = append(t.calls, call{key: r.Key, limit: r.Limit, size: r.Size, charged: charged, at: now.Add(a.Wait)})
	return &t.calls[len(t.calls)-1], granted(a)
}

func granted(a limit.Answer) pawl.Grant { return pawl.Grant{OK: a.OK, Wait: a.Wait, Gate: a.Gate} }

// settle ends a reserved call. One that is not reserved was settled before.
func (s *Store) settle(now time.Time, t *task, st pawl.Settlement) {
	i := slices.IndexFunc(t.calls, func(c call) bool { return c.key == st.Key && !c.unknown })
	if i < 0 {
		return
	}
	c := t.calls[i]
	if st.Kind() == pawl.EntryUnknown {
		t.calls[i] = call{key: c.key, worth: budget.Worth{Step: c.worth.Step}, unknown: true}
	} else {
		t.calls = slices.Delete(t.calls, i, i+1)
	}
	s.end(now, t, &c, st)
	s.ready(now)
}

// end settles a call: with its limit, its budgets and the ledger.
func (s *Store) end(now time.Time, t *task, c *call, st pawl.Settlement) {
	var entry *pawl.Entry
	if c.key != "" {
		if entry = c.worth.Entry(now, &t.row, c.key, c.limit, &st); entry != nil {
			s.ledger.enter(entry)
		}
	}
	if spent := c.worth.Spend(&st); spent != nil || entry != nil {
		s.budgets.Settle(now, spent, entry)
	}
	if c.limit == pawl.NoLimit {
		return
	}
	s.table.Settle(now, &admission.Ended{
		Limit: c.limit, Operation: t.row.Operation, Size: c.size, Charged: c.charged, Settlement: st,
	})
}

// abandon ends the calls of an attempt that has ended: what its claim reserved
// and nobody used is refunded, and a call without an outcome stays charged. It
// returns these, as [pawl.Attempt.Open] has them.
func (s *Store) abandon(now time.Time, t *task) (open []string) {
	for i := range t.calls {
		c := &t.calls[i]
		if c.unknown {
			open = append(open, c.worth.Step)
			continue
		}
		if c.key == "" {
			s.release(now, t, c)
			continue
		}
		s.end(now, t, c, pawl.Settlement{Outcome: pawl.CallUnknown})
		open = append(open, c.worth.Step)
	}
	if len(t.calls) > 0 {
		s.ready(now)
	}
	t.calls = nil
	return open
}

// release refunds what a claim reserved for a call that was not made.
func (s *Store) release(now time.Time, t *task, c *call) {
	if c.charged.Plain() && c.limit != pawl.NoLimit {
		s.table.Refund(now, &admission.Charge{Limit: c.limit, Cost: c.charged.Cost})
		return
	}
	s.end(now, t, c, pawl.Settlement{Outcome: pawl.CallNotSent})
}

// Configure implements [pawl.Limits].
func (s *Store) Configure(ctx context.Context, now time.Time, settings []pawl.Setting) error {
	now, err := s.enter(ctx, now)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	if err := errors.Join(s.table.Check(settings), s.budgets.Check(settings)); err != nil {
		return err
	}
	for i := range settings {
		switch set := &settings[i]; {
		case set.Queue != "":
			s.queue(set.Queue).paused = set.Pause
		case set.Similar != nil:
			s.unlike(now, set.Similar)
		case set.Budget != nil:
			if err := s.setBudget(now, set); err != nil {
				return err
			}
		default:
			s.table.Configure(now, set)
		}
	}
	s.ready(now)
	return nil
}

// setBudget makes a setting of a budget; accounts that open by it begin with what the
// ledger has.
func (s *Store) setBudget(now time.Time, set *pawl.Setting) error {
	o := s.budgets.Configure(now, set)
	if o == nil {
		return nil
	}
	f, by := o.Asks()
	rows, err := s.usage(f, by)
	if err != nil {
		return err
	}
	spent := map[string]pawl.Spent{}
	o.Sum(spent, rows)
	s.budgets.Open(now, o, spent)
	return nil
}

// Status implements [pawl.Limits].
func (s *Store) Status(ctx context.Context, now time.Time) (pawl.Status, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return pawl.Status{}, err
	}
	defer s.mu.Unlock()
	status := pawl.Status{Queues: []pawl.QueueStatus{}, Limits: s.table.Status(), Budgets: s.budgets.Status(now), Workers: s.workers.alive(now)}
	for _, name := range slices.Sorted(maps.Keys(s.queues)) {
		q := s.queues[name]
		counts := maps.Clone(q.counts)
		maps.DeleteFunc(counts, func(_ pawl.State, n int) bool { return n == 0 })
		status.Queues = append(status.Queues, pawl.QueueStatus{Name: name, Paused: q.paused, Counts: counts})
	}
	return status, nil
}
