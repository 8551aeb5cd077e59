package storetest

import (
	"strings"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// callRules are about calls that never got an outcome.
var callRules = []rule{
	{"unknown calls are recorded", "a crash between sending and storing may be paid twice: the bill must be explainable", func(t *trial) {
		id := t.put()
		r := t.take()
		t.reserve(r, "a", 1)
		t.reserve(r, "b", 1)
		t.reserve(r, "c", 1)
		t.settle(r, pawl.Settlement{Key: "b", Outcome: pawl.CallAnswered})
		t.pass(lease)
		t.tick()
		a := t.row(id).LastAttempt()
		is(t, "Unknown", a.Unknown, 2)
		if !strings.Contains(a.Message, "billed") {
			t.Errorf("Message = %q; want it to say that calls may have been billed", a.Message)
		}
	}},
	{"unknown calls outlive their worker", "a call that was settled as unknown must be in the record though its worker died before the outcome was recorded", func(t *trial) {
		id := t.put()
		r := t.take()
		t.reserve(r, "a", 1)
		t.reserve(r, "b", 1)
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallUnknown})
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallUnknown})
		t.settle(r, pawl.Settlement{Key: "b", Outcome: pawl.CallFailed})
		t.pass(lease)
		t.tick()
		is(t, "Unknown", t.row(id).LastAttempt().Unknown, 1)
		t.take()
		t.pass(lease)
		t.tick()
		is(t, "Unknown of the next attempt", t.row(id).LastAttempt().Unknown, 0)
	}},
	{"a claim alone is no unknown call", "what the claim reserved was not sent", func(t *trial) {
		id := t.put(on("lim"))
		t.take()
		t.pass(lease)
		t.tick()
		is(t, "Unknown", t.row(id).LastAttempt().Unknown, 0)
	}},
	{"an unknown call stays charged", "the provider may have counted it, so the limit must", func(t *trial) {
		t.once("lim", 1000)
		r := t.take()
		t.reserve(r, "a", 600)
		t.pass(lease)
		t.tick()
		t.level("lim", 400)
		is(t, "InFlight", t.limit("lim").State.InFlight, 0)
	}},
	{"an unused claim is refunded", "a worker that died before it sent anything has used nothing", func(t *trial) {
		t.once("lim", 1000)
		t.take()
		t.level("lim", 400)
		t.pass(lease)
		t.tick()
		t.level("lim", 1000)
		is(t, "InFlight", t.limit("lim").State.InFlight, 0)
	}},
	{"finished without a call", "a handler that did not call its model has used nothing of the limit", func(t *trial) {
		t.once("lim", 1000)
		t.finish(t.take(), pawl.Succeeded)
		t.level("lim", 1000)
		is(t, "InFlight", t.limit("lim").State.InFlight, 0)
	}},
	{"finished with an open call", "what was reserved and never settled may have been sent", func(t *trial) {
		t.once("lim", 1000)
		r := t.take()
		t.reserve(r, "a", 600)
		t.finish(r, pawl.Dead)
		t.level("lim", 400)
		is(t, "InFlight", t.limit("lim").State.InFlight, 0)
	}},
	{"a lost call frees its place", "calls in flight are counted, and a dead worker's are none", func(t *trial) {
		t.configure(pawl.Setting{Limit: "lim", Config: &limit.Config{InFlight: 1}})
		t.put(on("lim"))
		second := t.put(on("lim"))
		r := t.take()
		t.reserve(r, "a", 1)
		t.none()
		t.pass(lease)
		t.tick()
		t.one(pawl.Cancel, r.ID)
		t.took(t.claim(2), second)
	}},
	{"a lost probe", "a limit must not stay closed because the worker that tried it died", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"))
		t.put(on("lim"))
		r := t.take()
		t.reserve(r, "a", 1)
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallThrottled, After: lease, Busy: true})
		t.finish(r, pawl.Pending)
		t.pass(lease)
		probe := t.take()
		t.reserve(probe, "b", 1)
		t.none()
		t.pass(lease)
		is(t, "tasks after the probe was lost", len(t.claim(2).Tasks), 1)
	}},
	{"calls without a limit", "work without calls is not limited, and a call in it is known all the same", func(t *trial) {
		id := t.put()
		r := t.take()
		for _, key := range []string{"a", "b"} {
			g := t.reserve(r, key, 1e6)
			is(t, "Grant", g, pawl.Grant{OK: true})
		}
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallThrottled, Busy: true})
		is(t, "OK", t.reserve(r, "c", 1).OK, true)
		t.finish(r, pawl.Pending, usage(5))
		is(t, "Usage", t.row(id).Usage(), llm.Usage{Output: 5})
		status, err := t.store.Status(t.ctx, t.now)
		t.must("Status", err)
		is(t, "limits", len(status.Limits), 0)
		t.take()
	}},
}

// once adds a task of 600 tokens behind a limit that holds some and refills so
// slowly that no case sees it.
func (t *trial) once(name string, holds float64) {
	t.Helper()
	t.configure(pawl.Setting{Limit: name, Config: slow(holds)})
	t.put(on(name), tokens(600))
}
