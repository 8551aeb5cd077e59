package limit_test

import (
	"math"
	"testing"
	"time"

	"github.com/pawlhq/pawl/limit"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return t0.Add(d) }

const sec = time.Second

// perSecond is a limit whose buckets refill 100 tokens a second and hold 1,000.
var perSecond = limit.Config{Tokens: 6000}

func call(tokens float64) limit.Cost {
	return limit.Cost{Requests: 1, Tokens: tokens, InFlight: 1}
}

func admit(t testing.TB, s *limit.State, now time.Time, c limit.Config, cost limit.Cost) limit.Cost {
	t.Helper()
	charged, gate, ok := s.Admit(now, c, limit.Call{Cost: cost})
	if !ok {
		t.Fatalf("Admit(%v) at %v refused by %+v; want admitted", cost, now.Sub(t0), gate)
	}
	return charged
}

func refused(t testing.TB, s *limit.State, now time.Time, c limit.Config, cost limit.Cost, name string) limit.Gate {
	t.Helper()
	before := *s
	charged, gate, ok := s.Admit(now, c, limit.Call{Cost: cost})
	if ok || gate.Name != name {
		t.Fatalf("Admit(%v) at %v = %v, %+v; want refused by %q", cost, now.Sub(t0), ok, gate, name)
	}
	before.Used = s.Used // who asked is noted
	if charged != (limit.Cost{}) || *s != before {
		t.Fatalf("a refused Admit charged %v and changed the state to %+v", charged, *s)
	}
	return gate
}

// level returns where the named bucket stands.
func level(t testing.TB, s *limit.State, now time.Time, c limit.Config, name string) float64 {
	t.Helper()
	for _, l := range s.Levels(now, c) {
		if l.Name == name {
			return l.Level
		}
	}
	t.Fatalf("%q is not limited", name)
	return 0
}

func wantLevel(t testing.TB, s *limit.State, now time.Time, c limit.Config, want float64) {
	t.Helper()
	if got := level(t, s, now, c, "tokens"); math.Abs(got-want) > 1e-3 {
		t.Fatalf("level at %v = %v; want %v", now.Sub(t0), got, want)
	}
}

func wantSaved(t testing.TB, s *limit.State, now time.Time, c limit.Config, want float64) {
	t.Helper()
	for _, l := range s.Levels(now, c) {
		if l.Name == "tokens" && math.Abs(l.Saved-want) > 1e-3 {
			t.Fatalf("saved at %v = %v; want %v", now.Sub(t0), l.Saved, want)
		}
	}
}

func wantTime(t testing.TB, what string, got, want time.Time) {
	t.Helper()
	if !got.Equal(want) {
		t.Fatalf("%s = %v; want %v", what, got.Sub(t0), want.Sub(t0))
	}
}
