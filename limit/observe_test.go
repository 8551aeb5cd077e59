package limit_test

import (
	"math"
	"testing"
	"time"

	"github.com/pawlhq/pawl/limit"
)

func seen(limitTo, remaining int64, reset time.Time) limit.Seen {
	return limit.Seen{Limit: limitTo, Remaining: remaining, Reset: reset, Known: true}
}

func TestRemainingOnlyLowers(t *testing.T) {
	c := limit.Config{Tokens: 60000} // holds 10,000
	for _, tt := range []struct {
		name string
		seen limit.Seen
		want float64
	}{
		{"lower", seen(60000, 1234, time.Time{}), 1234},
		{"higher", seen(60000, 59999, time.Time{}), 10000},
		{"rounded to a thousand", seen(60000, 3000, time.Time{}), 2500},
		{"rounded, and the limit not told", seen(0, 3000, time.Time{}), 2500},
		{"equal to the limit is full", seen(60000, 60000, time.Time{}), 10000},
		{"nothing", seen(60000, 0, time.Time{}), 0},
		{"negative", seen(60000, math.MinInt64, time.Time{}), 0},
		{"huge", seen(math.MaxInt64, math.MaxInt64-1, time.Time{}), 10000},
		{"negative limit", seen(-5, 700, time.Time{}), 700},
		{"missing", limit.Seen{Limit: 60000}, 10000},
		{"reset in the past", seen(60000, 0, after(-time.Hour)), 0},
		{"reset within Per", seen(60000, 0, after(59*sec)), 0},
		{"reset tells of debt", seen(60000, 0, after(70*sec)), -10000},
		{"reset far away is one Per of debt", seen(60000, 0, after(99*time.Hour)), -60000},
		{"debt only if nothing remains", seen(60000, 20000, after(99*time.Hour)), 10000},
	} {
		var s limit.State
		s.Observe(t0, t0, c, limit.Observation{Tokens: tt.seen})
		if got := level(t, &s, t0, c, "tokens"); got != tt.want {
			t.Errorf("%s: level = %v; want %v", tt.name, got, tt.want)
		}
	}
}

// The provider may have a smaller bucket than it tells of: then both would stay
// close to nothing, and the next call would be refused too.
func TestARefusedCallLowersTheLevelBelowWhatRemains(t *testing.T) {
	c := limit.Config{Tokens: 60000} // 1,000 a second
	for _, tt := range []struct {
		remaining int64
		want      float64
	}{{0, -1000}, {800, -200}, {1500, 500}, {59000, 9000}} {
		var s limit.State
		s.Observe(t0, t0, c, limit.Observation{Tokens: seen(60000, tt.remaining, time.Time{}), Refused: call(1200)})
		wantLevel(t, &s, t0, c, tt.want)
	}
}

func TestLevelBelowRemainingStays(t *testing.T) {
	var s limit.State
	admit(t, &s, t0, perSecond, call(900)) // in flight, not counted by the provider yet
	s.Observe(t0, t0, perSecond, limit.Observation{Tokens: seen(6000, 5900, t0)})
	wantLevel(t, &s, t0, perSecond, 100)
}

func TestLearnedLimitIsACapUnderTheConfigured(t *testing.T) {
	for _, tt := range []struct {
		learned int64
		want    limit.Level
	}{
		{3000, limit.Level{Name: "tokens", Per: time.Minute, Limit: 3000, Configured: 6000, Told: 3000, Level: 500, Capacity: 500}},
		{90000, limit.Level{Name: "tokens", Per: time.Minute, Limit: 6000, Configured: 6000, Told: 90000, Level: 1000, Capacity: 1000}},
	} {
		var s limit.State
		s.Observe(t0, t0, perSecond, limit.Observation{Tokens: seen(tt.learned, tt.learned, t0)})
		if got := s.Levels(t0, perSecond)[0]; got != tt.want {
			t.Errorf("learned %d: %+v; want %+v", tt.learned, got, tt.want)
		}
	}
}

func TestLimitIsLearnedIfNotConfigured(t *testing.T) {
	var s limit.State
	s.Observe(t0, t0, limit.Config{}, limit.Observation{Requests: seen(60, 48, t0)})
	for range 10 { // 10 s of its refill
		admit(t, &s, t0, limit.Config{}, call(1))
	}
	refused(t, &s, t0, limit.Config{}, call(1), "requests")
}

