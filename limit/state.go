package limit

import "time"

// State is where a limit stands. The zero State is a full limit that has never
// been used. It is a plain value: it survives JSON exactly, and whoever keeps
// it lets one call at a time change it. See the package's essay for the
// invariant.
//
// All times given to its methods must come from one clock, and none may be zero.
type State struct {
	Requests    Bucket `json:",omitzero"`
	Tokens      Bucket `json:",omitzero"`
	Input       Bucket `json:",omitzero"`
	Output      Bucket `json:",omitzero"`
	RequestsDay Bucket `json:",omitzero"`
	TokensDay   Bucket `json:",omitzero"`
	Money       Bucket `json:",omitzero"`

	InFlight int       `json:",omitempty"` // calls reserved and not yet ended, counted even if not limited
	Waiting  time.Time `json:",omitzero"`  // until then new tasks stand back for a running task's call that was turned away

	Earmark Earmark `json:",omitzero"` // the large call that is being saved for
	Used    Used    `json:",omitzero"` // when higher priorities last asked
	Served  Served  `json:",omitzero"` // what was answered lately
	Cold    Cold    `json:",omitzero"` // how much is tried while nothing is known

	PausedUntil time.Time `json:",omitzero"` // the provider throttled, or cannot be reached; kept until a probe succeeds
	PauseReason string    `json:",omitempty"`
	Throttles   int       `json:",omitempty"` // in a row, those of calls in flight together counted once
	Unreached   int       `json:",omitempty"` // calls in a row that did not reach the provider
	Probe       Probe     `json:",omitzero"`

	Held       bool      `json:",omitempty"`
	HeldUntil  time.Time `json:",omitzero"` // zero while Held: until Resume
	HoldReason string    `json:",omitempty"`

	ObservedAt time.Time `json:",omitzero"`  // when the call was sent whose headers were last read
	Epoch      int       `json:",omitempty"` // counts the times that headers lowered a level
}

// Call is a new task's first call that asks to be admitted.
type Call struct {
	Cost Cost
	Rank int8   // of its task: 1 is high, 0 normal, -1 low priority
	ID   string // what names it when it asks again; without one nothing is saved for it
}

// standBack is how long new tasks stand back for a running task's call that
// was turned away, for a limit a minute. Such a call must ask again within it to
// keep its turn; one that never comes back costs the limit no more than this.
const standBack = 2 * time.Second

// Admit decides on a new task's call: it is [State.Gate] and then [State.Take] or
// [State.TurnAway]. It charges all buckets and one call in flight, or nothing: then
// gate is the one that closes longest.
func (s *State) Admit(now time.Time, c Config, call Call) (charged Cost, gate Gate, ok bool) {
	gate, verdict := s.Gate(now, c, call)
	if verdict != Open {
		s.TurnAway(now, c, call)
		return Cost{}, gate, false
	}
	return s.Take(now, c, call), Gate{}, true
}

// Take charges a call that Gate lets in.
func (s *State) Take(now time.Time, c Config, call Call) Cost {
	now = stamp(now)
	s.started(now, &c)
	if s.free() && !c.limited() {
		return s.begin(call.Cost.InFlight)
	}
	cost := call.Cost.clean()
	s.giveUp(now, &c)
	owner := s.Earmark.owns(call.ID)
	charged := s.begin(cost.InFlight)
	for k := range kinds {
		if r, limited := c.rate(k, s.bucket(k)); limited {
			b := s.advance(k, now, r)
			*s.bucket(k) = b.take(r, *cost.part(k), owner)
			*charged.part(k) = *cost.part(k)
		}
	}
	if owner {
		s.Earmark = Earmark{}
	}
	s.Used.note(now, &c, call.Rank)
	s.sendProbe(&charged, now, &c)
	s.lapse()
	return charged
}

// TurnAway notes a call that Gate does not let in, and reports whether that changed
// anything.
func (s *State) TurnAway(now time.Time, c Config, call Call) bool {
	now = stamp(now)
	noted := s.Used.note(now, &c, call.Rank)
	grown := s.quickened(now, &c)
	return s.save(now, &c, call) || noted || grown
}

// Reserve takes the cost of a later call of a running task ahead of all new
// tasks: buckets may go into debt, and at is exactly the call's turn, not
// before the end of a pause or a hold. The gate says what it waits for. A cost
// larger than the capacity has its turn when the bucket would be full without
// it. After a throttle the first call to reserve is the probe.
//
// If the turn cannot be known, at is zero and nothing is charged: the limit is
// held with no time, a probe is out, calls in flight are at their most, or
// nothing is known of the limit and some calls try it already. Ask again within
// 2 seconds and no new task comes in between.
func (s *State) Reserve(now time.Time, c Config, cost Cost) (charged Cost, at time.Time, gate Gate) {
	now = stamp(now)
	if s.free() && !c.limited() {
		charged, gate = s.try(now, &c, s.begin(cost.InFlight))
		if gate != (Gate{}) {
			s.InFlight -= charged.InFlight
			s.Waiting = now.Add(c.scaled(standBack))
			return Cost{}, time.Time{}, gate
		}
		return charged, now, Gate{}
	}
	cost = cost.clean()
	s.quickened(now, &c)
	gate, away := s.turnsAway(now, &c, cost)
	if away {
		s.Waiting = now.Add(c.scaled(standBack))
		return Cost{}, time.Time{}, gate
	}
	at, gate = s.start(now)
	charged = s.charge(at, &c, cost)
	for k := range kinds {
		if t := s.ready(&c, k, *cost.part(k)); t.After(at) {
			at, gate = t, Gate{Name: k.String(), Until: t}
		}
	}
	s.sendProbe(&charged, at, &c)
	s.Waiting = time.Time{}
	return charged, at, gate
}

