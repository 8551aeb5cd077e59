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
	Limit float64   `json:",omitempty"` // per Config.Per, as headers told; 0 is unknown
}

// kind is one of a limit's buckets.
type kind int

const (
	requests kind = iota
	tokens
	input
	output
	kinds // how many there are
)

func (k kind) String() string {
	return [...]string{"requests", "tokens", "input tokens", "output tokens"}[k]
}

func (k kind) field() string {
	return [...]string{"Requests", "Tokens", "InputTokens", "OutputTokens"}[k]
}

// rate is how a bucket fills. Times are in microseconds, as in the formulas
// that stores mirror.
type rate struct {
	limit, per, capacity float64
}

// at returns b as it is at now, which is b itself if now lies before b.At:
// time that goes back creates nothing.
func (b Bucket) at(now time.Time, r rate) Bucket {
	switch {
	case b.At.IsZero():
		b.Level, b.At = r.capacity, now
	case now.After(b.At):
		b.Level += micros(now.Sub(b.At)) * r.limit / r.per
		b.At = now
	}
	b.Level = min(b.Level, r.capacity)
	return b
}

// ready returns when a call that was charged cost, and left the bucket as b,
// may be sent: once b is back at 0, or, if cost exceeds the capacity, once b
// would have been full without it. Zero is at once.
func (b Bucket) ready(r rate, cost float64) time.Time {
	missing := min(0, r.capacity-cost) - b.Level
	wait := missing * r.per / r.limit
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
