package limit_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pawlhq/pawl/limit"
)

// A backlog of equal calls is worked off when it was expected to be.
func TestExpect(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		c := limit.Config{Tokens: 6000, Requests: float64(20 + r.IntN(200))}
		cost := limit.Cost{Requests: 1, Tokens: float64(1 + r.IntN(2500)), InFlight: 1}
		s, now := limit.State{}, after(0)
		for range r.IntN(5) { // some went before
			s.Admit(now, c, limit.Call{Cost: cost})
			now = now.Add(time.Duration(r.IntN(5)) * time.Second)
		}
		if r.IntN(4) == 0 {
			s.Hold(now, now.Add(time.Duration(r.IntN(60))*time.Second), "closed")
		}
		ahead := r.IntN(30)
		call := limit.Call{Cost: cost, ID: "x"}
		want := s.Expect(now, c, call, ahead)
		if want.IsZero() {
			if _, _, ok := s.Admit(now, c, call); !ok {
				t.Errorf("seed %d: Expect = zero, though the limit makes it wait", seed)
			}
			continue // nothing tells how fast the workers are
		}
		asked := now
		for left := ahead; left >= 0; {
			if _, _, ok := s.Admit(now, c, limit.Call{Cost: cost}); ok {
				left--
			} else {
				now = now.Add(20 * time.Millisecond)
			}
		}
		if off := now.Sub(want).Abs(); off > now.Sub(asked)/50+40*time.Millisecond {
			t.Errorf("seed %d: it went after %v; Expect of %d ahead said %v, cost %+v", seed, now.Sub(asked), ahead, want.Sub(asked), cost)
		}
	}
}

func TestExpectOfWhatNobodyKnows(t *testing.T) {
	call := limit.Call{Cost: limit.Cost{Requests: 1, Tokens: 100, InFlight: 1}}
	var held limit.State
	held.Hold(after(0), time.Time{}, "closed")
	if got := held.Expect(after(0), limit.Config{}, call, 0); !got.IsZero() {
		t.Errorf("Expect of a limit that is held = %v; want zero", got)
	}
	var s limit.State
	c := limit.Config{InFlight: 1}
	reserved, _, _ := s.Admit(after(0), c, call)
	if got := s.Expect(after(0), c, call, 0); !got.IsZero() {
		t.Errorf("Expect beside a call in flight = %v; want zero", got)
	}
	s.Settle(after(6*time.Second), c, reserved, call.Cost)
	if got := s.Expect(after(6*time.Second), c, call, 0); !got.Equal(after(6 * time.Second)) {
		t.Errorf("Expect without a call in flight = %v; want now", got)
	}
	got := s.Expect(after(6*time.Second), c, call, 10).Sub(after(0))
	if got < 60*time.Second || got > 72*time.Second {
		t.Errorf("Expect of 10 ahead that take 6s each = %v; want 66s or so", got)
	}
}

// The mean is that of all calls of a task together.
func TestMean(t *testing.T) {
	var s limit.State
	c := limit.Config{}
	if _, known := s.Mean(); known {
		t.Error("Mean of a new limit is known; want it to be unknown")
	}
	now := after(0)
	for range 200 {
		now = now.Add(time.Second)
		s.Take(now, c, limit.Call{})
		for range 3 {
			s.Settle(now, c, limit.Cost{}, limit.Cost{Requests: 1, Tokens: 50, Input: 40, Output: 10, Money: 2})
		}
	}
	want := limit.Cost{Requests: 3, RequestsDay: 3, Tokens: 150, TokensDay: 150, Input: 120, Output: 30, Money: 6}
	got, known := s.Mean()
	if !known || !near(got.Requests, want.Requests) || !near(got.Tokens, want.Tokens) || !near(got.TokensDay, want.TokensDay) ||
		!near(got.Input, want.Input) || !near(got.Output, want.Output) || !near(got.Money, want.Money) {
		t.Errorf("Mean = %+v, %v; want %+v", got, known, want)
	}
}

func near(a, b float64) bool { return a > b*0.99 && a < b*1.01 }

// What Closed names is what keeps a call from being admitted.
func TestClosedAgreesWithGate(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		c := limit.Config{Tokens: 6000, Requests: 60, InFlight: r.IntN(4)}
		s, now := limit.State{}, after(0)
		for range 20 {
			call := limit.Call{Cost: limit.Cost{Requests: 1, Tokens: float64(r.IntN(900)), InFlight: 1}, Rank: int8(r.IntN(3) - 1)}
			gate, verdict := s.Gate(now, c, call)
			closed := s.Closed(now, c, call)
			longest := limit.Gate{}
			for _, g := range closed {
				longest = limit.Longer(longest, g)
			}
			if verdict == limit.Open != (len(closed) == 0) || longest != gate {
				t.Fatalf("seed %d: Closed = %+v; Gate = %+v, %v", seed, closed, gate, verdict)
			}
			s.Admit(now, c, call)
			now = now.Add(time.Duration(r.IntN(2000)) * time.Millisecond)
			if r.IntN(8) == 0 {
				s.Refuse(now, c, limit.Cost{InFlight: 1}, limit.Throttle{After: time.Second})
			}
		}
	}
}
