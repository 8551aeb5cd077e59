package limit_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl/limit"
)

func TestAdmitChargesAllBucketsOrNone(t *testing.T) {
	c := limit.Config{Requests: 60, InputTokens: 6000, OutputTokens: 600, InFlight: 9}
	var s limit.State
	cost := limit.Cost{Requests: 1, Tokens: 110, Input: 100, Output: 60, InFlight: 1}
	got := admit(t, &s, t0, c, cost)
	want := cost
	want.Tokens = 0
	if got != want {
		t.Errorf("charged = %+v; want %+v: tokens are not limited", got, want)
	}
	gate := refused(t, &s, t0, c, cost, "output tokens") // 40 of 60 left
	wantTime(t, "Gate.Until", gate.Until, after(2*sec))
	admit(t, &s, after(2*sec), c, cost)
}

func TestConcurrentCallsDoNotOvershoot(t *testing.T) {
	var s limit.State
	n := 0
	for range 60 {
		if _, _, ok := s.Admit(t0, perSecond, limit.Call{Cost: call(100)}); ok {
			n++
		}
	}
	if n != 10 {
		t.Errorf("admitted %d calls of 100 at once; want 10, the capacity of 1,000", n)
	}
}

func TestReplicasShareOneLimit(t *testing.T) {
	var s limit.State
	n := 0
	for i := range 60 {
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var replica limit.State
		if err := json.Unmarshal(data, &replica); err != nil {
			t.Fatal(err)
		}
		if _, _, ok := replica.Admit(after(time.Duration(i)*time.Microsecond), perSecond, limit.Call{Cost: call(100)}); ok {
			n++
		}
		s = replica
	}
	if n != 10 {
		t.Errorf("all replicas admitted %d; want 10", n)
	}
}

// A call larger than the bucket runs alone, from a full one. What it is lent is
// paid back by half of the refill, and by all of it once the bucket is full.
func TestOversizeRunsAloneOnAFullBucket(t *testing.T) {
	var s limit.State
	reserved := admit(t, &s, t0, perSecond, call(3000))
	wantLevel(t, &s, t0, perSecond, 0)
	wantSaved(t, &s, t0, perSecond, -2000)
	gate := refused(t, &s, t0, perSecond, call(100), "tokens")
	wantTime(t, "Gate.Until of a small one", gate.Until, after(2*sec))
	s.Settle(t0, perSecond, reserved, call(3000))

	refused(t, &s, after(29*sec), perSecond, call(3000), "tokens")
	wantLevel(t, &s, after(20*sec), perSecond, 1000)
	wantSaved(t, &s, after(20*sec), perSecond, -1000)
	wantSaved(t, &s, after(25*sec), perSecond, -500)
	admit(t, &s, after(30*sec), perSecond, call(3000))
}

func TestInFlightIsCounted(t *testing.T) {
	c := limit.Config{InFlight: 2}
	var s limit.State
	a := admit(t, &s, t0, c, call(1))
	admit(t, &s, t0, c, call(1))
	if gate := refused(t, &s, t0, c, call(1), "in flight"); !gate.Until.IsZero() {
		t.Errorf("Gate.Until = %v; want zero, for nobody knows", gate.Until)
	}
	s.Settle(t0, c, a, a)
	admit(t, &s, t0, c, call(1))
}

func TestInFlightIsNeverNegative(t *testing.T) {
	c := limit.Config{InFlight: 2}
	var s limit.State
	a := admit(t, &s, t0, c, call(1))
	s.Release(t0, c, a, true)
	s.Release(t0, c, a, true)
	if s.InFlight != 0 {
		t.Errorf("InFlight = %d; want 0", s.InFlight)
	}
}

func TestRefundGoesToTheLevelOfNow(t *testing.T) {
	var s limit.State
	reserved := admit(t, &s, t0, perSecond, call(1000))
	admit(t, &s, after(10*sec), perSecond, call(1000))
	s.Settle(after(11*sec), perSecond, reserved, call(400))
	wantLevel(t, &s, after(11*sec), perSecond, 700)
	s.Settle(after(11*sec), perSecond, call(600), call(0))
	wantLevel(t, &s, after(11*sec), perSecond, 1000)
}

func TestSettleDrivesIntoDebt(t *testing.T) {
	var s limit.State
	reserved := admit(t, &s, t0, perSecond, call(500))
	s.Settle(t0, perSecond, reserved, call(1700))
	wantLevel(t, &s, t0, perSecond, -700)
	gate := refused(t, &s, t0, perSecond, call(100), "tokens")
	wantTime(t, "Gate.Until", gate.Until, after(8*sec))
	admit(t, &s, after(8*sec), perSecond, call(100))
}

func TestDeadWorkersReservationIsReleased(t *testing.T) {
	c := limit.Config{Tokens: 6000, InFlight: 1}
	var s limit.State
	reserved := admit(t, &s, t0, c, call(1000))
	leaseEnds := after(30 * sec)
	refused(t, &s, leaseEnds, c, call(1000), "in flight")
	s.Release(leaseEnds, c, reserved, false)
	admit(t, &s, leaseEnds, c, call(1000))
}

