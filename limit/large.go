package limit

import "time"

// Earmark is what is being saved, out of the refill, for one large call: one that
// needs more than half of a bucket. Smaller calls may use the rest meanwhile, so
// that they are not blocked for the time that it takes to save, and cannot take
// what is saved, so that the large one is not starved.
//
// A large call that finds its bucket full goes at once, and is lent what it needs
// above that. The same share of the refill pays the loan back.
type Earmark struct {
	For   string    `json:",omitempty"` // the ID of the call; "" is none
	Since time.Time `json:",omitzero"`  // when it was first turned away
	Asked time.Time `json:",omitzero"`  // when it was turned away last
}

const (
	// leastShare of the refill is saved at first, and mostShare after a minute and
	// a half. Half is what keeps small calls going beside a stream of large ones; to
	// begin with more has small ones wait and lets large ones go no sooner.
	leastShare, mostShare = 1. / 8, 1. / 2
	// shareGrows is the time, in that of the limit, in which the share would grow by one.
	shareGrows = 4
	// largeAbove is the part of a bucket above which a call is large.
	largeAbove = 1. / 2
)

func (e *Earmark) owns(id string) bool { return id != "" && e.For == id }

// live reports whether something is saved for a call that still asks.
func (e *Earmark) live(now time.Time, c *Config) bool {
	return e.For != "" && now.Sub(e.Asked) <= c.per()
}

// share returns the part of a bucket's refill that is saved, or pays back a loan.
func (e *Earmark) share(now time.Time, b *Bucket, r rate) float64 {
	switch {
	case b.Saved < 0:
		return mostShare
	case b.Saved >= b.Saving:
		return 0
	}
	age := micros(now.Sub(e.Since)) / r.per
	return min(leastShare+max(age, 0)/shareGrows, mostShare)
}

// large reports whether a call that takes cost of a bucket is large. All calls
// take the same of a bucket that counts them.
func (r rate) large(k kind, cost float64) bool {
	return !k.counts() && cost > largeAbove*r.capacity
}

// SavesForAnother reports whether a call is large, and something is saved for another
// one.
func (s *State) SavesForAnother(now time.Time, c Config, call Call) bool {
	now, cost := stamp(now), call.Cost.clean()
	if s.Earmark.owns(call.ID) || !s.Earmark.live(now, &c) {
		return false
	}
	for k := range kinds {
		if r, limited := c.rate(k, s.bucket(k)); limited && r.large(k, *cost.part(k)) {
			return true
		}
	}
	return false
}

// save begins to save for a large call that was turned away, or goes on to, and
// reports whether it changed anything.
func (s *State) save(now time.Time, c *Config, call Call) bool {
	given := s.giveUp(now, c)
	if call.ID == "" || s.Earmark.For != "" && s.Earmark.For != call.ID {
		return given
	}
	cost, large, changed := call.Cost.clean(), false, given
	for k := range kinds {
		need := *cost.part(k)
		r, limited := c.rate(k, s.bucket(k))
		if !limited || !r.large(k, need) {
			continue
		}
		large = true
		if s.bucket(k).Saving == need {
			continue
		}
		b := s.advance(k, now, r)
		if b.Saving = need; b.Saved > need {
			b.Level, b.Saved = min(b.Level+b.Saved-need, r.capacity), need
		}
		*s.bucket(k) = b
		changed = true
	}
	if !large {
		return changed
	}
	if s.Earmark.For == "" {
		s.Earmark = Earmark{For: call.ID, Since: now}
	}
	if now.Sub(s.Earmark.Asked) >= c.per()/8 {
		s.Earmark.Asked, changed = now, true
	}
	return changed
}

// giveUp ends an earmark whose call has not asked for a minute: it was cancelled,
// or its queue is paused.
func (s *State) giveUp(now time.Time, c *Config) bool {
	if s.Earmark.For == "" || s.Earmark.live(now, c) {
		return false
	}
	s.Earmark = Earmark{}
	for k := range kinds {
		b := s.bucket(k)
		if b.Saving == 0 {
			continue
		}
		r, limited := c.rate(k, b)
		if limited {
			*b = b.at(now, r, 0)
		} else {
			r.capacity = most // it is cut when the bucket is limited again
		}
		*b = b.spill(r)
	}
	return true
}

// spill ends what was being saved: it is part of the level again.
func (b Bucket) spill(r rate) Bucket {
	b.Saving = 0
	if b.Saved > 0 {
		b.Level, b.Saved = min(b.Level+b.Saved, r.capacity), 0
	}
	return b
}

// take charges a call that was let in: to what was saved for it, then to the level,
// and what both cannot give is lent. Beside what was saved, no more than the whole
// limit is left to be spent.
func (b Bucket) take(r rate, cost float64, owner bool) Bucket {
	b.Spent += cost
	if owner {
		saved := min(max(b.Saved, 0), cost)
		b.Saved -= saved
		cost -= saved
		b = b.spill(r)
		if saved > 0 {
			b.Level = min(b.Level, max(r.limit-b.Spent, 0)+cost)
		}
	}
	if cost > b.Level && b.Level > 0 {
		b.Saved -= cost - b.Level
		b.Level = 0
		return b
	}
	b.Level -= cost
	return b
}

// fits returns how much refill a call that takes cost lacks, 0 if it fits. It fits
// if the bucket holds it beside what is kept for higher priorities, if what was
// saved for it makes up for the rest, or if the bucket is full, what was saved for it
// included, and nothing is lent. A large call never makes it more than the whole
// limit, which is what the provider's own bucket holds, whatever was saved beside it.
func (b *Bucket) fits(r rate, cost, keep float64, owner bool) float64 {
	saved := 0.
	lacks := cost + keep - b.Level
	if owner {
		saved = max(b.Saved, 0)
		lacks = cost - saved - max(b.Level-keep, 0)
	}
	full := r.capacity - b.Level - saved
	if cost > r.capacity {
		full = max(full, -b.Saved)
	}
	lacks = min(lacks, full)
	if cost > largeAbove*r.capacity {
		lacks = max(lacks, b.Spent+min(cost, r.limit)-r.limit)
	}
	return max(lacks, 0)
}
