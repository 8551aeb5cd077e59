package llmsim

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// account is the rate limits of one API. Every decision is made under one
// lock and at one time, so that no two calls are let in on the same tokens.
type account struct {
	scale float64

	mu                              sync.Mutex
	requests, tokens, input, output bucket
}

// cost is what one call takes from each bucket.
type cost struct{ requests, tokens, input, output int64 }

// terms are how a provider charges one call.
type terms struct {
	need    cost        // what must be there for the call to be let in
	refused cost        // what a call that is not let in takes nevertheless, if it is there
	charge  func() cost // what a call that is let in takes; decides its fate
}

// refusal says which limit refused a call.
type refusal struct {
	name  string // "requests", "tokens", "input tokens" or "output tokens"
	level level
	need  int64
	wait  time.Duration // until it would fit, were nothing else to come
	never bool          // it is larger than the limit itself
}

// levels is the state of the buckets.
type levels struct{ requests, tokens, input, output level }

// level is the state of one bucket.
type level struct {
	known bool
	limit int64
	left  float64       // negative in debt
	full  time.Duration // until it is full
}

func newAccount(l Limits, scale float64) *account {
	a := &account{scale: scale}
	a.set(l)
	return a
}

func (a *account) set(l Limits) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.requests.set(now, l.Requests, a.scale)
	a.tokens.set(now, l.Tokens, a.scale)
	a.input.set(now, l.InputTokens, a.scale)
	a.output.set(now, l.OutputTokens, a.scale)
}

// admit lets a call in and charges it, or says why not.
func (a *account) admit(t terms) *refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if r := a.refuse(now, t.need); r != nil {
		a.take(now, a.there(now, t.refused))
		r.level = a.level(now, r.name)
		return r
	}
	a.take(now, t.charge())
	return nil
}

// refuse returns the limit that the call can never meet, else the one that it
// must wait longest for, or nil.
func (a *account) refuse(now time.Time, need cost) *refusal {
	var worst *refusal
	for _, r := range []*refusal{
		a.requests.refuse(now, "requests", need.requests),
		a.tokens.refuse(now, "tokens", need.tokens),
		a.input.refuse(now, "input tokens", need.input),
		a.output.refuse(now, "output tokens", need.output),
	} {
		switch {
		case r == nil:
		case worst == nil, r.never && !worst.never, r.never == worst.never && r.wait > worst.wait:
			worst = r
		}
	}
	return worst
}

// there is c without what is not there.
func (a *account) there(now time.Time, c cost) cost {
	if a.requests.wait(now, c.requests) > 0 {
		c.requests = 0
	}
	return c
}

func (a *account) take(now time.Time, c cost) {
	a.requests.take(now, c.requests)
	a.tokens.take(now, c.tokens)
	a.input.take(now, c.input)
	a.output.take(now, c.output)
}

// produced charges output as it comes, into debt if need be.
func (a *account) produced(c cost) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.take(time.Now(), c)
}

func (a *account) levels(now time.Time) levels {
	a.mu.Lock()
	defer a.mu.Unlock()
	return levels{a.requests.level(now), a.tokens.level(now), a.input.level(now), a.output.level(now)}
}

func (a *account) level(now time.Time, name string) level {
	switch name {
	case "requests":
		return a.requests.level(now)
	case "input tokens":
		return a.input.level(now)
	case "output tokens":
		return a.output.level(now)
	}
	return a.tokens.level(now)
}

// bucket is one limit: it holds a whole minute and refills evenly. The zero
// bucket is no limit.
type bucket struct {
	limit int64
	lim   *rate.Limiter
}

func (b *bucket) set(now time.Time, limit int64, scale float64) {
	b.limit = limit
	perSecond := rate.Limit(float64(limit) * scale / 60)
	switch {
	case limit == 0:
		b.lim = nil
	case b.lim == nil:
		b.lim = rate.NewLimiter(perSecond, int(limit))
	default:
		b.lim.SetLimitAt(now, perSecond)
		b.lim.SetBurstAt(now, int(limit))
	}
}

// wait returns how long it takes until n are there, 0 if they are.
func (b *bucket) wait(now time.Time, n int64) time.Duration {
	if b.lim == nil {
		return 0
	}
	return b.until(float64(n) - b.lim.TokensAt(now))
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

func (b *bucket) refuse(now time.Time, name string, n int64) *refusal {
	wait := b.wait(now, n)
	if wait <= 0 {
		return nil
	}
	return &refusal{name: name, need: n, wait: wait, never: n > b.limit}
}

// take charges n, going into debt if they are not there. A reservation is a
// minute's worth at most, so that more is taken in parts.
func (b *bucket) take(now time.Time, n int64) {
	if b.lim == nil {
		return
	}
	for n > 0 {
		part := min(n, b.limit)
		b.lim.ReserveN(now, int(part))
		n -= part
	}
}

func (b *bucket) level(now time.Time) level {
	if b.lim == nil {
		return level{}
	}
	left := b.lim.TokensAt(now)
	return level{known: true, limit: b.limit, left: left, full: b.until(float64(b.limit) - left)}
}