// Adjust turns the reservation from into one of cost to, when a task's claim
// becomes its real call: the difference is refunded, or charged ahead. It is
// still the same call in flight, and the same probe. At is when it may be sent;
// zero if that cannot be known, as gate says: then ask again with what was
// charged.
func (s *State) Adjust(now time.Time, c Config, from, to Cost) (charged Cost, at time.Time, gate Gate) {
	now, from, to = stamp(now), from.clean(), to.clean()
	to.InFlight, to.Probe, to.Cold = from.InFlight, from.Probe, from.Cold
	charged = s.move(now, &c, from, to)
	at, gate = s.start(now)
	if gate.Name != "" && gate.Until.IsZero() {
		return charged, time.Time{}, gate
	}
	if s.Probe.Wanted && !charged.Probe {
		// It was claimed before the pause and not sent: it must not go with the probe.
		if now.Before(s.Probe.Until) {
			s.Waiting = now.Add(c.scaled(standBack))
			return charged, time.Time{}, s.probeGate()
		}
		s.sendProbe(&charged, at, &c)
	}
	if charged, gate = s.try(now, &c, charged); gate != (Gate{}) {
		s.Waiting = now.Add(c.scaled(standBack))
		return charged, time.Time{}, gate
	}
	for k := range kinds {
		if *charged.part(k) > *from.part(k) {
			at = later(at, s.ready(&c, k, *charged.part(k)))
		}
	}
	return charged, at, Gate{}
}

// Settle ends a call that got its response: the difference between what was
// reserved and what it did cost is refunded, up to the capacity, or driven
// into debt. A success of the probe ends what a throttle began.
func (s *State) Settle(now time.Time, c Config, reserved, actual Cost) {
	s.InFlight = max(s.InFlight-reserved.InFlight, 0)
	now, actual = stamp(now), actual.clean()
	s.move(now, &c, reserved.clean(), actual)
	s.Unreached = 0
	s.answered(now, &c, reserved, actual)
	if reserved.Probe {
		s.succeed(now)
	}
}

// Release ends a call without a response. If it was never sent, refund gives
// back its charge; if it may have been, the charge stays. A probe that ends so
// has shown nothing: another one goes out.
func (s *State) Release(now time.Time, c Config, reserved Cost, refund bool) {
	s.end(reserved)
	if refund {
		s.move(stamp(now), &c, reserved.clean(), Cost{})
	}
}

// end takes a call that shows nothing out of flight.
func (s *State) end(reserved Cost) {
	s.InFlight = max(s.InFlight-reserved.InFlight, 0)
	if reserved.Probe {
		s.Probe.Until = time.Time{}
	}
	if reserved.Cold {
		s.Cold.Out = max(s.Cold.Out-1, 0)
	}
}

// free reports that nothing can refuse a call but what is configured: nothing was
// learned, and nothing stops the limit. A pause always wants a probe.
func (s *State) free() bool {
	return !s.Held && !s.Probe.Wanted && s.Waiting.IsZero() && !s.learned()
}

// learned reports whether a bucket has a limit that was told or found.
func (s *State) learned() bool {
	for k := range kinds {
		if b := s.bucket(k); b.Limit > 0 || b.Pace > 0 {
			return true
		}
	}
	return false
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
	return Cost{InFlight: n, Epoch: s.Epoch}
}

// advance returns bucket k as it is at now.
func (s *State) advance(k kind, now time.Time, r rate) Bucket {
	b := s.bucket(k)
	return b.at(now, r, s.Earmark.share(now, b, r))
}

// charge takes cost from all limited buckets as of now and returns what it took.
func (s *State) charge(now time.Time, c *Config, cost Cost) Cost {
	charged := s.begin(cost.InFlight)
	for k := range kinds {
		if r, limited := c.rate(k, s.bucket(k)); limited {
			*s.bucket(k) = s.advance(k, now, r).ahead(r, *cost.part(k), *cost.part(k))
			*charged.part(k) = *cost.part(k)
		}
	}
	return charged
}

// move replaces the charge from by to, in the buckets that are limited now,
// and returns what is charged then.
//
// Nothing is given back of a charge that was made before headers last lowered a
// level: what the provider says remains has off what the call really cost, and what
// was charged above that is forgotten with the old level.
func (s *State) move(now time.Time, c *Config, from, to Cost) Cost {
	charged := Cost{InFlight: to.InFlight, Probe: to.Probe, Cold: to.Cold, Epoch: from.Epoch}
	for k := range kinds {
		r, limited := c.rate(k, s.bucket(k))
		if !limited {
			continue
		}
		b := s.advance(k, now, r)
		if more := *to.part(k) - *from.part(k); more > 0 {
			b = b.ahead(r, *to.part(k), more)
		} else if from.Epoch == s.Epoch {
			b = b.credit(-more, r)
		}
		*s.bucket(k) = b
		*charged.part(k) = *to.part(k)
	}
	return charged
}

// ready returns when the call that was charged cost last may be sent, as far
// as bucket k goes; zero is at once.
func (s *State) ready(c *Config, k kind, cost float64) time.Time {
	b := s.bucket(k)
	r, limited := c.rate(k, b)
	if !limited {
		return time.Time{}
	}
	return b.ready(r, cost)
}

// Idle reports whether a State can be forgotten: all of its buckets are full, no
// call is out, and nothing was learned.
func (s *State) Idle(now time.Time, c Config) bool {
	if s.InFlight > 0 || !s.free() {
		return false
	}
	for _, l := range s.Levels(now, c) {
		if l.Level < l.Capacity || l.Saved != 0 {
			return false
		}
	}
	return true
}
