package limit

import "time"

// Closed returns the gates that would keep a new task's call waiting if no other
// came before it, and none if it would go at once: first what stops the whole
// limit, then the buckets that lack something. Only the gate that closes longest
// is told of those that stop the whole limit.
func (s *State) Closed(now time.Time, c Config, call Call) []Gate {
	now = stamp(now)
	cost := call.Cost.clean()
	var gates []Gate
	if gate, stopped := s.stops(now, &c, cost, call.Rank); stopped {
		gates = append(gates, gate)
	}
	above := s.Used.above(now, &c, call.Rank)
	for k := range kinds {
		if gate, verdict := s.holds(now, &c, k, *cost.part(k), above, call); verdict != Open {
			gates = append(gates, gate)
		}
	}
	trying := *s
	if _, gate := trying.try(now, &c, Cost{InFlight: cost.InFlight}); gate != (Gate{}) {
		gates = append(gates, gate)
	}
	return gates
}

// Stopped reports whether a hold or a pause keeps all new tasks' calls back.
func (s *State) Stopped(now time.Time) bool {
	at, _ := s.start(stamp(now))
	return !at.Equal(stamp(now))
}

// Mean returns what the calls of a recent task took together, and false if no call
// was answered yet.
func (s *State) Mean() (Cost, bool) {
	v := &s.Served
	if !(v.Requests > 0) {
		return Cost{}, false
	}
	// While the first tasks are under way, more of them have started than calls
	// were answered.
	calls := 1.
	if v.Started > 0 {
		calls = max(v.Calls/v.Started, 1)
	}
	each := calls / v.Requests
	return Cost{
		Requests: calls, RequestsDay: calls,
		Tokens: v.Tokens * each, TokensDay: v.Tokens * each,
		Input: v.Input * each, Output: v.Output * each, Money: v.Money * each,
	}.clean(), true
}

// Expect returns when a new task's call likely goes if so many tasks go before it,
// each of which takes what recent ones took, or, before the first answer, what this
// call does. It is never before a hold or a pause ends, and zero if that cannot be
// known: the limit is held until somebody resumes it, or the call waits for places
// and nothing was answered yet. What comes later and goes first, and limits that
// change, nobody can foresee.
func (s *State) Expect(now time.Time, c Config, call Call, ahead int) time.Time {
	now = stamp(now)
	cost := call.Cost.clean()
	start, _ := s.start(now)
	if start.IsZero() {
		return time.Time{}
	}
	start = later(later(start, s.Waiting), s.Probe.Until)
	mean, known := s.Mean()
	if !known {
		mean = cost
	}
	at := start
	for k := range kinds {
		if r, limited := c.rate(k, s.bucket(k)); limited {
			at = later(at, s.covers(start, &c, k, r, call, float64(ahead)**mean.part(k)))
		}
	}
	return s.vacant(now, start, at, &c, call, ahead)
}

// covers returns when bucket k lets a call in after others that take an amount.
func (s *State) covers(start time.Time, c *Config, k kind, r rate, call Call, before float64) time.Time {
	b := s.advance(k, start, r)
	cost := amount(*call.Cost.part(k))
	keep := r.kept(k, s.Used.above(start, c, call.Rank))
	need := before + min(cost+keep, r.capacity) - b.Level
	if s.Earmark.owns(call.ID) && r.large(k, cost) {
		return b.in(r, need-max(b.Saved, 0))
	}
	// A part of the refill is saved for another call, or pays back a loan, which must
	// be paid before there is another one.
	share := s.Earmark.share(start, &b, r)
	saved := min(b.unsaved(), max(need, 0)*share/(1-share))
	if cost > r.capacity {
		saved = max(saved, -b.Saved)
	}
	return b.in(r, need+saved)
}

// vacant returns when there is a place for a call, after others, that its buckets
// let in at a time. Of calls in flight there may be too many; and where others wait
// though no bucket closes, the workers' places are all taken, or one of them would
// have taken these. Then tasks go at the pace at which they went lately.
func (s *State) vacant(now, start, at time.Time, c *Config, call Call, ahead int) time.Time {
	if c.InFlight > 0 {
		ahead += call.Cost.InFlight + c.placesKept(s.Used.above(start, c, call.Rank)) - (c.InFlight - s.InFlight)
	}
	if ahead <= 0 {
		return at
	}
	mean, known := s.Mean()
	if !known || s.Served.Busy == 0 {
		if at.After(now) && c.InFlight == 0 {
			return at
		}
		return time.Time{}
	}
	pace := s.Served.Requests / s.Served.Busy / mean.Requests // tasks per c.per()
	wait := min(float64(ahead)/pace*micros(c.per()), longest)
	return later(at, start.Add(time.Duration(wait)*time.Microsecond))
}
