package limit

import (
	"math"
	"time"
)

// Bucket is one continuous token bucket. Its zero value is full and has never
// been used.
type Bucket struct {
	Level float64   `json:",omitempty"` // what is left at the time At; negative is debt
	At    time.Time `json:",omitzero"`  // never goes back; ahead of now for what is reserved behind a pause

	Limit float64 `json:",omitempty"` // as the provider told, per Config.Per or a day; 0 is unknown
	Pace  float64 `json:",omitempty"` // the limit found by trying, where the provider tells none; 0 is none
	Goal  float64 `json:",omitempty"` // what Pace grows back to

	Saved  float64 `json:",omitempty"` // put aside for a large call; negative is what one was lent
	Saving float64 `json:",omitempty"` // what the large call needs that is being saved for
	Spent  float64 `json:",omitempty"` // what a bucket that holds the whole limit would lack to be full
}

// rate is how a bucket fills. Times are in microseconds.
type rate struct {
	limit, per, capacity float64
}

// at returns b as it is at now, which is b itself if now lies before b.At:
// time that goes back creates nothing. Refill pays debt first. Of the rest, a
// share is saved, or pays back a loan, and so is what the bucket cannot hold.
func (b Bucket) at(now time.Time, r rate, share float64) Bucket {
	switch {
	case b.At.IsZero():
		b.Level, b.At = r.capacity, now
	case now.After(b.At):
		refill := micros(now.Sub(b.At)) * r.limit / r.per
		b.At = now
		paid := min(refill, max(-b.Level, 0))
		saved := min((refill-paid)*share, b.unsaved())
		b.Level += refill - saved
		b.Saved += saved
		b.Spent = max(b.Spent-refill, 0)
	}
	return b.settled(r)
}

// settled returns b with no more than its capacity. What is above it is saved, as
// far as there is something to save for.
func (b Bucket) settled(r rate) Bucket {
	if over := b.Level - r.capacity; over > 0 {
		b.Level = r.capacity
		b.Saved += min(over, b.unsaved())
	}
	return b
}

// unsaved returns what is still to be saved, or to be paid back.
func (b *Bucket) unsaved() float64 { return max(b.Saving-b.Saved, 0) }

// credit gives back what was charged: to debt, then to a loan, then to the level.
func (b Bucket) credit(amount float64, r rate) Bucket {
	debt := min(amount, max(-b.Level, 0))
	b.Level += debt
	loan := min(amount-debt, max(-b.Saved, 0))
	b.Saved += loan
	b.Level += amount - debt - loan
	b.Spent = max(b.Spent-amount, 0)
	return b.settled(r)
}

// ahead charges a call of cost, by more than what it was charged before, whatever is
// there. A call larger than the bucket first pays back what another was lent.
func (b Bucket) ahead(r rate, cost, more float64) Bucket {
	if cost > r.capacity && b.Saved < 0 {
		b.Level, b.Saved = b.Level+b.Saved, 0
	}
	b.Level -= more
	b.Spent += more
	return b
}

// ready returns when a call that was charged cost, and left the bucket as b,
// may be sent: once b is back at 0, or, if cost exceeds the capacity, once b
// would have been full without it; and no more than the whole limit is spent. Zero is
// at once.
func (b Bucket) ready(r rate, cost float64) time.Time {
	return b.in(r, max(min(0, r.capacity-cost)-b.Level, min(b.Spent-r.limit, b.Spent-cost)))
}

// in returns when the bucket has refilled by an amount; zero is at once.
func (b Bucket) in(r rate, amount float64) time.Time {
	wait := amount * r.per / r.limit
	if wait <= slack {
		return time.Time{}
	}
	wait = min(math.Ceil(wait-slack/10), longest)
	return b.At.Add(time.Duration(wait) * time.Microsecond)
}

const (
	// slack forgives the rounding of doubles: 10 ns of refill, in microseconds.
	slack = 0.01
	// longest bounds every wait: 100 years, in microseconds.
	longest = 100 * 365 * 24 * 3600 * 1e6
)

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

// stamp returns t as states keep it: UTC, whole microseconds, no monotonic
// clock, so that it survives JSON unchanged.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// stampUp is stamp rounded up, for times before which nothing may happen.
func stampUp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return stamp(t.Add(time.Microsecond - 1))
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// soon returns t, or 100 years from now if that is earlier: a time that JSON
// and every store can keep.
func soon(now, t time.Time) time.Time {
	if end := now.Add(longest * time.Microsecond); t.After(end) {
		return end
	}
	return t
}
