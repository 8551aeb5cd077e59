package limit_test

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"golang.org/x/time/rate"
	"pgregory.net/rapid"

	"github.com/pawlhq/pawl/limit"
)

// sent is a call at its turn.
type sent struct {
	at             time.Time
	requests, cost float64
}

// driver drives a State with random calls whose estimates are right.
type driver struct {
	s       limit.State
	c       limit.Config
	now     time.Time
	largest int // most that a call costs
	sent    []sent
	out     []limit.Cost
}

// drawTraffic returns what a driver sent, in the order of time. Calls wait for
// their turn only where there is one bucket: with two, they may be sent later
// than one of them counts.
func drawTraffic(t *rapid.T, c limit.Config, largest int) []sent {
	d := driver{c: c, now: t0, largest: largest}
	ops := []string{"admit", "admit", "admit", "cancel", "pause", "hold"}
	if c.Requests == 0 || c.Tokens == 0 {
		ops = append(ops, "claim", "reserve", "reserve")
	}
	for range rapid.IntRange(1, 120).Draw(t, "steps") {
		pass := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 2e9), rapid.Int64Range(0, 60e9))
		d.now = d.now.Add(time.Duration(pass.Draw(t, "time")))
		charged, at, ok := d.step(t, rapid.SampledFrom(ops).Draw(t, "op"))
		if ok {
			d.sent = append(d.sent, sent{at, charged.Requests, charged.Tokens})
			d.out = append(d.out, charged)
		}
		if len(d.out) > 0 && rapid.Bool().Draw(t, "ends") {
			d.s.Settle(d.now, c, d.out[0], d.out[0])
			d.out = d.out[1:]
		}
	}
	slices.SortStableFunc(d.sent, func(a, b sent) int { return cmp.Compare(a.at.UnixMicro(), b.at.UnixMicro()) })
	return d.sent
}

// step runs one operation and returns the call it sends, if any.
func (d *driver) step(t *rapid.T, op string) (charged limit.Cost, at time.Time, ok bool) {
	size := rapid.OneOf(rapid.IntRange(1, d.largest/20), rapid.IntRange(1, d.largest))
	cost := call(float64(size.Draw(t, "cost")))
	span := time.Duration(rapid.Int64Range(0, 30e9).Draw(t, "span"))
	switch op {
	case "admit":
		charged, _, ok = d.s.Admit(d.now, d.c, limit.Call{Cost: cost})
		return charged, d.now, ok
	case "claim":
		if charged, _, ok = d.s.Admit(d.now, d.c, limit.Call{Cost: call(float64(size.Draw(t, "claim")))}); ok {
			charged, at, _ = d.s.Adjust(d.now, d.c, charged, cost)
		}
		return charged, at, ok
	case "reserve":
		charged, at, _ = d.s.Reserve(d.now, d.c, cost)
		return charged, at, !at.IsZero()
	case "cancel":
		if charged, _, ok = d.s.Admit(d.now, d.c, limit.Call{Cost: cost}); ok {
			d.s.Release(d.now, d.c, charged, true)
		}
	case "pause":
		d.s.Refuse(d.now, d.c, limit.Cost{}, limit.Throttle{After: span, Reason: ""})
	case "hold":
		d.s.Hold(d.now, d.now.Add(span), "")
	}
	return limit.Cost{}, time.Time{}, false
}

func drawTwo(t *rapid.T) limit.Config {
	two := limit.Config{
		Requests: float64(rapid.IntRange(6, 600).Draw(t, "requests")),
		Tokens:   float64(rapid.IntRange(600, 100000).Draw(t, "tokens")),
	}
	one := []limit.Config{two, {Requests: two.Requests}, {Tokens: two.Tokens}}
	return rapid.SampledFrom(one).Draw(t, "limited")
}

// A bucket of another make, as large as the minute's limit, never refuses what
// we send, not even calls of nearly the whole limit.
func TestJudgeNeverRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawTwo(t)
		judge := func(perMinute float64) *rate.Limiter {
			if perMinute == 0 {
				return rate.NewLimiter(rate.Inf, 0)
			}
			return rate.NewLimiter(rate.Limit(perMinute/60), int(perMinute))
		}
		requests, tokens := judge(c.Requests), judge(c.Tokens)
		for i, call := range drawTraffic(t, c, int(max(c.Tokens, 600))*99/100) {
			if !requests.AllowN(call.at, int(call.requests)) || !tokens.AllowN(call.at, int(call.cost)) {
				t.Fatalf("call %d: %+v is refused; %v requests and %v tokens left", i, call, requests.TokensAt(call.at), tokens.TokensAt(call.at))
			}
		}
	})
}

// In every span of time T no more is sent than capacity + rate·T, or a call
// larger than the capacity in place of it.
func TestNoSpanOfTimeIsOvershot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawTwo(t)
		traffic := drawTraffic(t, c, 3*int(max(c.Tokens, 600)))
		for i, first := range traffic {
			var requests, tokens, largest float64
			for _, last := range traffic[i:] {
				requests, tokens = requests+last.requests, tokens+last.cost
				largest = max(largest, last.cost)
				span := (last.at.Sub(first.at) + 2*time.Microsecond).Minutes() // times are rounded
				if most := max(c.Requests/6, 1) + c.Requests*span; c.Requests > 0 && requests > most+1e-3 {
					t.Fatalf("%v requests from %v to %v; want at most %v", requests, first.at, last.at, most)
				}
				if most := max(c.Tokens/6, largest) + c.Tokens*span; c.Tokens > 0 && tokens > most+1e-3 {
					t.Fatalf("%v tokens from %v to %v; want at most %v", tokens, first.at, last.at, most)
				}
			}
		}
	})
}

// What the first property allows is also used: a queue that never runs dry
// gets nearly the whole limit.
func TestTheWholeLimitIsUsed(t *testing.T) {
	c := limit.Config{Requests: 600, Tokens: 60000}
	var s limit.State
	var total float64
	now, end := t0, t0.Add(time.Hour)
	for i := 0; now.Before(end); i++ {
		cost := call(float64(50 + i*37%400))
		charged, _, ok := s.Admit(now, c, limit.Call{Cost: cost})
		if !ok {
			now, _ = s.Next(now, c, limit.Call{Cost: cost})
			i--
			continue
		}
		s.Settle(now, c, charged, charged)
		total += charged.Tokens
	}
	if want := c.Tokens*60 + 10000; total < want*0.99 || total > want+500 {
		t.Errorf("an hour's tokens = %v; want nearly %v", math.Round(total), want)
	}
}
