package inmem

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
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

	unknown bool // it is settled; of the above only the key is left
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
		if !grants[i].OK {
			s.turnAway(r)
		}
	}
	return grants, nil
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
	for i := range t.calls {
		c := &t.calls[i]
		if c.key == r.Key && !c.unknown {
			return pawl.Grant{OK: true, Wait: limit.Until(now, c.at)}
		}
		if c.key == "" && c.limit == r.Limit {
			charged, a := s.table.Convert(now, c.charged, asks(t, &r), c.size, r.Patience)
			if c.charged = charged; a.OK {
				c.key, c.size, c.at = r.Key, r.Size, now.Add(a.Wait)
				s.ready(now) // it may need less than was claimed for it
			}
			return granted(a)
		}
	}
	charged, a := admission.Charged{}, limit.Answer{OK: true} // for NoLimit nothing is limited, but the call is known
	if r.Limit != pawl.NoLimit {
		charged, a = s.table.Reserve(now, asks(t, &r), r.Patience)
	}
	if a.OK {
		t.calls = append(t.calls, call{key: r.Key, limit: r.Limit, size: r.Size, charged: charged, at: now.Add(a.Wait)})
	}
	return granted(a)
}

func granted(a limit.Answer) pawl.Grant { return pawl.Grant{OK: a.OK, Wait: a.Wait, Gate: a.Gate} }

// settle ends a reserved call. One that is not reserved was settled before.
func (s *Store) settle(now time.Time, t *task, st pawl.Settlement) {
	i := slices.IndexFunc(t.calls, func(c call) bool { return c.key == st.Key && !c.unknown })
	if i < 0 {
		return
	}
	c := t.calls[i]
	if st.Outcome == pawl.CallUnknown {
		t.calls[i] = call{key: c.key, unknown: true}
	} else {
		t.calls = slices.Delete(t.calls, i, i+1)
	}
	s.end(now, t, &c, st)
	s.ready(now)
}

// end takes a call out of its limit. Calls without one are nobody's.
func (s *Store) end(now time.Time, t *task, c *call, st pawl.Settlement) {
	if c.limit == pawl.NoLimit {
		return
	}
	s.table.Settle(now, &admission.Ended{
		Limit: c.limit, Operation: t.row.Operation, Size: c.size, Charged: c.charged, Settlement: st,
	})
}

// abandon ends the calls of an attempt that has ended: what its claim reserved
// and nobody used is refunded, and a call without an outcome stays charged. It
// returns how many of these there are.
func (s *Store) abandon(now time.Time, t *task) (unknown int) {
	for i := range t.calls {
		c := &t.calls[i]
		if c.unknown {
			unknown++
			continue
		}
		switch {
		case c.key != "":
			s.end(now, t, c, pawl.Settlement{Outcome: pawl.CallUnknown})
			unknown++
		case c.charged.Plain() && c.limit != pawl.NoLimit:
			s.table.Refund(now, &admission.Charge{Limit: c.limit, Cost: c.charged.Cost})
		default:
			s.end(now, t, c, pawl.Settlement{Outcome: pawl.CallNotSent})
		}
	}
	if len(t.calls) > 0 {
		s.ready(now)
	}
	t.calls = nil
	return unknown
}

// Configure implements [pawl.Limits].
func (s *Store) Configure(ctx context.Context, now time.Time, settings []pawl.Setting) error {
	now, err := s.enter(ctx, now)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	if err := s.table.Check(settings); err != nil {
		return err
	}
	for i := range settings {
		if set := &settings[i]; set.Queue != "" {
			s.queue(set.Queue).paused = set.Pause
		} else {
			s.table.Configure(now, set)
		}
	}
	s.ready(now)
	return nil
}

// Status implements [pawl.Limits].
func (s *Store) Status(ctx context.Context, now time.Time) (pawl.Status, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return pawl.Status{}, err
	}
	defer s.mu.Unlock()
	status := pawl.Status{Queues: []pawl.QueueStatus{}, Limits: s.table.Status(), Workers: s.workers.alive(now)}
	for _, name := range slices.Sorted(maps.Keys(s.queues)) {
		q := s.queues[name]
		counts := maps.Clone(q.counts)
		maps.DeleteFunc(counts, func(_ pawl.State, n int) bool { return n == 0 })
		status.Queues = append(status.Queues, pawl.QueueStatus{Name: name, Paused: q.paused, Counts: counts})
	}
	return status, nil
}
