package limit

import "time"

// Gate is what keeps a call waiting. The zero Gate is open.
type Gate struct {
	Name   string    `json:",omitempty"` // "requests", "tokens", "input tokens", "output tokens", "in flight", "paused", "held" or "probe"
	Until  time.Time `json:",omitzero"`  // when it likely opens; zero is unknown
	Reason string    `json:",omitempty"` // what the provider or the operator said
}

// Next returns when a new task's call of the given cost would be admitted if
// no other came before it, and the gate that closes longest: now and the zero
// Gate if it would be at once, the zero time if it cannot be known.
func (s *State) Next(now time.Time, c Config, cost Cost) (time.Time, Gate) {
	now = stamp(now)
	gate, shut := s.gate(now, &c, cost.clean())
	if !shut {
		return now, Gate{}
	}
	return gate.Until, gate
}

// gate returns the gate that closes longest for a new task's call, and whether
// there is any.
func (s *State) gate(now time.Time, c *Config, cost Cost) (gate Gate, shut bool) {
	gate, shut = s.turnsAway(now, c, cost)
	if at, g := s.start(now); at.After(now) {
		gate, shut = longer(gate, shut, g)
	}
	if now.Before(s.Waiting) {
		gate, shut = longer(gate, shut, Gate{Name: "in flight", Until: s.Waiting, Reason: "a running task's call waits"})
	}
	for k := range kinds {
		b := *s.bucket(k)
		r, limited := c.rate(k, b.Limit)
		if !limited {
			continue
		}
		b = b.at(now, r)
		b.Level -= *cost.part(k)
		if t := b.ready(r, *cost.part(k)); !t.IsZero() {
			gate, shut = longer(gate, shut, Gate{Name: k.String(), Until: t})
		}
	}
	return gate, shut
}

// turnsAway returns the gate that stops even a running task's call, because
// nothing tells when it opens.
func (s *State) turnsAway(now time.Time, c *Config, cost Cost) (gate Gate, shut bool) {
	switch {
	case s.held(now) && s.HeldUntil.IsZero():
		return s.holdGate(), true
	case c.InFlight > 0 && s.InFlight > 0 && s.InFlight+cost.InFlight > c.InFlight:
		return Gate{Name: "in flight"}, true
	case s.Probe.Wanted && now.Before(s.Probe.Until):
		return Gate{Name: "probe", Until: s.Probe.Until, Reason: s.PauseReason}, true
	}
	return Gate{}, false
}

func (s *State) holdGate() Gate {
	return Gate{Name: "held", Until: s.HeldUntil, Reason: s.HoldReason}
}

func (s *State) pauseGate() Gate {
	return Gate{Name: "paused", Until: s.PausedUntil, Reason: s.PauseReason}
}

// longer returns the gate that closes longer: g, or the one before it if there
// is one. Unknown is longest.
func longer(before Gate, shut bool, g Gate) (Gate, bool) {
	if shut && (before.Until.IsZero() || !g.Until.IsZero() && !g.Until.After(before.Until)) {
		return before, true
	}
	return g, true
}

// Level is one limited bucket, for display.
type Level struct {
	Name     string  // as in Gate
	Limit    float64 // in force, per Config.Per: the lower of what is configured and what headers told
	Level    float64 // what is left; negative is debt
	Capacity float64
}

// Levels returns where each limited bucket stands.
func (s *State) Levels(now time.Time, c Config) []Level {
	now = stamp(now)
	levels := make([]Level, 0, kinds)
	for k := range kinds {
		b := *s.bucket(k)
		if r, limited := c.rate(k, b.Limit); limited {
			levels = append(levels, Level{Name: k.String(), Limit: r.limit, Level: b.at(now, r).Level, Capacity: r.capacity})
		}
	}
	return levels
}
