package limit_test

import (
	"testing"
	"time"

	"github.com/pawlhq/pawl/limit"
)

var benchConfigs = []struct {
	name string
	c    limit.Config
}{
	{"unlimited", limit.Config{}},
	{"limited", limit.Config{Requests: 1e9, InputTokens: 1e12, OutputTokens: 1e12, InFlight: 10}},
}

func BenchmarkAdmitSettle(b *testing.B) {
	for _, bb := range benchConfigs {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			var s limit.State
			cost, now := bb.c.Estimate(limit.Size{Chars: 4000}, nil), t0
			for b.Loop() {
				now = now.Add(time.Microsecond)
				charged, _, _ := s.Admit(now, bb.c, limit.Call{Cost: cost})
				s.Settle(now, bb.c, charged, cost)
			}
		})
	}
}

func BenchmarkAdmit(b *testing.B) {
	for _, bb := range benchConfigs {
		b.Run(bb.name, func(b *testing.B) {
			bb.c.InFlight = 0
			b.ReportAllocs()
			var s limit.State
			cost, now := bb.c.Estimate(limit.Size{Chars: 4000}, nil), t0
			for b.Loop() {
				now = now.Add(time.Microsecond)
				s.Admit(now, bb.c, limit.Call{Cost: cost})
			}
		})
	}
}

func BenchmarkSettle(b *testing.B) {
	for _, bb := range benchConfigs {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			var s limit.State
			cost, now := bb.c.Estimate(limit.Size{Chars: 4000}, nil), t0
			for b.Loop() {
				now = now.Add(time.Microsecond)
				s.Settle(now, bb.c, cost, cost)
			}
		})
	}
}

func BenchmarkRefused(b *testing.B) {
	b.ReportAllocs()
	var s limit.State
	s.Settle(t0, perSecond, limit.Cost{}, limit.Cost{Tokens: 1e9})
	for b.Loop() {
		s.Admit(t0, perSecond, limit.Call{Cost: call(100)})
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for _, bb := range benchConfigs {
		var s limit.State
		cost := bb.c.Estimate(limit.Size{Chars: 4000}, nil)
		n := testing.AllocsPerRun(100, func() {
			charged, _, _ := s.Admit(t0, bb.c, limit.Call{Cost: cost})
			charged, _, _ = s.Adjust(t0, bb.c, charged, cost)
			s.Settle(t0, bb.c, charged, cost)
			charged, _, _ = s.Reserve(t0, bb.c, cost)
			s.Release(t0, bb.c, charged, true)
			s.Refuse(t0, bb.c, limit.Cost{}, limit.Throttle{After: 0, Reason: ""})
			s.Observe(t0, t0, bb.c, limit.Observation{Tokens: seen(1, 1, t0)})
			s.Next(t0, bb.c, limit.Call{Cost: cost})
			s.Resume(t0)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations; want 0", bb.name, n)
		}
	}
}
