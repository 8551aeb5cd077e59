package limit

import "time"

// Gate is what keeps a call waiting. The zero Gate is open.
type Gate struct {
	// Name is "requests", "tokens", "input tokens", "output tokens", "requests a
	// day", "tokens a day" or "cost a day" for a bucket, "in flight", "paused",
	// "unreachable", "held", "probe", "learning" or "too large".
	Name   string    `json:",omitempty"`
	Until  time.Time `json:",omitzero"`  // when it likely opens; zero is unknown
	Reason string    `json:",omitempty"` // what the provider or the operator said

	Limit string  `json:",omitempty"` // the limit that it is of, where there are several
	User  string  `json:",omitempty"` // the user whose ceiling it is; "" if it is the limit's own
	Level float64 `json:",omitempty"` // of a bucket: what is left
	Need  float64 `json:",omitempty"` // of a bucket: what the call needs
}

// Verdict is what a limit says to a new task's call.
type Verdict int8

// The verdicts.
const (
	Open  Verdict = iota // it may go
	Shut                 // it waits, and so does all behind it
	Large                // it waits until enough is saved for it; smaller ones may go
)

// Gate says whether a new task's call may go, and if not, which gate closes
// longest. A call fits if each limited bucket holds its cost, and what is kept for
// higher priorities that are in use, or if the bucket is full: a cost larger than
// the capacity runs alone, from a full bucket, and is lent the rest.
//
// It is shut while the limit is held or paused, a probe is out, calls in
// flight are at their most, a bucket is in debt, or a running task's call waits.
func (s *State) Gate(now time.Time, c Config, call Call) (Gate, Verdict) {
	if s.free() && !c.limited() {
		return Gate{}, Open
	}
	now, cost := stamp(now), call.Cost.clean()
	gate, stopped := s.stops(now, &c, cost, call.Rank)
	verdict := Open
	if stopped {
		verdict = Shut
	}
	above := s.Used.above(now, &c, call.Rank)
	for k := range kinds {
		g, v := s.holds(now, &c, k, *cost.part(k), above, call)
		if v == Open {
			continue
		}
		gate, _ = longer(gate, verdict != Open, g)
		if verdict != Shut {
			verdict = v
		}
	}
	return gate, verdict
}

// stops returns the gate that closes longest of those that are not buckets.
func (s *State) stops(now time.Time, c *Config, cost Cost, rank int8) (gate Gate, shut bool) {
	gate, shut = s.turnsAway(now, c, cost)
	if n := c.placesKept(s.Used.above(now, c, rank)); !shut && n > 0 && s.InFlight > 0 && s.InFlight+cost.InFlight+n > c.InFlight {
		gate, shut = Gate{Name: inFlight, Reason: "places are kept for higher priorities"}, true
	}
	if at, g := s.start(now); at.After(now) {
		gate, shut = longer(gate, shut, g)
	}
	if now.Before(s.Waiting) {
		gate, shut = longer(gate, shut, Gate{Name: inFlight, Until: s.Waiting, Reason: "a running task's call waits"})
	}
	return gate, shut
}

// holds says whether bucket k lets in a call that takes cost; above says whether a
// higher priority is in use.
func (s *State) holds(now time.Time, c *Config, k kind, cost float64, above bool, call Call) (Gate, Verdict) {
	r, limited := c.rate(k, s.bucket(k))
	if !limited {
		return Gate{}, Open
	}
	b := s.advance(k, now, r)
	keep := r.kept(k, above)
	if s.Earmark.For == "" && b.Level >= cost+keep {
		return Gate{}, Open
	}
	owner, large := s.Earmark.owns(call.ID), r.large(k, cost)
	lacks := b.fits(r, cost, keep, owner && large)
	until := b.in(r, lacks)
	waits := large && !owner && s.Earmark.live(now, c) // its turn is after the one that is saved for
	if until.IsZero() && !waits {
		return Gate{}, Open
	}
	gate := Gate{Name: k.String(), Until: until, Level: b.Level, Need: cost}
	switch {
	case waits:
		gate.Until = later(until, b.in(r, b.unsaved()+cost))
	case !owner:
		// What is saved meanwhile is not the level's.
		gate.Until = b.in(r, lacks/(1-s.Earmark.share(now, &b, r)))
	}
	if large && b.Level > keep {
		return gate, Large
	}
	return gate, Shut
}

