package limit_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pawlhq/pawl/limit"
)

// machine takes a State through random operations and keeps the books itself.
type machine struct {
	s   limit.State
	c   limit.Config
	now time.Time
	out []limit.Cost // reservations that have not ended
}

func drawConfig(t *rapid.T) limit.Config {
	amount := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0.5, 100), rapid.Float64Range(100, 1e6))
	c := limit.Config{
		Requests:     amount.Draw(t, "requests"),
		Tokens:       amount.Draw(t, "tokens"),
		InputTokens:  amount.Draw(t, "input"),
		OutputTokens: amount.Draw(t, "output"),
		Per:          rapid.SampledFrom([]time.Duration{0, sec, time.Minute, time.Hour}).Draw(t, "per"),
		InFlight:     rapid.IntRange(0, 10).Draw(t, "in flight"),
	}
	if rapid.Bool().Draw(t, "days") {
		c.RequestsPerDay, c.TokensPerDay, c.CostPerDay = amount.Draw(t, "requests a day"), amount.Draw(t, "tokens a day"), amount.Draw(t, "money")
		c.Price = limit.Price{Output: 1}
	}
	if rapid.Bool().Draw(t, "own burst") {
		c.Burst = time.Duration(rapid.Int64Range(1e6, int64(sec)).Draw(t, "burst"))
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

func drawCost(t *rapid.T) limit.Cost {
	amount := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 100), rapid.Float64Range(0, 1e5))
	return limit.Cost{
		Requests: 1, RequestsDay: 1, InFlight: 1, TokensDay: amount.Draw(t, "tokens of a day"), Money: amount.Draw(t, "money"),
		Tokens: amount.Draw(t, "tokens"), Input: amount.Draw(t, "input"), Output: amount.Draw(t, "output"),
	}
}

func parts(c limit.Cost) [7]float64 {
	return [7]float64{c.Requests, c.Tokens, c.Input, c.Output, c.RequestsDay, c.TokensDay, c.Money}
}

func buckets(s *limit.State) [7]limit.Bucket {
	return [7]limit.Bucket{s.Requests, s.Tokens, s.Input, s.Output, s.RequestsDay, s.TokensDay, s.Money}
}

// has returns what is in a bucket, and what was saved or lent.
func has(b limit.Bucket) float64 { return b.Level + b.Saved }

// capacity returns the limit in force and the capacity of bucket i, 0 if it is
// not limited.
func capacity(c limit.Config, i int, learned, pace float64) (allowed, holds, per float64) {
	allowed = [7]float64{c.Requests, c.Tokens, c.InputTokens, c.OutputTokens, c.RequestsPerDay, c.TokensPerDay, c.CostPerDay}[i]
	for _, v := range []float64{learned, pace} {
		if v > 0 && (allowed == 0 || v < allowed) {
			allowed = v
		}
	}
	span, burst := c.Per, c.Burst
	if span == 0 {
		span = time.Minute
	}
	if burst == 0 {
		burst = span / 6
	}
	if i >= 4 {
		span, burst = 24*time.Hour, 24*time.Hour
	}
	holds = allowed * burst.Seconds() / span.Seconds()
	if i == 0 && allowed > 0 {
		holds = max(holds, 1)
	}
	return allowed, holds, span.Seconds()
}

// expect returns what must be in bucket i, saved or lent included: what was there,
// the refill, and what was charged and refunded; and the least that it may be,
// because neither the bucket nor what is saved holds more.
func (m *machine) expect(i int, before, got limit.Bucket, charged, refunded float64) (least, want float64, limited bool) {
	allowed, holds, per := capacity(m.c, i, got.Limit, got.Pace)
	if allowed == 0 {
		return 0, 0, false
	}
	if before.At.IsZero() {
		before.Level, before.At = holds, got.At
	}
	refill := max(got.At.Sub(before.At).Seconds(), 0) * allowed / per
	want = has(before) + refill + refunded - charged
	least = min(want-refunded, holds+min(before.Saved, 0)-charged) // what is refunded may be forgotten
	return least, want, true
}

