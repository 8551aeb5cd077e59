package limit_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/time/rate"
	"pgregory.net/rapid"

	"github.com/pawlhq/pawl/limit"
)

// mix is a queue that never runs dry, of small calls and, one at a time, large ones.
// It asks as a store does: the large one first, then small ones until one is turned
// away.
type mix struct {
	s     limit.State
	c     limit.Config
	now   time.Time
	small func() float64
	sent  []sent
	tries int
}

// rest is the time between two looks at the queue, where nothing else wakes it.
const rest = time.Second

// send lets a call go, if it may.
func (m *mix) send(cost float64, id string, rank int8) bool {
	m.tries++
	c := limit.Call{Cost: call(cost), ID: id, Rank: rank}
	charged, _, ok := m.s.Admit(m.now, m.c, c)
	if ok {
		m.s.Settle(m.now, m.c, charged, charged)
		m.sent = append(m.sent, sent{m.now, 1, cost})
	}
	return ok
}

// until runs the queue until the large call has gone, and returns how long that took,
// and what the small ones used meanwhile.
func (m *mix) until(large float64, id string, most time.Duration) (took time.Duration, used float64) {
	began := m.now
	for m.now.Sub(began) <= most {
		if m.send(large, id, 0) {
			return m.now.Sub(began), used
		}
		for {
			cost := m.small()
			if !m.send(cost, "", 0) {
				break
			}
			used += cost
		}
		m.now = m.now.Add(rest)
	}
	return most + 1, used
}

// A large call waits no longer than it takes to save for it, whatever small calls do,
// and these have at least half of the refill meanwhile.
func TestALargeCallWaitsForABoundedTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := limit.Config{Tokens: float64(rapid.IntRange(6000, 600_000).Draw(t, "tokens"))}
		capacity := c.Tokens / 6
		m := mix{c: c, now: t0, small: func() float64 {
			return float64(rapid.IntRange(1, int(capacity/4)).Draw(t, "small"))
		}}
		for m.send(m.small(), "", 0) { // the bucket is used up
		}
		large := capacity * rapid.Float64Range(0.51, 5.9).Draw(t, "large")
		// Of a minute's limit 1/8 + t/240 is saved at the time t, up to a half at 90 s.
		// A second is lost between two looks.
		savings := func(s float64) float64 {
			ramp := min(s, 90)
			return c.Tokens / 60 * (ramp/8 + ramp*ramp/480 + max(s-90, 0)/2)
		}
		bound := time.Duration(0)
		for savings(bound.Seconds()) < large {
			bound += time.Second
		}
		took, used := m.until(large, "large", 10*time.Minute)
		if took > bound+2*rest {
			t.Fatalf("a call of %v with a bucket of %v went after %v; want within %v", large, capacity, took, bound)
		}
		if refill := took.Minutes() * c.Tokens; used < refill/2-capacity/2 {
			t.Fatalf("small calls used %v of %v in %v; want at least half", used, refill, took)
		}
	})
}

// A bucket of another make, as large as the minute's limit, never refuses a mixture
// of small calls and such as take up to nearly all of the limit, saved for or not.
func TestJudgeNeverRefusesLargeCalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := limit.Config{Tokens: float64(rapid.IntRange(600, 100_000).Draw(t, "tokens"))}
		m := mix{c: c, now: t0}
		waiting := map[string]float64{}
		for i := range rapid.IntRange(1, 150).Draw(t, "steps") {
			pass := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 2e9), rapid.Int64Range(0, 60e9))
			m.now = m.now.Add(time.Duration(pass.Draw(t, "time")))
			rank := int8(rapid.IntRange(-1, 1).Draw(t, "rank"))
			switch rapid.IntRange(0, 3).Draw(t, "op") {
			case 0:
				waiting[fmt.Sprint(i)] = c.Tokens * rapid.Float64Range(0.09, 0.99).Draw(t, "large")
			case 1:
				ids := slices.Sorted(mapKeys(waiting))
				if len(ids) > 0 {
					id := rapid.SampledFrom(ids).Draw(t, "which")
					if m.send(waiting[id], id, rank) {
						delete(waiting, id)
					}
				}
			case 2:
				m.send(c.Tokens*rapid.Float64Range(0, 0.1).Draw(t, "small"), "", rank)
			case 3:
				cost := call(c.Tokens * rapid.Float64Range(0, 0.4).Draw(t, "later"))
				if charged, at, _ := m.s.Reserve(m.now, c, cost); !at.IsZero() {
					m.sent = append(m.sent, sent{at, 1, charged.Tokens})
					m.s.Settle(m.now, c, charged, charged)
				}
			}
		}
		slices.SortStableFunc(m.sent, func(a, b sent) int { return cmp.Compare(a.at.UnixMicro(), b.at.UnixMicro()) })
		judge := rate.NewLimiter(rate.Limit(c.Tokens/60), int(c.Tokens))
		for i, call := range m.sent {
			if !judge.AllowN(call.at, int(call.cost-0.01)) {
				t.Fatalf("call %d: %+v is refused; %v left", i, call, judge.TokensAt(call.at))
			}
		}
	})
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// used returns the part of an hour's limit that a mixture uses.
func (m *mix) used(large func(i int) float64, rank int8) float64 {
	end := m.now.Add(time.Hour)
	for i := 0; m.now.Before(end); {
		for m.send(large(i), fmt.Sprint(i), rank) {
			i++
		}
		for m.send(m.small(), "", rank) {
		}
		m.now = m.now.Add(rest / 4)
	}
	total := 0.
	for _, s := range m.sent {
		total += s.cost
	}
	return total / (m.c.Tokens * 60)
}

// Neither saving for large calls nor head-room for high priorities loses any of the
// limit, where there is always somebody who waits.
func TestTheWholeLimitIsUsedWithLargeCalls(t *testing.T) {
	c := limit.Config{Tokens: 60_000}
	for name, run := range map[string]func(*mix) float64{
		"large and small":      func(m *mix) float64 { return m.used(func(int) float64 { return 9000 }, 0) },
		"larger than a bucket": func(m *mix) float64 { return m.used(func(i int) float64 { return 12_000 + float64(i%7)*5000 }, 0) },
		"head-room":            func(m *mix) float64 { m.send(10, "", 1); return m.used(func(int) float64 { return 300 }, -1) },
		"a high one now and again": func(m *mix) float64 {
			return m.used(func(i int) float64 {
				if i%40 == 0 {
					m.send(100, "", 1)
				}
				return 400
			}, -1)
		},
	} {
		n := 0
		m := &mix{c: c, now: t0, small: func() float64 { n++; return float64(50 + n*37%400) }}
		if part := run(m); part < 0.99 || part > 1.01 {
			t.Errorf("%s: %.1f %% of the limit are used; want nearly all", name, 100*part)
		}
	}
}
