package limit_test

import (
	"testing"
	"time"

	"github.com/pawlhq/pawl/limit"
)

// throttle admits a call and has it refused.
func throttle(t *testing.T, s *limit.State, now time.Time, c limit.Config, retryAfter time.Duration) {
	t.Helper()
	s.Refuse(now, c, admit(t, s, now, c, call(100)), limit.Throttle{After: retryAfter, Reason: "rate_limit_error"})
}

func TestRetryAfterPausesTheLimit(t *testing.T) {
	c := limit.Config{Requests: 60, Tokens: 6000}
	var s limit.State
	throttle(t, &s, t0, c, 505*sec)
	gate := refused(t, &s, after(504*sec), c, call(1), "paused")
	wantTime(t, "Gate.Until", gate.Until, after(505*sec))
	if gate.Reason != "rate_limit_error" {
		t.Errorf("Gate.Reason = %q; want the provider's", gate.Reason)
	}
	admit(t, &s, after(505*sec), c, call(1))
}

func TestRefuseRefundsTokensNotTheRequest(t *testing.T) {
	c := limit.Config{Requests: 60, Tokens: 6000}
	var s limit.State
	throttle(t, &s, t0, c, 0)
	wantLevel(t, &s, t0, c, 1000)
	if got := level(t, &s, t0, c, "requests"); got != 9 {
		t.Errorf("requests = %v; want 9, for failed calls count", got)
	}
	if s.InFlight != 0 {
		t.Errorf("InFlight = %d; want 0", s.InFlight)
	}
}

func TestBackoffDoublesUpToSixty(t *testing.T) {
	for _, per := range []time.Duration{time.Minute, time.Second, time.Hour} {
		c := limit.Config{Tokens: 6000, Per: per}
		var s limit.State
		now := t0
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			throttle(t, &s, now, c, 0)
			if got := s.PausedUntil.Sub(now); (got - want*per/60).Abs() > time.Microsecond {
				t.Fatalf("per %v: pause %d = %v; want %v", per, s.Throttles, got, want*per/60)
			}
			now = s.PausedUntil
		}
	}
}

func TestManyThrottlesAtOnceCountOnce(t *testing.T) {
	var s limit.State
	var out []limit.Cost
	for range 8 {
		out = append(out, admit(t, &s, t0, perSecond, call(100)))
	}
	for _, charged := range out[:6] {
		s.Refuse(t0, perSecond, charged, limit.Throttle{After: 0, Reason: ""})
	}
	wantTime(t, "PausedUntil", s.PausedUntil, after(sec))
	s.Refuse(after(5*sec), perSecond, out[6], limit.Throttle{After: 0, Reason: ""}) // out before, back after the pause
	wantTime(t, "PausedUntil", s.PausedUntil, after(6*sec))
	if s.Throttles != 1 {
		t.Errorf("Throttles = %d; want 1", s.Throttles)
	}
}

func TestPausesNeverGetShorter(t *testing.T) {
	var s limit.State
	a, b := admit(t, &s, t0, perSecond, call(1)), admit(t, &s, t0, perSecond, call(1))
	throttle(t, &s, t0, perSecond, time.Minute)
	s.Refuse(t0, perSecond, a, limit.Throttle{After: sec, Reason: "shorter"})
	wantTime(t, "PausedUntil", s.PausedUntil, after(time.Minute))
	s.Refuse(t0, perSecond, b, limit.Throttle{After: time.Hour, Reason: "longer"})
	wantTime(t, "PausedUntil", s.PausedUntil, after(time.Hour))
	if s.PauseReason != "longer" {
		t.Errorf("PauseReason = %q; want that of the longest", s.PauseReason)
	}
}

func TestOneProbeGoesFirst(t *testing.T) {
	var s limit.State
	old := admit(t, &s, t0, perSecond, call(100))
	throttle(t, &s, t0, perSecond, sec)
	probe := admit(t, &s, after(sec), perSecond, call(100))
	if !probe.Probe {
		t.Fatal("the first call after a pause is not the probe")
	}
	refused(t, &s, after(2*sec), perSecond, call(100), "probe")
	s.Settle(after(2*sec), perSecond, old, old)
	refused(t, &s, after(2*sec), perSecond, call(100), "probe")
	probe, _, _ = s.Adjust(after(2*sec), perSecond, probe, call(50))
	s.Settle(after(3*sec), perSecond, probe, call(50))
	for range 2 {
		if charged := admit(t, &s, after(3*sec), perSecond, call(100)); charged.Probe {
			t.Error("a call after the probe's success is a probe")
		}
	}
	if s.Throttles != 0 || !s.PausedUntil.IsZero() || s.Probe != (limit.Probe{}) {
		t.Errorf("after the probe's success: %+v; want no trace of the pause", s)
	}
}

func TestRefusedProbePausesLonger(t *testing.T) {
	var s limit.State
	throttle(t, &s, t0, perSecond, 0)
	throttle(t, &s, after(sec), perSecond, 0)
	wantTime(t, "PausedUntil", s.PausedUntil, after(3*sec))
	if !admit(t, &s, after(3*sec), perSecond, call(1)).Probe {
		t.Error("no probe after the second pause")
	}
}

