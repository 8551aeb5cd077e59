package limit

import "time"

// Used is when calls of higher priorities last asked. While a priority is in use,
// lower ones leave it room: half of each bucket, and a tenth of the calls in
// flight. So somebody who waits need not wait for the refill that a backlog uses
// up as it comes. What is left is the backlog's as soon as the priority is no
// longer in use; no refill is lost, for it is room in the bucket and not a rate.
type Used struct {
	High   time.Time `json:",omitzero"`
	Normal time.Time `json:",omitzero"`
}

// inUse is for how long after a call its priority is in use, for a limit a minute.
const inUse = 5 * time.Minute

// keptPart is the part of a bucket that is left for higher priorities.
const keptPart = 1. / 2

// note notes that a call of some rank asked, and reports whether that is news: it
// is kept to a tenth of the time for which it matters.
func (u *Used) note(now time.Time, c *Config, rank int8) bool {
	last := &u.Normal
	switch {
	case rank > 0:
		last = &u.High
	case rank < 0:
		return false
	}
	if !last.IsZero() && now.Sub(*last) < c.scaled(inUse/10) {
		return false
	}
	*last = later(*last, now)
	return true
}

// above reports whether a priority higher than rank is in use.
func (u *Used) above(now time.Time, c *Config, rank int8) bool {
	last := u.High
	switch {
	case rank > 0:
		return false
	case rank < 0:
		last = later(last, u.Normal)
	}
	return !last.IsZero() && now.Sub(last) <= c.scaled(inUse)
}

// LeavesRoom reports whether calls of some rank leave room to higher priorities now.
func (s *State) LeavesRoom(now time.Time, c Config, rank int8) bool {
	return s.Used.above(stamp(now), &c, rank)
}

// kept returns how much of bucket k is left for higher priorities, if one is in use.
func (r rate) kept(k kind, used bool) float64 {
	if !used || k.daily() {
		return 0
	}
	return keptPart * r.capacity
}

// placesKept returns how many calls in flight are left for higher priorities.
func (c *Config) placesKept(used bool) int {
	if !used || c.InFlight < 2 {
		return 0
	}
	return max(c.InFlight/10, 1)
}
