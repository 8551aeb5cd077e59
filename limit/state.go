package limit

import "time"

// State is where a limit stands. The zero State is a full limit that has never
// been used. It is a plain value: it survives JSON exactly, and whoever keeps
// it lets one call at a time change it. See the package's essay for the
// invariant.
//
// All times given to its methods must come from one clock, and none may be zero.
type State struct {
	Requests Bucket `json:",omitzero"`
	Tokens   Bucket `json:",omitzero"`
	Input    Bucket `json:",omitzero"`
	Output   Bucket `json:",omitzero"`

	InFlight int       `json:",omitempty"` // calls reserved and not yet ended, counted even if not limited
	Waiting  time.Time `json:",omitzero"`  // until then new tasks stand back for a running task's call that was turned away

	PausedUntil time.Time `json:",omitzero"` // the provider throttled; kept until a probe succeeds
	PauseReason string    `json:",omitempty"`
	Throttles   int       `json:",omitempty"` // in a row, those of calls in flight together counted once
	Probe       Probe     `json:",omitzero"`

	Held       bool      `json:",omitempty"`
	HeldUntil  time.Time `json:",omitzero"` // zero while Held: until Resume
	HoldReason string    `json:",omitempty"`

	ObservedAt time.Time `json:",omitzero"` // when the call was sent whose headers were last read
}

// standBack is how long new tasks stand back for a running task's call that
// was turned away. Such a call must ask again within it to keep its turn; one
// that never comes back costs the limit no more than this.
const standBack = 2 * time.Second

// Admit decides on a new task's call. It charges all buckets and one call in
// flight, or nothing: then gate is the one that closes longest. A call fits if
// each limited bucket holds its cost, or is full: a cost larger than the
// capacity runs alone, from a full bucket into debt.
//
// It refuses while the limit is held or paused, a probe is out, calls in
// flight are at their most, a bucket is in debt, or a running task's call waits.
func (s *State) Admit(now time.Time, c Config, cost Cost) (charged Cost, gate Gate, ok bool) {
	if s.idle() && !c.limited() {
		return s.begin(cost.InFlight), Gate{}, true
	}
	return s.admit(stamp(now), &c, cost.clean())
}

func (s *State) admit(now time.Time, c *Config, cost Cost) (charged Cost, gate Gate, ok bool) {
	if gate, shut := s.gate(now, c, cost); shut {
		return Cost{}, gate, false
	}
	charged = s.charge(now, c, cost)
	s.sendProbe(&charged, now)
	s.lapse()
	return charged, Gate{}, true
}

// Reserve takes the cost of a later call of a running task ahead of all new
// tasks: buckets may go into debt, and at is exactly the call's turn, not
// before the end of a pause or a hold. The gate says what it waits for. A cost
// larger than the capacity has its turn when the bucket would be full without
// it. After a throttle the first call to reserve is the probe.
//
// If the turn cannot be known, at is zero and nothing is charged: the limit is
// held with no time, a probe is out, or calls in flight are at their most. Ask
// again within 2 seconds and no new task comes in between.
func (s *State) Reserve(now time.Time, c Config, cost Cost) (charged Cost, at time.Time, gate Gate) {
	if s.idle() && !c.limited() {
		return s.begin(cost.InFlight), now, Gate{}
	}
	now, cost = stamp(now), cost.clean()
	gate, away := s.turnsAway(now, &c, cost)
	if away {
		s.Waiting = now.Add(standBack)
		return Cost{}, time.Time{}, gate
	}
	at, gate = s.start(now)
	charged = s.charge(at, &c, cost)
	for k := range kinds {
		if t := s.ready(&c, k, *cost.part(k)); t.After(at) {
			at, gate = t, Gate{Name: k.String(), Until: t}
		}
	}
	s.sendProbe(&charged, at)
	s.Waiting = time.Time{}
	return charged, at, gate
}

