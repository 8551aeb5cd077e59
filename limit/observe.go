package limit

import (
	"math"
	"time"
)

// Observation is what one response told of the limits.
type Observation struct {
	Requests, Tokens, Input, Output Seen
	RequestsDay, TokensDay          Seen

	// Refused is what a call was expected to cost that the provider refused; zero
	// if it was let in.
	Refused Cost
}

// Seen is what headers told of one bucket.
type Seen struct {
	Limit     int64     // per Config.Per, or a day; 0 or less is unknown
	Remaining int64     // less than 0 counts as 0
	Reset     time.Time // when the provider's bucket is full again; zero is unknown
	Known     bool      // Remaining was there; else only Limit is read
}

// Observe reads the headers of the response to a call that was sent at sentAt.
// Call it after Settle or Refuse: what remains has that call off already, and a
// refund would come on top.
//
// It learns the limits, and only ever lowers a level: to what remains, and, if
// nothing does, into the debt that the reset tells of, at most one Per deep. A
// response to a call sent before the one last observed is ignored, for what
// it tells is older.
//
// Calls in flight that the provider had not counted yet are not subtracted
// from what remains. The level has them off already where it is the lower one;
// most others are counted, and taking off long calls again for each response
// would starve the limit. What is overlooked is what was sent within one round
// trip, and the next response shows it.
//
// Token counts that are whole thousands are read as rounded: 500 less. A reset
// in the past tells nothing. Where input and output are told apart, their sum is
// not a limit of its own unless it is configured.
//
// Where a call was refused that should have been let in, levels are lowered by what
// refills in a second, whatever remains: the provider may enforce a minute's limit
// by a smaller bucket than it tells of, and then both would stay close to nothing.
func (s *State) Observe(now, sentAt time.Time, c Config, o Observation) {
	now, sentAt = stamp(now), stamp(sentAt)
	if sentAt.After(now) {
		sentAt = now
	}
	if sentAt.Before(s.ObservedAt) || !o.tells() {
		return
	}
	s.ObservedAt = sentAt
	s.Cold = Cold{Warm: true}
	apart := o.Input.tells() || o.Output.tells()
	lowered := false
	for k := range kinds {
		if k == tokens && apart && c.Tokens == 0 {
			continue
		}
		lowered = s.see(now, &c, k, o.seen(k), *o.Refused.part(k)) || lowered
	}
	if lowered {
		s.Epoch++
	}
}

// see reads what headers told of one bucket, and reports whether it lowered the level.
func (s *State) see(now time.Time, c *Config, k kind, o Seen, refused float64) bool {
	if !o.tells() {
		return false
	}
	b := s.bucket(k)
	if o.Limit > 0 {
		b.Limit = amount(float64(o.Limit))
	}
	r, limited := c.rate(k, b)
	if !limited {
		return false
	}
	*b = s.advance(k, now, r)
	if !o.Known {
		return false
	}
	level := min(o.level(now, k, r)-max(b.Saved, 0), b.Level)
	if refused > 0 {
		level -= r.limit / 60
	}
	if level >= b.Level {
		return false
	}
	b.Level = level
	return true
}

func (o Seen) tells() bool { return o.Known || o.Limit > 0 }

// level returns what the provider's bucket held, at most.
func (o Seen) level(now time.Time, k kind, r rate) float64 {
	switch {
	case o.Remaining <= 0:
		return o.debt(now, r)
	case o.Limit > 0 && o.Remaining >= o.Limit:
		return math.MaxFloat64
	case !k.counts() && o.Remaining%1000 == 0:
		return amount(float64(o.Remaining)) - 500
	}
	return amount(float64(o.Remaining))
}

// debt returns the level of a bucket with nothing left, from the time at which
// it will be full. An empty one is after one Per, the rest is debt.
func (o Seen) debt(now time.Time, r rate) float64 {
	over := micros(o.Reset.Sub(now)) - r.per
	if over <= 0 {
		return 0
	}
	return -min(over, r.per) * r.limit / r.per
}

func (o *Observation) tells() bool {
	for k := range kinds {
		if o.seen(k).tells() {
			return true
		}
	}
	return false
}