// do runs one operation, and checks that it changed the buckets by what it
// says it charged and refunded, and by the refill.
func (m *machine) do(t *rapid.T, op func() (charged, refunded limit.Cost)) {
	before := m.s
	charged, refunded := op()
	had, got, plus, minus := buckets(&before), buckets(&m.s), parts(refunded), parts(charged)
	for i := range got {
		if got[i].At.Before(had[i].At) {
			t.Fatalf("bucket %d went back from %v to %v", i, had[i].At, got[i].At)
		}
		if got[i].At == had[i].At && has(got[i]) == has(had[i]) && plus[i] == minus[i] || got[i].Pace != had[i].Pace {
			continue // nothing happened, or it fills at another rate now
		}
		least, want, limited := m.expect(i, had[i], got[i], minus[i], plus[i])
		slack := 1e-6 * (1 + math.Abs(want) + math.Abs(least))
		if limited && (has(got[i]) > want+slack || has(got[i]) < least-slack) {
			t.Fatalf("bucket %d: %+v; want %v to %v in all, from %+v with %v charged and %v refunded", i, got[i], least, want, had[i], minus[i], plus[i])
		}
	}
}

// take returns one of the reservations that are out; ok is false if none is.
func (m *machine) take(t *rapid.T) (cost limit.Cost, ok bool) {
	if len(m.out) == 0 {
		return limit.Cost{}, false
	}
	i := rapid.IntRange(0, len(m.out)-1).Draw(t, "which")
	cost = m.out[i]
	m.out = append(m.out[:i], m.out[i+1:]...)
	return cost, true
}

func (m *machine) Pass(t *rapid.T) {
	d := rapid.OneOf(rapid.Int64Range(-1e6, 1e6), rapid.Int64Range(0, 100e9), rapid.Int64Range(0, 1e15)).Draw(t, "time")
	m.now = m.now.Add(time.Duration(d))
}

func (m *machine) Admit(t *rapid.T) {
	cost := drawCost(t)
	m.do(t, func() (limit.Cost, limit.Cost) {
		call := limit.Call{Cost: cost, Rank: int8(rapid.IntRange(-1, 1).Draw(t, "rank")), ID: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "id")}
		charged, gate, ok := m.s.Admit(m.now, m.c, call)
		if ok {
			m.out = append(m.out, charged)
		} else if !gate.Until.IsZero() && !gate.Until.After(m.now.Truncate(time.Microsecond)) {
			t.Fatalf("refused until %+v, which is now", gate)
		}
		return charged, limit.Cost{}
	})
}

func (m *machine) Reserve(t *rapid.T) {
	cost := drawCost(t)
	m.do(t, func() (limit.Cost, limit.Cost) {
		charged, at, _ := m.s.Reserve(m.now, m.c, cost)
		if !at.IsZero() {
			m.out = append(m.out, charged)
		} else if charged != (limit.Cost{}) {
			t.Fatalf("Reserve charged %+v for no time", charged)
		}
		return charged, limit.Cost{}
	})
}

func (m *machine) Adjust(t *rapid.T) {
	from, ok := m.take(t)
	if !ok {
		return
	}
	to := drawCost(t)
	m.do(t, func() (limit.Cost, limit.Cost) {
		charged, _, _ := m.s.Adjust(m.now, m.c, from, to)
		m.out = append(m.out, charged)
		return charged, from
	})
}

func (m *machine) Settle(t *rapid.T) {
	from, ok := m.take(t)
	if !ok {
		return
	}
	actual := drawCost(t)
	m.do(t, func() (limit.Cost, limit.Cost) {
		m.s.Settle(m.now, m.c, from, actual)
		return actual, from
	})
}

func (m *machine) Release(t *rapid.T) {
	from, ok := m.take(t)
	if !ok {
		return
	}
	refund := rapid.Bool().Draw(t, "refund")
	m.do(t, func() (_, refunded limit.Cost) {
		m.s.Release(m.now, m.c, from, refund)
		if refund {
			refunded = from
		}
		return limit.Cost{}, refunded
	})
}

func (m *machine) Refuse(t *rapid.T) {
	from, ok := m.take(t)
	if !ok {
		return
	}
	retry := time.Duration(rapid.Int64Range(-1, 100e9).Draw(t, "retry after"))
	blind := rapid.Bool().Draw(t, "blind")
	was := m.s.PausedUntil
	m.do(t, func() (limit.Cost, limit.Cost) {
		m.s.Refuse(m.now, m.c, from, limit.Throttle{After: retry, Reason: "throttled", Blind: blind})
		return limit.Cost{Requests: from.Requests, RequestsDay: from.RequestsDay}, from
	})
	if m.s.PausedUntil.Before(was) {
		t.Fatalf("the pause went from %v to %v", was, m.s.PausedUntil)
	}
}

