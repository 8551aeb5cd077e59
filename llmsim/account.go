package llmsim

import (
	"math"
	"sync"
	"time"
)

// account is the rate limits of one API. Every decision is made under one
// lock and at one time, so that no two calls are let in on the same tokens.
type account struct {
	scale float64

	mu      sync.Mutex
	buckets [gates]bucket
	ramp    ramp
}

// gate is one of the limits of an account.
type gate int

const (
	requestsMinute gate = iota
	tokensMinute
	inputMinute
	outputMinute
	requestsDay
	tokensDay

	gates // how many there are
)

// cost is what one call takes from each bucket.
type cost [gates]int64

// levels is the state of the buckets.
type levels [gates]level

// terms are how a provider charges one call.
type terms struct {
	need    cost        // what must be there for the call to be let in
	refused cost        // what a call that is not let in takes nevertheless, if it is there
	charge  func() cost // what a call that is let in takes; decides its fate
}

// refusal says which limit refused a call.
type refusal struct {
	gate  gate
	level level
	need  int64
	wait  time.Duration // until it would fit, were nothing else to come
	never bool          // it is larger than the limit itself
	fast  bool          // it was no limit of these, but that traffic grew too fast
}

func newAccount(l Limits, growth, scale float64) *account {
	a := &account{scale: scale, ramp: ramp{growth: growth, start: time.Now(), scale: scale}}
	a.set(l)
	return a
}

func (a *account) set(l Limits) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	for g, limit := range l.all() {
		a.buckets[g].set(now, limit, l.holds(gate(g), limit), float64(limit)*a.scale/gate(g).period().Seconds())
	}
}

// period is the time that a limit is one of.
func (g gate) period() time.Duration {
	if g == requestsDay || g == tokensDay {
		return 24 * time.Hour
	}
	return time.Minute
}

// admit lets a call in and charges it, or says why not.
func (a *account) admit(t terms) *refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	r := a.refuse(now, t.need)
	if r == nil && a.ramp.steep(now) {
		r = &refusal{fast: true}
	}
	if r != nil {
		a.take(now, a.there(now, t.refused))
		r.level = a.buckets[r.gate].level(now)
		return r
	}
	a.ramp.add(now)
	a.take(now, t.charge())
	return nil
}

// refuse returns the limit that the call can never meet, else the one that it
// must wait longest for, or nil.
func (a *account) refuse(now time.Time, need cost) *refusal {
	var worst *refusal
	for g := range a.buckets {
		r := a.buckets[g].refuse(now, gate(g), need[g])
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
	for g := range a.buckets {
		if a.buckets[g].wait(now, c[g]) > 0 {
			c[g] = 0
		}
	}
	return c
}

func (a *account) take(now time.Time, c cost) {
	for g := range a.buckets {
		a.buckets[g].take(now, c[g])
	}
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
	var out levels
	for g := range a.buckets {
		out[g] = a.buckets[g].level(now)
	}
	return out
}

// coarse returns levels that tell as little as providers may: tokens in
// thousands, and times in whole seconds, one too early.
func (l levels) coarse() levels {
	for g := range l {
		if gate(g) != requestsMinute && gate(g) != requestsDay {
			shown := l[g].shown()
			l[g].left += math.Round(shown/1000)*1000 - shown
		}
		l[g].full = l[g].full.Truncate(time.Second) - time.Second
	}
	return l
}
