package limit

import (
	"math"
	"time"
)

// Served is what was answered in the last time of Config.Per, older answers
// counting less and less.
type Served struct {
	Started  float64   `json:",omitempty"` // new tasks that were let in, in several times as long
	Calls    float64   `json:",omitempty"` // calls that were answered, in as long as that
	Requests float64   `json:",omitempty"`
	Tokens   float64   `json:",omitempty"`
	Input    float64   `json:",omitempty"`
	Output   float64   `json:",omitempty"`
	Money    float64   `json:",omitempty"`
	Busy     float64   `json:",omitempty"` // the part of that time in which calls were in flight, counted as the others are
	At       time.Time `json:",omitzero"`
	Paced    time.Time `json:",omitzero"` // when a throttle last set the pace
}

const (
	// pacedTo is the part of what was served, before a throttle, that the pace grows
	// back to at first, from half: twofold in half of the limit's time.
	pacedTo = 0.95
	// paceGrows is the growth in the limit's time after that; to the power of the
	// square of the time, so that it is careful near what was too much, and soon away
	// from it if it is not too much any more: it is twice as much after 2.7 times.
	// Slower growth halves the refusals, and leaves a third unused after a throttle
	// that came too early.
	paceGrows = 1.1
	// paceEnds is how far beyond it the pace no longer matters.
	paceEnds = 8
	// pacedLeast is the fewest calls in the limit's time that a throttle paces by:
	// after a rest nothing tells how much there is.
	pacedLeast = 8
	// pacedPart is the part of a limit that is known below which a throttle paces
	// nothing: it came of something else.
	pacedPart = 1. / 16
	// callsMemory is how many times longer than the rest it is remembered how many
	// calls there were of each task: a task's calls come long after its start.
	callsMemory = 4
	// fadeSteps is how often in the limit's time it is computed how much less the
	// past counts.
	fadeSteps = 1000
)

// served counts an answered call.
func (s *State) served(now time.Time, c *Config, actual Cost) {
	v := &s.Served
	v.fade(now, c, true)
	v.Calls += actual.Requests
	v.Requests += actual.Requests
	v.Tokens += actual.Tokens
	v.Input += actual.Input
	v.Output += actual.Output
	v.Money += actual.Money
}

// started counts a new task that was let in.
func (s *State) started(now time.Time, c *Config) {
	s.Served.fade(now, c, s.InFlight > 0)
	s.Served.Started++
}

// fade lets what was counted before count for less. busy says whether calls were in
// flight since.
func (v *Served) fade(now time.Time, c *Config, busy bool) {
	if now.Sub(v.At) < c.per()/fadeSteps {
		return
	}
	if !v.At.IsZero() {
		age := float64(now.Sub(v.At)) / float64(c.per())
		faded, slowly := math.Exp(-age), math.Exp(-age/callsMemory)
		v.Started *= slowly
		v.Calls *= slowly
		v.Requests *= faded
		v.Tokens *= faded
		v.Input *= faded
		v.Output *= faded
		v.Money *= faded
		v.Busy *= faded
		if busy {
			v.Busy += 1 - faded
		}
	}
	v.At = now
}

// slow halves the pace after a throttle that no header explains. What was served in
// the time before it, and is being served, is what the provider gives: its bucket
// was full at the beginning and is empty now.
func (s *State) slow(now time.Time, c *Config, refused Cost) {
	s.served(now, c, Cost{})
	each := refused.Tokens
	if s.Served.Tokens > 0 {
		each = s.Served.Tokens / s.Served.Requests
	}
	calls := max(s.Served.Requests+float64(s.InFlight), pacedLeast)
	s.goal(requests, calls, pacedPart*lower(c.Requests, s.Requests.Limit))
	if each > 0 { // else nothing tells how many tokens there are
		told := lower(c.Tokens, s.Tokens.Limit)
		if told == 0 {
			told = lower(c.InputTokens, s.Input.Limit)
		}
		s.goal(tokens, max(calls*each, s.Served.Tokens), pacedPart*told)
	}
	s.Served.Paced = now
	s.Cold = Cold{Warm: true}
	s.quicken(now, c)
}

// goal sets what the pace of a bucket grows back to, by what was served, or by the
// pace that was too much; at least 1, and at least the given one.
func (s *State) goal(k kind, served, least float64) {
	b := s.bucket(k)
	goal := served
	if b.Pace > 0 {
		goal = min(served, b.Pace)
	}
	b.Goal = max(pacedTo*goal, least, 1)
}

// quicken lets the pace grow back.
func (s *State) quicken(now time.Time, c *Config) {
	if s.Served.Paced.IsZero() {
		return
	}
	grown := growth(float64(now.Sub(s.Served.Paced)) / float64(c.per()))
	for _, k := range [...]kind{requests, tokens} {
		b := s.bucket(k)
		if r, limited := c.rate(k, b); limited {
			*b = s.advance(k, now, r) // at the pace until now
		}
		if b.Pace = b.Goal * grown; grown > paceEnds {
			b.Pace, b.Goal = 0, 0
		}
	}
	if grown > paceEnds {
		s.Served.Paced = time.Time{}
	}
}

// quickened is quicken for calls that wait while nothing is answered, and reports
// whether the pace grew by a tenth or more: less is not worth to be stored.
func (s *State) quickened(now time.Time, c *Config) bool {
	if s.Served.Paced.IsZero() {
		return false
	}
	grown := growth(float64(now.Sub(s.Served.Paced)) / float64(c.per()))
	if b := &s.Requests; b.Goal*grown < 1.1*b.Pace {
		return false
	}
	s.quicken(now, c)
	return true
}

// growth returns the pace, of its goal, so many times of the limit after a throttle.
func growth(times float64) float64 {
	fast := math.Log2(2*pacedTo) / 2
	if times = max(times, 0); times < fast {
		return math.Exp2(2*times) / (2 * pacedTo)
	}
	return math.Pow(paceGrows, (times-fast)*(times-fast))
}