func TestRefusedProbeIsNotHurriedByTheProvider(t *testing.T) {
	var s limit.State
	now := t0
	for _, want := range []time.Duration{sec, sec, 2 * sec, 4 * sec, 8 * sec} {
		throttle(t, &s, now, perSecond, sec)
		wantTime(t, "PausedUntil", s.PausedUntil, now.Add(want))
		now = s.PausedUntil
	}
}

func TestProbeReleasedLeavesTheWish(t *testing.T) {
	var s limit.State
	throttle(t, &s, t0, perSecond, sec)
	probe := admit(t, &s, after(sec), perSecond, call(100))
	s.Release(after(sec), perSecond, probe, true)
	if !admit(t, &s, after(sec), perSecond, call(100)).Probe {
		t.Error("the call after a probe without a response is not a probe")
	}
}

func TestLostProbeExpires(t *testing.T) {
	var s limit.State
	throttle(t, &s, t0, perSecond, sec)
	admit(t, &s, after(sec), perSecond, call(100))
	lost := after(sec + limit.ProbeTime)
	gate := refused(t, &s, lost.Add(-1000), perSecond, call(100), "probe")
	wantTime(t, "Gate.Until", gate.Until, lost)
	if !admit(t, &s, lost, perSecond, call(100)).Probe {
		t.Error("the call after a lost probe is not a probe")
	}
}

func TestReserveInAPauseIsTheProbe(t *testing.T) {
	var s limit.State
	throttle(t, &s, t0, perSecond, 7*sec)
	probe, at, gate := s.Reserve(t0, perSecond, call(100))
	wantTime(t, "Reserve", at, after(7*sec))
	if !probe.Probe || gate.Name != "paused" {
		t.Errorf("Reserve = %+v behind %+v; want the probe behind the pause", probe, gate)
	}
	charged, at, gate := s.Reserve(t0, perSecond, call(100))
	if charged != (limit.Cost{}) || !at.IsZero() || gate.Name != "probe" {
		t.Errorf("Reserve = %v, %v, %+v; want nothing before the probe is back", charged, at, gate)
	}
	s.Settle(after(8*sec), perSecond, probe, probe)
	_, at, _ = s.Reserve(after(8*sec), perSecond, call(100))
	wantTime(t, "Reserve after the probe", at, after(8*sec))
}

func TestProbeSucceedingInANewPauseEndsNothing(t *testing.T) {
	var s limit.State
	old := admit(t, &s, t0, perSecond, call(100))
	throttle(t, &s, t0, perSecond, sec)
	probe := admit(t, &s, after(sec), perSecond, call(100))
	s.Refuse(after(sec), perSecond, old, limit.Throttle{After: time.Minute, Reason: ""})
	s.Settle(after(2*sec), perSecond, probe, probe)
	refused(t, &s, after(2*sec), perSecond, call(100), "paused")
	if !admit(t, &s, after(61*sec), perSecond, call(100)).Probe {
		t.Error("no probe after the new pause")
	}
}

func TestHold(t *testing.T) {
	var s limit.State
	s.Hold(t0, time.Time{}, "credit balance is too low")
	gate := refused(t, &s, after(1000*time.Hour), perSecond, call(1), "held")
	if !gate.Until.IsZero() || gate.Reason != "credit balance is too low" {
		t.Errorf("Gate = %+v; want no time, and the reason", gate)
	}
	s.Hold(t0, after(time.Hour), "shorter")
	refused(t, &s, after(2*time.Hour), perSecond, call(1), "held")
	s.Resume(after(2 * time.Hour))
	admit(t, &s, after(2*time.Hour), perSecond, call(1))
}

func TestHoldEndsAtItsTime(t *testing.T) {
	var s limit.State
	s.Hold(t0, after(time.Hour), "spend limit")
	gate := refused(t, &s, t0, perSecond, call(1), "held")
	wantTime(t, "Gate.Until", gate.Until, after(time.Hour))
	admit(t, &s, after(time.Hour), perSecond, call(1))
	if s.Held || s.HoldReason != "" {
		t.Errorf("State = %+v; want no trace of the hold", s)
	}
	s.Hold(after(time.Hour), t0, "past")
	admit(t, &s, after(time.Hour), perSecond, call(1))
}

func TestHoldOutlastsAPause(t *testing.T) {
	var s limit.State
	throttle(t, &s, t0, perSecond, time.Minute)
	s.Hold(t0, after(time.Hour), "bill")
	refused(t, &s, t0, perSecond, call(1), "held")
	s.Hold(t0, time.Time{}, "bill")
	if at, gate := s.Next(t0, perSecond, limit.Call{Cost: call(1)}); !at.IsZero() || gate.Name != "held" {
		t.Errorf("Next = %v, %+v; want no time, held", at, gate)
	}
}

func TestResumeEndsAPauseAndStillProbes(t *testing.T) {
	var s limit.State
	throttle(t, &s, t0, perSecond, 48*time.Hour)
	s.Resume(after(sec))
	probe := admit(t, &s, after(sec), perSecond, call(100))
	refused(t, &s, after(sec), perSecond, call(100), "probe")
	s.Settle(after(sec), perSecond, probe, probe)
	admit(t, &s, after(sec), perSecond, call(100))
	admit(t, &s, after(sec), perSecond, call(100))
}
