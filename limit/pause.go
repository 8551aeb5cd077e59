package limit

import (
	"math"
	"time"
)

// Probe is the one call that tries a limit after a pause.
type Probe struct {
	Wanted bool      `json:",omitempty"` // the next call to go is the probe, and nothing else goes
	Until  time.Time `json:",omitzero"`  // a probe is out, and keeps others back until then
}

// ProbeTime is how long after its turn a probe keeps others back, for a limit a
// minute. Providers refuse at once: a probe without an answer by then was let in
// and is being worked on, or is lost. Then another one may go, so that neither a
// slow probe nor a lost one closes the limit for long.
const ProbeTime = 5 * time.Second

// Throttle is a refusal for want of room.
type Throttle struct {
	After  time.Duration // when the provider said to come back; 0 or less if it did not
	Reason string        // its words

	// Blind is a limit that was exceeded, and no header told which or how far; or
	// traffic that grew too fast. Then the limit paces itself: it halves what was
	// served lately, and grows back slowly. A provider that has no room for anybody
	// is no such case: pausing is all that helps.
	Blind bool
}

// Refuse ends a call that the provider throttled. Its request stays charged,
// for failed calls count; its tokens are refunded. The limit pauses until
// t.After from now, or, where that is not positive, for 1 s·2^Throttles up
// to 60 s, these scaled by Per to a minute; and for half of that at least if the
// probe is refused, whatever the provider says. Pauses never get shorter. After one,
// a single probe goes first.
//
// Calls that were out when the pause began, and are throttled too, count with
// it as one throttle.
func (s *State) Refuse(now time.Time, c Config, reserved Cost, t Throttle) {
	now = stamp(now)
	s.end(reserved)
	reserved = reserved.clean()
	s.move(now, &c, reserved, Cost{Requests: reserved.Requests, RequestsDay: reserved.RequestsDay})
	s.Unreached = 0

	paused := now.Before(s.PausedUntil)
	if !paused && (reserved.Probe || !s.Probe.Wanted) {
		s.Throttles++
		if t.Blind {
			s.slow(now, &c, reserved)
		}
	}
	s.Probe.Wanted = true

	switch {
	case t.After > 0 && s.Throttles > 1 && !paused:
		s.pause(soon(now, now.Add(max(t.After, backoff(s.Throttles-1, c.per())))), t.Reason)
	case t.After > 0:
		s.pause(soon(now, now.Add(t.After)), t.Reason)
	case !paused:
		s.pause(now.Add(backoff(s.Throttles, c.per())), t.Reason)
	}
}

// breaksAfter calls in a row that did not reach the provider pause the limit.
const breaksAfter = 3

// Miss ends a call that did not reach the provider: nothing was sent, so its
// charge is refunded. The third in a row pauses the limit, as a throttle
// without a time does, so that not every waiting task must find out by itself;
// each probe that fails pauses it for longer. Any response ends that.
func (s *State) Miss(now time.Time, c Config, reserved Cost, reason string) {
	now = stamp(now)
	s.Release(now, c, reserved, true)
	paused := now.Before(s.PausedUntil)
	if paused || s.Probe.Wanted && !reserved.Probe {
		return
	}
	if s.Unreached++; s.Unreached >= breaksAfter {
		s.Probe.Wanted = true
		s.pause(now.Add(backoff(s.Unreached-breaksAfter+1, c.per())), reason)
	}
}

func (s *State) pause(until time.Time, reason string) {
	if until = stampUp(until); until.After(s.PausedUntil) {
		s.PausedUntil, s.PauseReason = until, reason
	}
}

// backoff returns the pause after n throttles in a row.
func backoff(n int, per time.Duration) time.Duration {
	steps := math.Min(math.Exp2(float64(max(n-1, 0))), 60)
	return time.Duration(math.Min(steps*float64(per)/60, longest*1e3))
}

// succeed takes the response to a probe as proof that the limit is open again.
// No other response is: its call may have been out when the pause began.
func (s *State) succeed(now time.Time) {
	s.Probe.Until = time.Time{}
	if now.Before(s.PausedUntil) {
		return
	}
	s.PausedUntil, s.PauseReason = time.Time{}, ""
	s.Throttles, s.Probe = 0, Probe{}
}

// Hold stops the limit until the given time, or until Resume if that is zero.
// A hold never shortens one that is in force.
func (s *State) Hold(now, until time.Time, reason string) {
	now = stamp(now)
	until = stampUp(soon(now, until))
	if !until.IsZero() && !until.After(now) {
		return
	}
	if s.held(now) && !until.IsZero() && (s.HeldUntil.IsZero() || until.Before(s.HeldUntil)) {
		return
	}
	s.Held, s.HeldUntil, s.HoldReason = true, until, reason
}

// Resume ends a hold and a pause. After a pause one probe still goes first.
func (s *State) Resume(now time.Time) {
	now = stamp(now)
	s.Held, s.HeldUntil, s.HoldReason = false, time.Time{}, ""
	s.PausedUntil, s.PauseReason = time.Time{}, ""
	s.Throttles, s.Unreached, s.Probe.Until = 0, 0, time.Time{}
	for k := range kinds {
		// What was reserved behind the pause came out of refill that
		// will not be waited for now.
		if b := s.bucket(k); b.At.After(now) {
			b.Level, b.At = min(b.Level, 0), now
		}
	}
}

func (s *State) held(now time.Time) bool {
	return s.Held && (s.HeldUntil.IsZero() || now.Before(s.HeldUntil))
}

// start returns when calls that have their turn may go: now, or after the hold
// and the pause, of which gate is the longer. Zero is unknown.
func (s *State) start(now time.Time) (at time.Time, gate Gate) {
	at = now
	if s.held(now) {
		at, gate = s.HeldUntil, s.holdGate()
	}
	if !at.IsZero() && s.PausedUntil.After(at) {
		at, gate = s.PausedUntil, s.pauseGate()
	}
	return at, gate
}

// sendProbe makes the call of charged, which goes at the given time, the probe
// if one is wanted.
func (s *State) sendProbe(charged *Cost, at time.Time, c *Config) {
	if s.Probe.Wanted {
		charged.Probe = true
		s.Probe.Until = stampUp(at.Add(c.scaled(ProbeTime)))
	}
}