// Adjust turns the reservation from into one of cost to, when a task's claim
// becomes its real call: the difference is refunded, or charged ahead. It is
// still the same call in flight, and the same probe. At is when it may be sent;
// zero if the limit is held with no time: then ask again with what was charged.
func (s *State) Adjust(now time.Time, c Config, from, to Cost) (charged Cost, at time.Time) {
	now, from, to = stamp(now), from.clean(), to.clean()
	to.InFlight, to.Probe = from.InFlight, from.Probe
	charged = s.move(now, &c, from, to)
	at, gate := s.start(now)
	if gate.Name != "" && gate.Until.IsZero() {
		return charged, time.Time{}
	}
	for k := range kinds {
		if *charged.part(k) > *from.part(k) {
			at = later(at, s.ready(&c, k, *charged.part(k)))
		}
	}
	return charged, at
}

// Settle ends a call that got its response: the difference between what was
// reserved and what it did cost is refunded, up to the capacity, or driven
// into debt. A success of the probe ends what a throttle began.
func (s *State) Settle(now time.Time, c Config, reserved, actual Cost) {
	s.InFlight = max(s.InFlight-reserved.InFlight, 0)
	if c.limited() {
		s.move(stamp(now), &c, reserved.clean(), actual.clean())
	}
	if reserved.Probe {
		s.succeed(now)
	}
}

// Release ends a call without a response. If it was never sent, refund gives
// back its charge; if it may have been, the charge stays. A probe that ends so
// has shown nothing: another one goes out.
func (s *State) Release(now time.Time, c Config, reserved Cost, refund bool) {
	s.InFlight = max(s.InFlight-reserved.InFlight, 0)
	if reserved.Probe {
		s.Probe.Until = time.Time{}
	}
	if refund {
		s.move(stamp(now), &c, reserved.clean(), Cost{})
	}
}

// idle reports that nothing but buckets and calls in flight can refuse a call.
// A pause always wants a probe.
func (s *State) idle() bool {
	return !s.Held && !s.Probe.Wanted && s.Waiting.IsZero()
}

// lapse forgets what an admission proves to be over: a hold whose time has
// come, and a running task's call that never came back.
func (s *State) lapse() {
	s.Held, s.HeldUntil, s.HoldReason = false, time.Time{}, ""
	s.Waiting = time.Time{}
}

// begin counts a call in flight and charges nothing.
func (s *State) begin(n int) Cost {
	n = max(n, 0)
	s.InFlight += n
	return Cost{InFlight: n}
}

// charge takes cost from all limited buckets as of now and returns what it took.
func (s *State) charge(now time.Time, c *Config, cost Cost) Cost {
	charged := s.begin(cost.InFlight)
	for k := range kinds {
		b := s.bucket(k)
		if r, limited := c.rate(k, b.Limit); limited {
			*b = b.at(now, r)
			b.Level -= *cost.part(k)
			*charged.part(k) = *cost.part(k)
		}
	}
	return charged
}

// move replaces the charge from by to, in the buckets that are limited now,
// and returns what is charged then.
func (s *State) move(now time.Time, c *Config, from, to Cost) Cost {
	charged := Cost{InFlight: to.InFlight, Probe: to.Probe}
	for k := range kinds {
		b := s.bucket(k)
		if r, limited := c.rate(k, b.Limit); limited {
			*b = b.at(now, r)
			b.Level = min(b.Level+*from.part(k)-*to.part(k), r.capacity)
			*charged.part(k) = *to.part(k)
		}
	}
	return charged
}

// ready returns when the call that was charged cost last may be sent, as far
// as bucket k goes; zero is at once.
func (s *State) ready(c *Config, k kind, cost float64) time.Time {
	b := s.bucket(k)
	r, limited := c.rate(k, b.Limit)
	if !limited {
		return time.Time{}
	}
	return b.ready(r, cost)
}

func (s *State) bucket(k kind) *Bucket {
	switch k {
	case requests:
		return &s.Requests
	case tokens:
		return &s.Tokens
	case input:
		return &s.Input
	default:
		return &s.Output
	}
}
