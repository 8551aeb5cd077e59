package inmem

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// limited is a limit.
type limited struct {
	name     string
	config   limit.Config
	state    limit.State
	closedIn int64 // the claim that it turned a task away in
	owes     *line // whose first task it turned away last
}

// call is a call that has been reserved and not settled, or was settled without an
// outcome: then it is kept for the record of the attempt, should that be lost.
type call struct {
	key   string // "" for what the claim reserved, for the first call
	limit *limited
	size  limit.Size
	cost  limit.Cost
	at    time.Time // when it may be sent

	unknown bool // it is settled; of the above only the key is left
}

func (s *Store) limit(name string) *limited {
	l := s.limits[name]
	if l == nil {
		l = &limited{name: name}
		s.limits[name] = l
	}
	return l
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
	if t, err := s.held(r.Lease); err == nil {
		t.row.Size = r.Size
	}
}

func (s *Store) reserve(now time.Time, r pawl.Reservation) pawl.Grant {
	t, err := s.held(r.Lease)
	if err != nil {
		return pawl.Grant{Err: err}
	}
	l := &limited{} // for NoLimit: nothing is limited, but the call is known
	if r.Limit != pawl.NoLimit {
		l = s.limit(r.Limit)
	}
	for i := range t.calls {
		c := &t.calls[i]
		if c.key == r.Key && !c.unknown {
			return pawl.Grant{OK: true, Wait: limit.Until(now, c.at)}
		}
		if c.key == "" && c.limit == l {
			defer s.ready(now) // it may need less than was claimed for it
			return l.convert(now, c, r)
		}
	}
	charged, a := l.state.Ask(now, l.config, l.config.Estimate(r.Size), r.Patience)
	if a.OK {
		t.calls = append(t.calls, call{key: r.Key, limit: l, size: r.Size, cost: charged, at: now.Add(a.Wait)})
	}
	return pawl.Grant{OK: a.OK, Wait: a.Wait, Gate: a.Gate}
}

// convert turns what the claim reserved into the reservation of the first call.
func (l *limited) convert(now time.Time, c *call, r pawl.Reservation) pawl.Grant {
	charged, a := l.state.Convert(now, l.config, c.cost, l.config.Estimate(r.Size), r.Patience)
	c.cost = charged
	if a.OK {
		c.key, c.size, c.at = r.Key, r.Size, now.Add(a.Wait)
	}
	return pawl.Grant{OK: a.OK, Wait: a.Wait, Gate: a.Gate}
}

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
	st.Settle(now, c.limit.config, &c.limit.state, c.size, c.cost)
	s.ready(now)
}

// abandon ends the calls of an attempt that has ended: what its claim reserved
// and nobody used is refunded, and a call without an outcome stays charged. It
// returns how many of these there are.
func (s *Store) abandon(now time.Time, t *task) (unknown int) {
	for _, c := range t.calls {
		if c.unknown {
			unknown++
			continue
		}
		c.limit.state.Release(now, c.limit.config, c.cost, c.key == "")
		if c.key != "" {
			unknown++
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
	for _, set := range settings {
		if err := check(set); err != nil {
			return err
		}
	}
	for _, set := range settings {
		if set.Queue != "" {
			s.queue(set.Queue).paused = set.Pause
			continue
		}
		s.limit(set.Limit).set(now, set)
	}
	s.ready(now)
	return nil
}

func check(set pawl.Setting) error {
	if (set.Queue == "") == (set.Limit == "") {
		return fmt.Errorf("pawl: a setting names queue %q and limit %q; want one of the two", set.Queue, set.Limit)
	}
	if set.Limit == pawl.NoLimit {
		return fmt.Errorf("pawl: %q stands for no limit; it has no settings", pawl.NoLimit)
	}
	if set.Config == nil {
		return nil
	}
	return set.Config.Validate()
}

func (l *limited) set(now time.Time, set pawl.Setting) {
	if set.Config != nil {
		l.config = *set.Config
	}
	if set.Resume {
		l.state.Resume(now)
	}
	if set.Hold != "" {
		l.state.Hold(now, time.Time{}, set.Hold)
	}
}

// Status implements [pawl.Limits].
func (s *Store) Status(ctx context.Context, now time.Time) (pawl.Status, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return pawl.Status{}, err
	}
	defer s.mu.Unlock()
	status := pawl.Status{Queues: []pawl.QueueStatus{}, Limits: []pawl.LimitStatus{}, Workers: s.workers.alive(now)}
	for _, name := range slices.Sorted(maps.Keys(s.queues)) {
		q := s.queues[name]
		counts := maps.Clone(q.counts)
		maps.DeleteFunc(counts, func(_ pawl.State, n int) bool { return n == 0 })
		status.Queues = append(status.Queues, pawl.QueueStatus{Name: name, Paused: q.paused, Counts: counts})
	}
	for _, name := range slices.Sorted(maps.Keys(s.limits)) {
		l := s.limits[name]
		status.Limits = append(status.Limits, pawl.LimitStatus{Name: name, Config: l.config, State: l.state})
	}
	return status, nil
}