// turnsAway returns the gate that stops even a running task's call, because
// nothing tells when it opens.
func (s *State) turnsAway(now time.Time, c *Config, cost Cost) (gate Gate, shut bool) {
	switch {
	case s.held(now) && s.HeldUntil.IsZero():
		return s.holdGate(), true
	case c.InFlight > 0 && s.InFlight > 0 && s.InFlight+cost.InFlight > c.InFlight:
		return Gate{Name: inFlight}, true
	case s.Probe.Wanted && now.Before(s.Probe.Until):
		return s.probeGate(), true
	}
	return Gate{}, false
}

const inFlight = "in flight"

func (s *State) holdGate() Gate {
	return Gate{Name: "held", Until: s.HeldUntil, Reason: s.HoldReason}
}

func (s *State) probeGate() Gate {
	return Gate{Name: "probe", Until: s.Probe.Until, Reason: s.PauseReason}
}

func (s *State) pauseGate() Gate {
	name := "paused"
	if s.Unreached >= breaksAfter {
		name = "unreachable"
	}
	return Gate{Name: name, Until: s.PausedUntil, Reason: s.PauseReason}
}

// Longer returns the gate that closes longer of two; unknown is longest, and the
// zero Gate is open.
func Longer(a, b Gate) Gate {
	switch {
	case b == (Gate{}):
		return a
	case a == (Gate{}):
		return b
	}
	g, _ := longer(a, true, b)
	return g
}

// longer returns the gate that closes longer: g, or the one before it if there
// is one. Unknown is longest.
func longer(before Gate, shut bool, g Gate) (Gate, bool) {
	if shut && (before.Until.IsZero() || !g.Until.IsZero() && !g.Until.After(before.Until)) {
		return before, true
	}
	return g, true
}

// TooLarge says whether the provider never lets a call in, because it takes more
// than the whole limit that the provider told. A call that is charged by what it
// uses is never refused so: the estimate may be wrong.
func (s *State) TooLarge(c Config, cost Cost) (Gate, bool) {
	if c.Charge == InputThenOutput {
		return Gate{}, false
	}
	for k := range kinds {
		if limit := s.bucket(k).Limit; limit > 0 && *cost.part(k) > limit {
			return Gate{Name: "too large", Reason: k.String(), Level: limit, Need: *cost.part(k)}, true
		}
	}
	return Gate{}, false
}

// Next returns when a new task's call would be admitted if no other came before
// it, and the gate that closes longest: now and the zero Gate if it would be at
// once, the zero time if it cannot be known.
func (s *State) Next(now time.Time, c Config, call Call) (time.Time, Gate) {
	now = stamp(now)
	gate, verdict := s.Gate(now, c, call)
	if verdict == Open {
		return now, Gate{}
	}
	return gate.Until, gate
}

// Level is one limited bucket, for display.
type Level struct {
	Name       string        // as in Gate
	Per        time.Duration // what Limit and the three below are for
	Limit      float64       // in force: the lowest of the three
	Configured float64       // 0 if it is not
	Told       float64       // by the provider; 0 if it was not
	Pace       float64       // found by trying; 0 if it was not
	Level      float64       // what is left; negative is debt
	Capacity   float64
	Saved      float64 // put aside for a large call; negative is what one was lent
	Saving     float64 // what the large call needs that is being saved for; 0 is none
}

// Levels returns where each limited bucket stands.
func (s *State) Levels(now time.Time, c Config) []Level {
	now = stamp(now)
	levels := make([]Level, 0, kinds)
	for k := range kinds {
		r, limited := c.rate(k, s.bucket(k))
		if !limited {
			continue
		}
		b := s.advance(k, now, r)
		levels = append(levels, Level{
			Name: k.String(), Per: time.Duration(r.per * 1e3), Limit: r.limit,
			Configured: c.allowed(k), Told: b.Limit, Pace: b.Pace,
			Level: b.Level, Capacity: r.capacity, Saved: b.Saved, Saving: b.Saving,
		})
	}
	return levels
}