func (m *machine) Observe(t *rapid.T) {
	number := rapid.OneOf(rapid.Int64Range(0, 1e6), rapid.Int64())
	seen := func() limit.Seen {
		return limit.Seen{
			Limit: rapid.Int64Range(-1, 1e8).Draw(t, "limit"), Remaining: number.Draw(t, "remaining"), Known: rapid.Bool().Draw(t, "known"),
			Reset: m.now.Add(time.Duration(rapid.Int64().Draw(t, "reset"))),
		}
	}
	before := m.s
	m.s.Observe(m.now, m.now.Add(-sec), m.c, limit.Observation{Requests: seen(), Tokens: seen(), Input: seen(), Output: seen(), RequestsDay: seen(), TokensDay: seen()})
	had, got := buckets(&before), buckets(&m.s)
	for i := range got {
		if _, want, limited := m.expect(i, had[i], got[i], 0, 0); limited && has(got[i]) > want+1e-6*(1+math.Abs(want)) && got[i] != had[i] {
			t.Fatalf("headers raised bucket %d from %v to %v", i, want, has(got[i]))
		}
	}
}

func (m *machine) Hold(t *rapid.T) {
	m.s.Hold(m.now, m.now.Add(time.Duration(rapid.Int64Range(1, 100e9).Draw(t, "for"))), "bill")
}

func (m *machine) Configure(t *rapid.T) { m.c = drawConfig(t) }

// Check is what holds after every step.
func (m *machine) Check(t *rapid.T) {
	if m.s.InFlight != len(m.out) {
		t.Fatalf("InFlight = %d; want %d", m.s.InFlight, len(m.out))
	}
	for _, l := range m.s.Levels(m.now, m.c) {
		if l.Level > l.Capacity || math.IsNaN(l.Level) || math.IsInf(l.Level, 0) {
			t.Fatalf("%+v; want a level of at most the capacity", l)
		}
	}
	saving := false
	for i, b := range buckets(&m.s) {
		if b.Saved > b.Saving*(1+1e-9)+1e-9 {
			t.Fatalf("bucket %d: %+v; want no more saved than the call needs", i, b)
		}
		saving = saving || b.Saving > 0 || b.Saved < 0
	}
	var kept limit.State
	data, err := json.Marshal(m.s)
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	if err != nil || kept != m.s {
		t.Fatalf("JSON: %v, %+v; want %+v", err, kept, m.s)
	}
	cost := limit.Cost{Requests: 1, Tokens: 10, Input: 10, Output: 10, RequestsDay: 1, TokensDay: 10, Money: 10, InFlight: 1}
	// Beyond a month doubles may be a microsecond off.
	call := limit.Call{Cost: cost, Rank: 1}
	if at, gate := kept.Next(m.now, m.c, call); !saving && !at.IsZero() && at.Sub(m.now) < 30*24*time.Hour {
		if _, again, ok := kept.Admit(at, m.c, call); !ok {
			t.Fatalf("Next = %v, %+v; then refused by %+v", at, gate, again)
		}
	}
}

// No order of operations creates or loses a token, and in the end every debt
// is paid.
func TestTokensAreConserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{c: drawConfig(t), now: t0}
		t.Repeat(rapid.StateMachineActions(m))
		for _, cost := range m.out {
			m.s.Release(m.now, m.c, cost, false)
		}
		m.s.Resume(m.now)
		full := func() bool {
			return !slices.ContainsFunc(m.s.Levels(m.now, m.c), func(l limit.Level) bool { return l.Level != l.Capacity })
		}
		for i := 0; i < 100 || i < 100_000 && !full(); i++ { // the debts of a limit of 1 a day may need a while
			m.now = m.now.Add(200 * 365 * 24 * time.Hour)
			m.s.Settle(m.now, m.c, limit.Cost{}, limit.Cost{})
		}
		for _, l := range m.s.Levels(m.now, m.c) {
			if l.Level != l.Capacity {
				t.Fatalf("in the end %+v; want it full", l)
			}
		}
		if _, gate, ok := m.s.Admit(m.now, m.c, limit.Call{Cost: drawCost(t)}); !ok {
			t.Fatalf("in the end refused by %+v", gate)
		}
	})
}
