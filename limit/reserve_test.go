package limit_test

import (
	"testing"
	"time"

	"github.com/pawlhq/pawl/limit"
)

func TestReserveGoesAtItsTurn(t *testing.T) {
	var s limit.State
	admit(t, &s, t0, perSecond, call(1000))
	for i, want := range []time.Duration{5 * sec, 10 * sec, 12 * sec} {
		cost := []float64{500, 500, 200}[i]
		charged, at, gate := s.Reserve(t0, perSecond, call(cost))
		wantTime(t, "Reserve", at, after(want))
		if charged.Tokens != cost || gate.Name != "tokens" {
			t.Errorf("Reserve charged %v behind %q; want %v behind tokens", charged.Tokens, gate.Name, cost)
		}
	}
	gate := refused(t, &s, after(10*sec), perSecond, call(100), "tokens")
	wantTime(t, "a new task's turn", gate.Until, after(13*sec))
}

func TestReserveWithRoomGoesAtOnce(t *testing.T) {
	var s limit.State
	_, at, gate := s.Reserve(t0, perSecond, call(1000))
	if at != t0 || gate != (limit.Gate{}) {
		t.Errorf("Reserve = %v, %+v; want at once", at, gate)
	}
}

func TestOversizeReserveWaitsForAFullBucket(t *testing.T) {
	var s limit.State
	admit(t, &s, t0, perSecond, call(400))
	_, at, _ := s.Reserve(t0, perSecond, call(3000))
	wantTime(t, "Reserve", at, after(4*sec))
	_, at, _ = s.Reserve(t0, perSecond, call(100))
	wantTime(t, "the one behind it", at, after(25*sec))
}

func TestReserveTurnedAwayChargesNothing(t *testing.T) {
	c := perSecond
	c.InFlight = 1
	var s limit.State
	held := s
	held.Hold(t0, time.Time{}, "bill")
	full := s
	admit(t, &full, t0, c, call(0))
	for name, s := range map[string]limit.State{"held": held, "in flight": full} {
		charged, at, gate := s.Reserve(t0, c, call(500))
		if charged != (limit.Cost{}) || !at.IsZero() || gate.Name != name {
			t.Errorf("Reserve = %v, %v, %+v; want nothing behind %q", charged, at, gate, name)
		}
		wantLevel(t, &s, t0, c, 1000)
	}
}

func TestRunningTasksGoBeforeNewOnes(t *testing.T) {
	c := limit.Config{InFlight: 1}
	var s limit.State
	first := admit(t, &s, t0, c, call(1))
	s.Reserve(t0, c, call(1))
	s.Settle(t0, c, first, first)
	refused(t, &s, after(sec), c, call(1), "in flight")
	charged, at, _ := s.Reserve(after(sec), c, call(1))
	wantTime(t, "Reserve", at, after(sec))
	s.Settle(after(sec), c, charged, charged)
	admit(t, &s, after(sec), c, call(1))
}

func TestRunningTaskThatNeverAsksAgain(t *testing.T) {
	c := limit.Config{InFlight: 1}
	var s limit.State
	first := admit(t, &s, t0, c, call(1))
	s.Reserve(t0, c, call(1))
	s.Settle(t0, c, first, first)
	gate := refused(t, &s, t0, c, call(1), "in flight")
	wantTime(t, "Gate.Until", gate.Until, after(2*sec))
	admit(t, &s, after(2*sec), c, call(1))
	if !s.Waiting.IsZero() {
		t.Errorf("Waiting = %v; want zero", s.Waiting)
	}
}

func TestParentWaitingForItsChildHoldsNothing(t *testing.T) {
	c := limit.Config{InFlight: 1}
	var s limit.State
	parent := admit(t, &s, t0, c, call(1))
	s.Release(t0, c, parent, true) // it runs on without a call out
	child := admit(t, &s, t0, c, call(1))
	s.Settle(after(sec), c, child, child)
	if _, at, gate := s.Reserve(after(sec), c, call(1)); at.IsZero() {
		t.Errorf("the parent's call waits for %+v; want at once", gate)
	}
}

func TestAdjust(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to float64
		level    float64
		at       time.Duration
	}{
		{"less is refunded", 800, 300, 700, 0},
		{"more that fits", 300, 800, 200, 0},
		{"more than there is", 300, 1000, 0, 0},
		{"oversize on what was full", 300, 2000, -1000, 0},
	} {
		var s limit.State
		from := admit(t, &s, t0, perSecond, call(tt.from))
		charged, at, _ := s.Adjust(t0, perSecond, from, call(tt.to))
		if charged.Tokens != tt.to || charged.InFlight != 1 || s.InFlight != 1 {
			t.Errorf("%s: charged %+v with %d in flight; want %v and 1", tt.name, charged, s.InFlight, tt.to)
		}
		wantLevel(t, &s, t0, perSecond, tt.level)
		wantTime(t, tt.name, at, after(tt.at))
	}
}

func TestAdjustWaitsForWhatItTakesAhead(t *testing.T) {
	var s limit.State
	admit(t, &s, t0, perSecond, call(600))
	from := admit(t, &s, t0, perSecond, call(400))
	_, at, _ := s.Adjust(t0, perSecond, from, call(700))
	wantTime(t, "Adjust to more", at, after(3*sec))

	s.Reserve(t0, perSecond, call(5000))
	_, at, _ = s.Adjust(t0, perSecond, call(700), call(600))
	wantTime(t, "Adjust to less, whoever came after it", at, t0)
}

func TestAdjustUnderHoldAndPause(t *testing.T) {
	var s limit.State
	from := admit(t, &s, t0, perSecond, call(100))
	s.Refuse(t0, perSecond, limit.Cost{}, limit.Throttle{After: 7 * sec, Reason: ""})
	charged, at, _ := s.Adjust(t0, perSecond, from, call(200))
	wantTime(t, "Adjust in a pause", at, after(7*sec))
	s.Hold(t0, time.Time{}, "bill")
	if charged, at, _ = s.Adjust(t0, perSecond, charged, call(300)); !at.IsZero() || charged.Tokens != 300 {
		t.Errorf("Adjust under a hold = %v, %v; want 300 charged, and no time", charged, at)
	}
	s.Resume(after(sec))
	_, at, _ = s.Adjust(after(sec), perSecond, charged, charged)
	wantTime(t, "Adjust, asked again", at, after(sec))
}

func TestReservedBehindAHoldComesOutOneByOne(t *testing.T) {
	var s limit.State
	s.Hold(t0, after(time.Hour), "bill")
	for i, want := range []time.Duration{0, 0, 5 * sec, 10 * sec} {
		_, at, _ := s.Reserve(after(time.Duration(i)*time.Minute), perSecond, call(500))
		wantTime(t, "Reserve", at, after(time.Hour+want))
	}
	gate := refused(t, &s, after(time.Hour), perSecond, call(0), "tokens")
	wantTime(t, "Gate.Until", gate.Until, after(time.Hour+10*sec))
}

func TestResumeDoesNotHandOutTheRefillOfAHold(t *testing.T) {
	var s limit.State
	admit(t, &s, t0, perSecond, call(1000))
	s.Hold(t0, after(time.Hour), "bill")
	s.Reserve(t0, perSecond, call(100))
	s.Resume(after(sec))
	wantLevel(t, &s, after(sec), perSecond, 0)
	wantLevel(t, &s, after(2*sec), perSecond, 100)
}
