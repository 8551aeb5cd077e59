package admission_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// books is a table of an account with two families in it, with ceilings of users, and
// the calls that are out.
type books struct {
	admission.Table
	now time.Time
	out []flight
}

type flight struct {
	ask     admission.Ask
	charged admission.Charged
	sent    bool // else it is a claim's
}

func newBooks() *books {
	b := &books{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	ceiling := limit.Ceiling{Tokens: 3000}
	for name, c := range map[string]limit.Config{
		"account": {Tokens: 9000, User: ceiling}, "a": {Tokens: 6000, Within: "account"},
		"b": {Requests: 60, Within: "account", User: limit.Ceiling{TokensPerDay: 9000}},
	} {
		b.Configure(b.now, &pawl.Setting{Limit: name, Config: &c})
	}
	return b
}

func drawAsk(t *rapid.T) *admission.Ask {
	a := &admission.Ask{
		Limit: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "limit"), User: rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(t, "user"),
		Operation: "o", Rank: pawl.Priority(rapid.IntRange(-1, 1).Draw(t, "rank")), Size: drawSize(t),
	}
	a.ID[0] = byte(rapid.IntRange(1, 3).Draw(t, "id"))
	return a
}

func drawSize(t *rapid.T) limit.Size {
	return limit.Size{Output: rapid.OneOf(rapid.IntRange(1, 300), rapid.IntRange(1, 4000)).Draw(t, "output")}
}

// has returns what there is in each bucket of each limit, up to its capacity: what is
// saved beyond that for a call that asks for less, or no more, is let go.
func (b *books) has() map[string]float64 {
	all := map[string]float64{}
	for _, l := range b.Status() {
		for _, level := range l.State.Levels(b.now, l.Config) {
			all[l.Name+" "+level.Name] = min(level.Level+level.Saved, level.Capacity)
		}
		all[l.Name+" in flight"] = float64(l.State.InFlight)
	}
	return all
}

// refused checks that a call that may not go has changed nothing.
func (b *books) refused(t *rapid.T, before map[string]float64) {
	for name, had := range before {
		if got := b.has()[name]; math.Abs(got-had) > 1e-6 {
			t.Fatalf("a call that was refused changed %s from %v to %v", name, had, got)
		}
	}
}

func (b *books) Pass(t *rapid.T) {
	b.now = b.now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "time")) * time.Millisecond)
}

func (b *books) Admit(t *rapid.T) {
	ask, before := drawAsk(t), b.has()
	charged, gate, verdict := b.Table.Admit(b.now, ask)
	if verdict == admission.Open {
		b.out = append(b.out, flight{ask: *ask, charged: charged})
		return
	}
	b.refused(t, before)
	if gate.Name == "" || gate.Limit == "" || (gate.User != "") != (verdict == admission.Capped) {
		t.Fatalf("verdict %d with %+v; want a gate of a limit, and of a user only if it is Capped", verdict, gate)
	}
}

func (b *books) Reserve(t *rapid.T) {
	ask, before := drawAsk(t), b.has()
	charged, answer := b.Table.Reserve(b.now, ask, time.Duration(rapid.IntRange(0, 60).Draw(t, "patience"))*time.Second)
	if answer.OK {
		b.out = append(b.out, flight{*ask, charged, true})
		return
	}
	b.refused(t, before)
}

func (b *books) Convert(t *rapid.T) {
	if len(b.out) == 0 {
		return
	}
	f := &b.out[rapid.IntRange(0, len(b.out)-1).Draw(t, "which")]
	if f.sent {
		return
	}
	before, task := b.has(), f.ask.Size
	f.ask.Size = drawSize(t)
	charged, answer := b.Table.Convert(b.now, f.charged, &f.ask, task, time.Duration(rapid.IntRange(0, 60).Draw(t, "patience"))*time.Second)
	if f.charged = charged; answer.OK {
		f.sent = true
		return
	}
	f.ask.Size = task
	b.refused(t, before)
}

func (b *books) Settle(t *rapid.T) {
	if len(b.out) == 0 {
		return
	}
	i := rapid.IntRange(0, len(b.out)-1).Draw(t, "which")
	f := b.out[i]
	b.out = append(b.out[:i], b.out[i+1:]...)
	outcome := rapid.SampledFrom([]pawl.CallOutcome{pawl.CallAnswered, pawl.CallFailed, pawl.CallNotSent, pawl.CallUnknown}).Draw(t, "outcome")
	b.Table.Settle(b.now, &admission.Ended{
		Limit: f.ask.Limit, Operation: f.ask.Operation, Size: f.ask.Size, Charged: f.charged,
		Settlement: pawl.Settlement{Outcome: outcome, Usage: llm.Usage{Output: int64(rapid.IntRange(1, 4000).Draw(t, "used"))}},
	})
}

// Check is what holds after every step: all limits that a call is charged to count it.
func (b *books) Check(t *rapid.T) {
	want := map[string]int{"account": len(b.out)}
	for _, f := range b.out {
		want[f.ask.Limit]++
	}
	for _, l := range b.Status() {
		if l.State.InFlight != want[l.Name] {
			t.Fatalf("%d calls of %s in flight; want %d", l.State.InFlight, l.Name, want[l.Name])
		}
		for _, level := range l.State.Levels(b.now, l.Config) {
			if level.Level > level.Capacity {
				t.Fatalf("%s: %+v; want no more than the capacity", l.Name, level)
			}
		}
	}
}

// A call is charged to all of its limits and ceilings, or to none.
func TestAllOrNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { t.Repeat(rapid.StateMachineActions(newBooks())) })
}

// Beyond so many operations those that come later are learned together: what a limit
// keeps does not grow with the names that a program makes up.
func TestWhatIsLearnedIsBounded(t *testing.T) {
	b := newBooks()
	for i := range 1000 {
		b.Table.Settle(b.now, &admission.Ended{
			Limit: "a", Operation: fmt.Sprint(i), Size: limit.Size{Chars: 400},
			Settlement: pawl.Settlement{Outcome: pawl.CallAnswered, Usage: llm.Usage{Input: 100, Output: 10}},
		})
	}
	for _, l := range b.Status() {
		if l.Name == "a" && (len(l.Fits) > 300 || l.Fits["5"].Calls != 1 || l.Fits[""].Calls < 700) {
			t.Errorf("%d operations, the rest together with %d calls; want at most 300, and the rest", len(l.Fits), l.Fits[""].Calls)
		}
	}
}
