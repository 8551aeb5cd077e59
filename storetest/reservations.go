package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// reservationRules are about calls inside a running task.
var reservationRules = []rule{
	{"the first call is the claim's", "what the claim took is for the first call: it must not be charged twice", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(400))
		r := t.take()
		t.wantGrant(t.reserve(r, "a", 400), true, 0, "")
		t.level("lim", 600)
		is(t, "InFlight", t.limit("lim").State.InFlight, 1)
	}},
	{"a smaller call", "the difference to what the claim took is given back at once", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(400))
		t.wantGrant(t.reserve(t.take(), "a", 100), true, 0, "")
		t.level("lim", 900)
	}},
	{"a larger call", "the difference to what the claim took is charged", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(400))
		t.wantGrant(t.reserve(t.take(), "a", 900), true, 0, "")
		t.level("lim", 100)
	}},
	{"a larger call waits", "what the bucket does not hold is charged ahead, and the call waits exactly its turn", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(100))
		t.put(on("lim"), tokens(700))
		r := t.claim(2).Tasks[0]
		t.wantGrant(t.reserve(r, "a", 600), true, 3*time.Second, "tokens")
		t.level("lim", -300)
		t.pass(time.Second)
		t.wantWait(t.reserve(r, "a", 600), 2*time.Second)
	}},
	{"a larger call without patience", "a call that would wait too long is not charged: its task goes back instead", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(100))
		t.put(on("lim"), tokens(700))
		r := t.claim(2).Tasks[0]
		impatient := pawl.Reservation{Lease: r.Lease(), Key: "a", Limit: "lim", Size: limit.Size{Output: 600}, Patience: 2 * time.Second}
		t.wantGrant(t.reserveAs(impatient), false, 3*time.Second, "tokens")
		t.level("lim", 200)
		t.finish(r, pawl.Pending)
		t.level("lim", 300)
	}},
	{"turned away, it waits for what it needs", "a task whose call was too large must not be claimed and turned away over and over", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(100))
		t.put(on("lim"), tokens(700))
		r := t.claim(2).Tasks[0]
		t.reserveAs(pawl.Reservation{Lease: r.Lease(), Key: "a", Limit: "lim", Size: limit.Size{Output: 600}})
		t.finish(r, pawl.Pending)
		isTime(t, "Next", t.none(), start.Add(3*time.Second))
		t.pass(3 * time.Second)
		is(t, "ID", t.take().ID, r.ID)
	}},
	{"later calls go first", "started work finishes before new work begins: its calls are charged ahead of new tasks", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(900))
		t.put(on("lim"), tokens(50))
		r := t.take()
		t.wantGrant(t.reserve(r, "a", 900), true, 0, "")
		t.wantGrant(t.reserve(r, "b", 600), true, 5*time.Second, "tokens")
		t.level("lim", -500)
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 900}})
		next := t.claim(1).Next
		isTime(t, "Next", next, start.Add(5*time.Second+500*time.Millisecond))
	}},
	{"a later call without patience", "what is not granted is not charged, and new tasks need not wait for it", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(900))
		r := t.take()
		t.reserve(r, "a", 900)
		t.wantGrant(t.reserveAs(pawl.Reservation{Lease: r.Lease(), Key: "b", Limit: "lim", Size: limit.Size{Output: 600}, Patience: time.Second}),
			false, 5*time.Second, "tokens")
		t.level("lim", 100)
		t.put(on("lim"), tokens(100))
		t.take()
	}},
	{"a later call when all places are taken", "nobody knows when a place comes free, so the call asks again", func(t *trial) {
		t.configure(set("lim", limit.Config{InFlight: 2}))
		t.putMany(3, on("lim"))
		c := t.claim(2)
		a, b := c.Tasks[0], c.Tasks[1]
		t.reserve(a, "a", 1)
		t.reserve(b, "a", 1)
		t.wantGrant(t.reserve(a, "b", 1), false, 0, "in flight")
		t.settle(b, pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered})
		t.none() // the place is kept for the call that waits
		t.wantGrant(t.reserve(a, "b", 1), true, 0, "")
	}},
	{"settled with real usage", "an estimate is only a guess: what was used is what counts", func(t *trial) {
		t.configure(pawl.Setting{Limit: "lim", Config: slow(1000)})
		t.put(on("lim"), tokens(400))
		r := t.take()
		t.reserve(r, "a", 400)
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered, Usage: llm.Usage{Input: 100, Output: 50, CacheRead: 9000}})
		t.level("lim", 850)
		t.reserve(r, "b", 100)
		t.settle(r, pawl.Settlement{Key: "b", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 2850}})
		t.level("lim", -2000)
		is(t, "InFlight", t.limit("lim").State.InFlight, 0)
	}},
	{"settled by what became of it", "a call that was not sent costs nothing, a failed one its request, one without an answer all", func(t *trial) {
		t.configure(set("lim", limit.Config{Requests: 100, Tokens: 1000, Per: 1e6 * time.Second, Burst: 1e6 * time.Second}))
		t.put(on("lim"), tokens(100))
		r := t.take()
		requests, left := 100.0, 1000.0
		for _, c := range []struct {
			outcome          pawl.CallOutcome
			requests, tokens float64
		}{
			{pawl.CallNotSent, 0, 0}, {pawl.CallFailed, 1, 0}, {pawl.CallUnknown, 1, 100}, {pawl.CallAnswered, 1, 100},
		} {
			t.reserve(r, string(c.outcome), 100)
			t.settle(r, pawl.Settlement{Key: string(c.outcome), Outcome: c.outcome})
			requests, left = requests-c.requests, left-c.tokens
			t.levelOf("lim", "requests", requests)
			t.level("lim", left)
		}
		is(t, "InFlight", t.limit("lim").State.InFlight, 0)
	}},
	{"step and settlement together", "a response is stored in the same write that settles its call, or neither is", func(t *trial) {
		t.configure(pawl.Setting{Limit: "lim", Config: slow(1000)})
		id := t.put(on("lim"), tokens(400))
		r := t.take()
		t.reserve(r, "a", 400)
		t.must("Save", t.saveAs(pawl.Save{
			Lease: r.Lease(), Step: &pawl.StepRow{Key: "a", Name: "ask", Result: []byte("{}"), Call: true},
			Settle: &pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 100}},
		}))
		is(t, "steps", len(t.row(id).Steps), 1)
		t.level("lim", 900)
	}},
	{"headers are the truth", "what the provider says remains is what remains, and its limit is the limit", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(100))
		r := t.take()
		t.reserve(r, "a", 100)
		t.settle(r, pawl.Settlement{
			Key: "a", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 100}, SentAgo: time.Second,
			Seen: llm.Limits{Tokens: llm.Level{Limit: 600, Remaining: 42, Known: true}},
		})
		t.level("lim", 42)
		l := t.limit("lim")
		is(t, "limit in force", l.State.Levels(t.now, l.Config)[0].Limit, 600)
		isTime(t, "ObservedAt", l.State.ObservedAt, t.now.Add(-time.Second))
		t.put(on("lim"), tokens(52))
		isTime(t, "Next", t.claim(1).Next, t.now.Add(time.Second))
	}},
}

// wantWait checks how long a reserved call is to wait.
func (t *trial) wantWait(g pawl.Grant, wait time.Duration) {
	t.Helper()
	t.must("Reserve", g.Err)
	if !g.OK || (g.Wait-wait).Abs() > time.Millisecond {
		t.Errorf("Grant = %+v; want OK and Wait %v", g, wait)
	}
}