func TestWhereInputAndOutputAreToldTheirSumIsNone(t *testing.T) {
	o := limit.Observation{Tokens: seen(6000, 10, t0), Input: seen(6000, 6000, t0), Output: seen(600, 600, t0)}
	for _, c := range []limit.Config{{}, perSecond} {
		var s limit.State
		s.Observe(t0, t0, c, o)
		if learned := s.Tokens.Limit > 0; learned != (c.Tokens > 0) {
			t.Errorf("with %v configured: tokens learned = %v", c.Tokens, learned)
		}
	}
}

func TestLateResponseIsIgnored(t *testing.T) {
	var s limit.State
	s.Observe(after(3*sec), after(2*sec), perSecond, limit.Observation{Tokens: seen(6000, 800, t0)})
	late := limit.Observation{Tokens: seen(600, 5, t0)}
	s.Observe(after(4*sec), after(sec), perSecond, late)
	wantLevel(t, &s, after(3*sec), perSecond, 800)
	if s.Tokens.Limit != 6000 {
		t.Errorf("Limit = %v; want 6000, from the newer response", s.Tokens.Limit)
	}
	s.Observe(after(4*sec), after(2*sec+1000), perSecond, late)
	if s.Tokens.Limit != 600 {
		t.Errorf("Limit = %v; want 600", s.Tokens.Limit)
	}
}

func TestSentInTheFutureDoesNotSilenceOthers(t *testing.T) {
	var s limit.State
	s.Observe(t0, after(time.Hour), perSecond, limit.Observation{Tokens: seen(6000, 800, t0)})
	s.Observe(after(sec), after(sec), perSecond, limit.Observation{Tokens: seen(6000, 300, t0)})
	wantLevel(t, &s, after(sec), perSecond, 300)
}

func TestResponseWithoutHeadersTellsNothing(t *testing.T) {
	var s limit.State
	s.Observe(t0, t0, perSecond, limit.Observation{})
	if s != (limit.State{}) {
		t.Errorf("State = %+v; want zero", s)
	}
}

// The headers of a recorded 429 of Anthropic's: nothing of 30,000 input tokens,
// 48 of 50 requests, retry-after 505.
func TestRecordedAnthropicThrottle(t *testing.T) {
	c := limit.Config{Requests: 50, InputTokens: 30000, OutputTokens: 8000}
	var s limit.State
	cost := c.Estimate(limit.Size{Chars: 16000, Output: 100}, nil)
	charged := admit(t, &s, t0, c, cost)
	now := after(sec)
	s.Refuse(now, c, charged, limit.Throttle{After: 505 * sec, Reason: "rate_limit_error"})
	s.Observe(now, t0, c, limit.Observation{
		Requests: seen(50, 48, after(3*sec)),
		Input:    seen(30000, 0, after(505*sec+60*sec)),
	})

	at, gate := s.Next(now, c, limit.Call{Cost: cost})
	wantTime(t, "Next", at, after(506*sec))
	if gate.Name != "paused" {
		t.Errorf("Gate.Name = %q; want paused", gate.Name)
	}
	if got := level(t, &s, now, c, "input tokens"); got != -30000 {
		t.Errorf("input tokens = %v; want -30000, one Per of debt", got)
	}
	if !admit(t, &s, at, c, cost).Probe {
		t.Error("the call after the pause is not the probe")
	}
}

// The headers of a recorded 429 of OpenAI's: "Limit 30000, Used 29446,
// Requested 821. Please try again in 534ms".
func TestRecordedOpenAIThrottle(t *testing.T) {
	c := limit.Config{Requests: 500, Tokens: 30000, Charge: limit.MaxOrChars}
	var s limit.State
	cost := c.Estimate(limit.Size{Chars: 400, MaxTokens: 821}, nil)
	charged := admit(t, &s, t0, c, cost)
	s.Refuse(t0, c, charged, limit.Throttle{After: 534 * time.Millisecond, Reason: "rate_limit_exceeded"})
	s.Observe(t0, t0, c, limit.Observation{
		Requests: seen(500, 499, after(120*time.Millisecond)),
		Tokens:   seen(30000, 554, after(58891*time.Millisecond)),
	})
	wantLevel(t, &s, t0, c, 554)
	wantTime(t, "PausedUntil", s.PausedUntil, after(534*time.Millisecond))
	if !admit(t, &s, s.PausedUntil, c, cost).Probe {
		t.Error("the call after the pause is not the probe")
	}
}
