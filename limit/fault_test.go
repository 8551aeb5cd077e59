package limit_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/pawlhq/pawl/limit"
)

// Faults that other limiters are known for, each as a case that shows it.
func TestKnownFaults(t *testing.T) {
	for _, tt := range []struct {
		fault string
		test  func(*testing.T)
	}{
		{"calls are counted after their response", countedAfterTheResponse},
		{"every replica counts alone", replicasCountAlone},
		{"a call larger than the bucket waits for ever", largerThanTheBucketWaits},
		{"calls larger than the bucket are always admitted", largerThanTheBucketOvershoots},
		{"a refund goes to the window of its charge", refundInAnotherWindow},
		{"a refund makes more of the bucket than it holds", refundAboveTheCapacity},
		{"a cancelled caller's refund is lost", cancelledRefundIsLost},
		{"debt is forgiven", debtIsForgiven},
		{"a dead worker's charge holds the bucket for a day", deadWorkersCharge},
		{"a dead worker's probe closes the limit", deadWorkersProbe},
		{"the provider's time to wait is ignored", waitIsIgnored},
		{"the provider's time to wait is slept", waitIsSlept},
		{"a late response overwrites a newer level", lateResponseOverwrites},
		{"a parent that waits for its child keeps its place", parentBlocksItsChild},
	} {
		t.Run(tt.fault, tt.test)
	}
}

// burst lets n callers ask in each second of a minute for calls of 100 tokens
// whose responses take 20 s, and returns the tokens that were sent. Before each
// call the state goes through load, which returns the one to ask.
func burst(n int, load func(limit.State) limit.State) (sent float64) {
	var s limit.State
	type flight struct {
		ends    time.Time
		charged limit.Cost
	}
	var flights []flight
	for second := range 60 {
		now := after(time.Duration(second) * sec)
		for len(flights) > 0 && !flights[0].ends.After(now) {
			s.Settle(now, perSecond, flights[0].charged, call(100))
			flights = flights[1:]
		}
		for range n {
			s = load(s)
			if charged, _, ok := s.Admit(now, perSecond, limit.Call{Cost: call(100)}); ok {
				sent += 100
				flights = append(flights, flight{now.Add(20 * sec), charged})
			}
		}
	}
	return sent
}

const minuteAndBurst = 1000 + 59*100 // what perSecond allows from second 0 to 59

func countedAfterTheResponse(t *testing.T) {
	if sent := burst(64, func(s limit.State) limit.State { return s }); sent != minuteAndBurst {
		t.Errorf("64 callers sent %v tokens within a minute; want %v", sent, minuteAndBurst)
	}
}

func replicasCountAlone(t *testing.T) {
	stored := func(s limit.State) (replica limit.State) {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &replica); err != nil {
			t.Fatal(err)
		}
		return replica
	}
	if sent := burst(64, stored); sent != minuteAndBurst {
		t.Errorf("64 replicas sent %v tokens within a minute; want %v", sent, minuteAndBurst)
	}
}

func largerThanTheBucketWaits(t *testing.T) {
	var s limit.State
	admit(t, &s, t0, perSecond, call(1000))
	gate := refused(t, &s, t0, perSecond, call(5000), "tokens")
	wantTime(t, "the large call's turn", gate.Until, after(10*sec)) // the bucket is full
	admit(t, &s, gate.Until, perSecond, call(5000))
}

func largerThanTheBucketOvershoots(t *testing.T) {
	var s limit.State
	var sent float64
	for second := range 3600 {
		now := after(time.Duration(second) * sec)
		if charged, _, ok := s.Admit(now, perSecond, limit.Call{Cost: call(5000)}); ok {
			sent += 5000
			s.Settle(now, perSecond, charged, call(5000))
		}
	}
	if least, most := 0.95*360_000, 360_000+5000.0; sent < least || sent > most {
		t.Errorf("calls of five buckets sent %v tokens in an hour; want %v to %v", sent, least, most)
	}
}

func refundInAnotherWindow(t *testing.T) {
	var s limit.State
	first := admit(t, &s, t0, perSecond, call(900))
	admit(t, &s, after(9*sec), perSecond, call(1000))
	s.Settle(after(61*sec), perSecond, first, call(100)) // charged in the minute before
	wantLevel(t, &s, after(61*sec), perSecond, 1000)
	admit(t, &s, after(61*sec), perSecond, call(1000))
	second := admit(t, &s, after(66*sec), perSecond, call(500))
	s.Settle(after(67*sec), perSecond, second, call(200))
	wantLevel(t, &s, after(67*sec), perSecond, 400)
}

