package durable

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
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
func (b *Book) settle(now time.Time, st *Settlement) {
	l := b.limit(st.Limit)
	b.touch(l)
	s, c := &l.State, l.Config
	switch st.Outcome {
	case pawl.CallAnswered:
		s.Settle(now, c, st.Cost, c.Actual(st.Size, st.Used))
	case pawl.CallThrottled:
		s.Refuse(now, c, st.Cost, st.After, st.Reason)
	case pawl.CallBlocked:
		s.Release(now, c, st.Cost, true)
		s.Hold(now, holdUntil(now, st.After), st.Reason)
	case pawl.CallNotSent:
		s.Release(now, c, st.Cost, true)
	case pawl.CallUnknown:
		s.Release(now, c, st.Cost, false)
	default:
		s.Settle(now, c, st.Cost, limit.Cost{Requests: st.Cost.Requests})
	}
	s.Observe(now, now.Add(-st.SentAgo), c, st.Seen)
}

func holdUntil(now time.Time, after time.Duration) time.Time {
	if after <= 0 {
		return time.Time{}
	}
	return now.Add(after)
}

func observation(seen llm.Limits) limit.Observation {
	return limit.Observation{
		Requests: limit.Seen(seen.Requests), Tokens: limit.Seen(seen.Tokens),
		Input: limit.Seen(seen.InputTokens), Output: limit.Seen(seen.OutputTokens),
	}
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
		if c.Key == r.Key {
			return pawl.Grant{OK: true, Wait: until(now, c.At)}
		}
		if c.Key == "" && c.Limit == r.Limit {
			return l.convert(now, c, r)
		}
	}
	charged, at, gate := l.State.Reserve(now, l.Config, l.Config.Estimate(r.Size))
	if at.IsZero() {
		return pawl.Grant{Gate: gate, Wait: until(now, gate.Until)}
	}
	g := pawl.Grant{OK: true, Wait: until(now, at), Gate: gate}
	if g.Wait > r.Patience {
		l.State.Release(now, l.Config, charged, true)
		g.OK = false
		return g
	}
	t.Calls = append(t.Calls, Call{Key: r.Key, Limit: r.Limit, Size: r.Size, Cost: charged, At: at})
	return g
}

// convert turns what the claim reserved into the reservation of the first call.
func (l *limited) convert(now time.Time, c *Call, r *pawl.Reservation) pawl.Grant {
	stood, before, wanted := l.State, c.Cost, l.Config.Estimate(r.Size)
	charged, at := l.State.Adjust(now, l.Config, before, wanted)
	g := pawl.Grant{OK: !at.IsZero(), Wait: until(now, at)}
	if !g.OK || g.Wait > 0 {
		g.Gate = gateBetween(now, stood, l.Config, before, wanted)
		g.Gate.Until = at
	}
	if !g.OK || g.Wait > r.Patience {
		c.Cost, _ = l.State.Adjust(now, l.Config, charged, before)
		g.OK = false
		return g
	}
	c.Key, c.Size, c.Cost, c.At = r.Key, r.Size, charged, at
	return g
}

// gateBetween returns what keeps a call that was charged something from being
// charged what it wants, by the state before that.
func gateBetween(now time.Time, s limit.State, c limit.Config, charged, wanted limit.Cost) limit.Gate {
	s.Waiting = time.Time{} // only new tasks stand back for others
	if charged.Probe {
		s.Probe = limit.Probe{}
	}
	_, g := s.Next(now, c, limit.Cost{
		Requests: wanted.Requests - charged.Requests, Tokens: wanted.Tokens - charged.Tokens,
		Input: wanted.Input - charged.Input, Output: wanted.Output - charged.Output,
	})
	return g
}

func until(now, at time.Time) time.Duration { return max(at.Sub(now), 0) }

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
