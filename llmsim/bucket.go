package llmsim

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// bucket is one limit: it refills evenly, and holds a whole minute or day of
// that, or less. A call that is larger than what it holds is let in when the
// bucket is full, and drives it into debt. The zero bucket is no limit.
type bucket struct {
	limit int64 // in each of the gate's periods
	holds int64
	lim   *rate.Limiter
}

func (b *bucket) set(now time.Time, limit, holds int64, perSecond float64) {
	b.limit, b.holds = limit, holds
	switch {
	case limit == 0:
		b.lim = nil
	case b.lim == nil:
		b.lim = rate.NewLimiter(rate.Limit(perSecond), int(holds))
	default:
		b.lim.SetLimitAt(now, rate.Limit(perSecond))
		b.lim.SetBurstAt(now, int(holds))
	}
}

// wait returns how long it takes until a call of n is let in, 0 if it is now.
func (b *bucket) wait(now time.Time, n int64) time.Duration {
	if b.lim == nil {
		return 0
	}
	return b.until(float64(min(n, b.holds)) - b.lim.TokensAt(now))
}

func (b *bucket) until(missing float64) time.Duration {
	if missing <= 0 {
		return 0
	}
	wait := missing / float64(b.lim.Limit()) * float64(time.Second)
	if wait > math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(wait)
}

func (b *bucket) refuse(now time.Time, g gate, n int64) *refusal {
	if b.lim == nil {
		return nil
	}
	never := n > b.limit
	wait := b.wait(now, n)
	if never {
		wait = b.until(float64(n) - b.lim.TokensAt(now)) // as if it could ever hold that
	}
	if wait <= 0 {
		return nil
	}
	return &refusal{gate: g, need: n, wait: wait, never: never}
}

// take charges n, going into debt if they are not there. A reservation is as
// much as the bucket holds at most, so that more is taken in parts.
func (b *bucket) take(now time.Time, n int64) {
	if b.lim == nil {
		return
	}
	for n > 0 {
		part := min(n, b.holds)
		b.lim.ReserveN(now, int(part))
		n -= part
	}
}

func (b *bucket) level(now time.Time) level {
	if b.lim == nil {
		return level{}
	}
	left := b.lim.TokensAt(now)
	return level{known: true, limit: b.limit, holds: b.holds, left: left, full: b.until(float64(b.holds) - left)}
}

// level is the state of one bucket.
type level struct {
	known bool
	limit int64
	holds int64
	left  float64       // negative in debt
	full  time.Duration // until it is full
}

// shown is what the provider says is left of the limit: all but what is
// missing, even if the bucket never holds as much.
func (l level) shown() float64 { return float64(l.limit-l.holds) + l.left }