func TestCancelledBeforeSendingIsRefunded(t *testing.T) {
	var s limit.State
	reserved := admit(t, &s, t0, perSecond, call(1000))
	s.Release(after(sec), perSecond, reserved, true)
	admit(t, &s, after(sec), perSecond, call(1000))
}

func TestTimeGoingBackCreatesNothing(t *testing.T) {
	var s limit.State
	admit(t, &s, t0, perSecond, call(1000))
	for range 100 {
		refused(t, &s, after(-time.Hour), perSecond, call(100), "tokens")
		s.Settle(after(-time.Hour), perSecond, limit.Cost{}, limit.Cost{})
		s.Settle(t0, perSecond, limit.Cost{}, limit.Cost{})
	}
	wantLevel(t, &s, t0, perSecond, 0)
	wantLevel(t, &s, after(sec), perSecond, 100)
}

func TestChangedConfig(t *testing.T) {
	half, twice := perSecond, perSecond
	half.Tokens /= 2
	twice.Tokens *= 2
	both := limit.Config{Tokens: 6000, Requests: 6}

	var s limit.State
	admit(t, &s, t0, perSecond, call(300)) // 700 left
	wantLevel(t, &s, t0, half, 500)
	wantLevel(t, &s, t0, twice, 700)
	wantLevel(t, &s, after(sec), twice, 900)

	s.Settle(t0, perSecond, limit.Cost{}, limit.Cost{Tokens: 2700})
	wantLevel(t, &s, t0, half, -2000)
	wantLevel(t, &s, t0, twice, -2000)

	admit(t, &s, t0, limit.Config{}, call(1)) // the bucket is gone, and back
	wantLevel(t, &s, after(sec), perSecond, -1900)
	if got := level(t, &s, after(sec), both, "requests"); got != 1 {
		t.Errorf("level of a new bucket = %v; want 1, full", got)
	}
}

func TestBucketAddedAfterTheReservationIsNotRefunded(t *testing.T) {
	var s limit.State
	reserved := admit(t, &s, t0, limit.Config{Requests: 60}, call(500))
	s.Settle(t0, perSecond, limit.Cost{}, call(400)) // 600 left
	s.Settle(t0, perSecond, reserved, call(450))
	wantLevel(t, &s, t0, perSecond, 150)
}

func TestNextIsWhenItIsAdmitted(t *testing.T) {
	c := limit.Config{Tokens: 6000, Requests: 6}
	var s limit.State
	now, gate := s.Next(t0, c, limit.Call{Cost: call(700)})
	if now != t0 || gate != (limit.Gate{}) {
		t.Errorf("Next = %v, %+v; want now and no gate", now, gate)
	}
	admit(t, &s, t0, c, call(700))
	at, gate := s.Next(t0, c, limit.Call{Cost: call(700)})
	wantTime(t, "Next", at, after(10*sec))
	if gate.Name != "requests" {
		t.Errorf("Gate.Name = %q; want requests, which closes longer than tokens", gate.Name)
	}
	refused(t, &s, at.Add(-time.Microsecond), c, call(700), "requests")
	admit(t, &s, at, c, call(700))
}

func TestNothingButNumbersEnters(t *testing.T) {
	c := limit.Config{Tokens: 6000, Requests: math.NaN(), InputTokens: math.Inf(1)}
	var s limit.State
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -5, math.MaxFloat64} {
		cost := limit.Cost{Requests: v, Tokens: v, Input: v, Output: v, InFlight: -3}
		charged, _, _ := s.Admit(t0, c, limit.Call{Cost: cost})
		s.Settle(t0, c, charged, cost)
		s.Settle(t0, c, cost, charged)
		charged, _, _ = s.Reserve(t0, c, cost)
		s.Refuse(t0, c, charged, limit.Throttle{After: math.MaxInt64, Reason: ""})
		s.Hold(t0, time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC), "")
		s.Adjust(t0, c, cost, cost)
		if _, err := json.Marshal(s); err != nil {
			t.Fatalf("after %v: %v", v, err)
		}
	}
}

func TestStateSurvivesJSON(t *testing.T) {
	c := limit.Config{Tokens: 7001, Requests: 61, InputTokens: 333, OutputTokens: 17, InFlight: 90}
	zone := time.FixedZone("x", 3600)
	now := time.Now().In(zone)
	var s limit.State
	charged, _, _ := s.Admit(now, c, limit.Call{Cost: limit.Cost{Requests: 1, Tokens: 1.0 / 3, Input: 0.1, Output: 2, InFlight: 1}})
	s.Refuse(now.Add(12345), c, charged, limit.Throttle{After: 1234567, Reason: "slow down"})
	s.Reserve(now.Add(time.Hour), c, call(17.3))
	s.Reserve(now.Add(time.Hour), c, call(17.3))
	s.Hold(now, now.Add(99*time.Hour+1), "bill")
	s.Observe(now.Add(time.Hour), now.Add(77), c, limit.Observation{Tokens: limit.Seen{Limit: 5003, Remaining: 11, Known: true}})
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got limit.State
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got != s { // ==, so that zones and monotonic clocks count
		t.Errorf("after JSON (-want +got):\n%s", cmp.Diff(s, got))
	}
	if data, _ := json.Marshal(limit.State{}); string(data) != "{}" {
		t.Errorf("JSON of the zero State = %s; want {}", data)
	}
}