func refundAboveTheCapacity(t *testing.T) {
	var s limit.State
	charged := admit(t, &s, t0, perSecond, call(900))
	s.Settle(after(time.Minute), perSecond, charged, call(0))
	wantLevel(t, &s, after(time.Minute), perSecond, 1000)
}

func cancelledRefundIsLost(t *testing.T) {
	var s limit.State
	for range 100 {
		charged := admit(t, &s, t0, perSecond, call(900))
		s.Release(t0, perSecond, charged, true)
	}
	wantLevel(t, &s, t0, perSecond, 1000)
	if s.InFlight != 0 {
		t.Errorf("%d calls in flight; want 0", s.InFlight)
	}
}

func debtIsForgiven(t *testing.T) {
	var s limit.State
	charged := admit(t, &s, t0, perSecond, call(100))
	s.Settle(t0, perSecond, charged, call(7000))
	wantLevel(t, &s, t0, perSecond, -6000)
	gate := refused(t, &s, after(59*sec), perSecond, call(1), "tokens")
	wantTime(t, "the end of the debt", gate.Until, after(60*sec+10*time.Millisecond))
}

func deadWorkersCharge(t *testing.T) {
	var s limit.State
	charged := admit(t, &s, t0, perSecond, call(1000))
	wantLevel(t, &s, after(10*sec), perSecond, 1000) // the refill pays, whether it is ever released or not
	s.Release(after(24*time.Hour), perSecond, charged, false)
	wantLevel(t, &s, after(24*time.Hour), perSecond, 1000)
}

func deadWorkersProbe(t *testing.T) {
	var s limit.State
	s.Refuse(t0, perSecond, limit.Cost{}, limit.Throttle{After: sec, Reason: ""})
	if probe := admit(t, &s, after(sec), perSecond, call(1)); !probe.Probe {
		t.Fatal("the first call after a pause is no probe")
	}
	if again := admit(t, &s, after(sec+limit.ProbeTime), perSecond, call(1)); !again.Probe {
		t.Error("the call after a lost probe is no probe")
	}
}

func waitIsIgnored(t *testing.T) {
	for _, wait := range []time.Duration{534 * time.Millisecond, 505 * sec, 60 * time.Hour} {
		var s limit.State
		charged := admit(t, &s, t0, perSecond, call(100))
		s.Refuse(t0, perSecond, charged, limit.Throttle{After: wait, Reason: "throttled"})
		gate := refused(t, &s, after(wait-time.Microsecond), perSecond, call(100), "paused")
		wantTime(t, "the end of the pause", gate.Until, after(wait))
		admit(t, &s, after(wait), perSecond, call(100))
	}
}

// A limit says when to ask again, so that a worker turns to tasks of others.
func waitIsSlept(t *testing.T) {
	var throttled, other limit.State
	throttled.Refuse(t0, perSecond, limit.Cost{}, limit.Throttle{After: 505 * sec, Reason: "throttled"})
	refused(t, &throttled, t0, perSecond, call(100), "paused")
	at, _ := throttled.Next(t0, perSecond, limit.Call{Cost: call(100)})
	wantTime(t, "Next", at, after(505*sec))
	admit(t, &other, t0, perSecond, call(100))
}

func lateResponseOverwrites(t *testing.T) {
	var s limit.State
	early, later := after(0), after(2*sec)
	s.Observe(after(3*sec), later, perSecond, limit.Observation{Tokens: seen(6000, 700, time.Time{})})
	s.Observe(after(3*sec), early, perSecond, limit.Observation{Tokens: seen(6000, 1, time.Time{})})
	wantLevel(t, &s, after(3*sec), perSecond, 700)
}

func parentBlocksItsChild(t *testing.T) {
	c := limit.Config{InFlight: 1}
	var s limit.State
	parent := admit(t, &s, t0, c, call(1))
	s.Settle(t0, c, parent, call(1)) // its call ended: it runs on and waits
	child := admit(t, &s, t0, c, call(1))
	s.Settle(after(sec), c, child, call(1))
	if _, at, gate := s.Reserve(after(sec), c, call(1)); !at.Equal(after(sec)) {
		t.Errorf("the parent's next call goes at %v, gate %+v; want at once", at, gate)
	}
}
