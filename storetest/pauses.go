package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

var pauseRules = []rule{
	{"a throttle pauses the limit", "when the provider says to come back later, everyone on that limit does, and nobody else", func(t *trial) {
		t.throttle(30 * time.Second)
		t.put(on("lim"))
		isTime(t, "Next", t.none(), start.Add(30*time.Second))
		free := t.put()
		t.took(t.claim(5), free)
		g := t.limit("lim")
		isTime(t, "PausedUntil", g.State.PausedUntil, start.Add(30*time.Second))
		is(t, "PauseReason", g.State.PauseReason, "too many")
	}},
	{"a throttle uses no attempt", "the limit was full; the task did nothing wrong", func(t *trial) {
		id := t.throttle(time.Second)
		r := t.row(id)
		is(t, "State", r.State, pawl.Pending)
		is(t, "Used", r.Used, 0)
		is(t, "attempts", len(r.Attempts), 1)
		is(t, "Class", r.LastAttempt().Class, "throttled")
	}},
	{"one probe", "after a pause one call tries the limit; if it is throttled again, no others were", func(t *trial) {
		t.throttle(30 * time.Second)
		t.putMany(5, on("lim"))
		t.pass(30 * time.Second)
		c := t.claim(5)
		is(t, "tasks right after the pause", len(c.Tasks), 1)
		probe := c.Tasks[0]
		t.none()
		t.reserve(probe, "p", 1)
		t.none()
		t.settle(probe, pawl.Settlement{Key: "p", Outcome: pawl.CallAnswered})
		is(t, "tasks after the probe's success", len(t.claim(9).Tasks), 5)
		is(t, "Throttles", t.limit("lim").State.Throttles, 0)
	}},
	{"a probe that is throttled", "a limit that is still closed pauses again, for longer", func(t *trial) {
		t.throttle(0)
		first := t.limit("lim").State.PausedUntil
		isTime(t, "PausedUntil", first, start.Add(time.Second))
		t.now = first
		r := t.take()
		t.reserve(r, "p", 1)
		t.settle(r, pawl.Settlement{Key: "p", Outcome: pawl.CallThrottled, Busy: true})
		t.finish(r, pawl.Pending)
		isTime(t, "PausedUntil", t.limit("lim").State.PausedUntil, first.Add(2*time.Second))
	}},
	{"a probe that was not needed", "a probe whose handler calls no model leaves the place to another one", func(t *trial) {
		t.throttle(time.Second)
		t.putMany(3, on("lim"))
		t.pass(time.Second)
		t.finish(t.take(), pawl.Succeeded)
		is(t, "tasks", len(t.claim(5).Tasks), 1)
	}},
	{"calls wait for the end of a pause", "a running task's next call has its turn when the pause is over", func(t *trial) {
		t.configure(set("lim", limit.Config{}))
		t.put(on("lim"))
		t.put(on("lim"))
		c := t.claim(2)
		a, b := c.Tasks[0], c.Tasks[1]
		t.reserve(a, "a", 1)
		t.settle(a, pawl.Settlement{Key: "a", Outcome: pawl.CallThrottled, After: 5 * time.Second, Busy: true})
		t.wantGrant(t.reserve(b, "b", 1), true, 5*time.Second, "paused")
	}},
	{"hold", "an operator stops a limit: its tasks wait, nothing fails, and nobody polls", func(t *trial) {
		id := t.put(on("lim"))
		t.configure(pawl.Setting{Limit: "lim", Hold: "budget"})
		isTime(t, "Next", t.none(), time.Time{})
		is(t, "HoldReason", t.limit("lim").State.HoldReason, "budget")
		t.pass(24 * time.Hour)
		t.none()
		t.in(id, pawl.Pending)
		t.configure(pawl.Setting{Limit: "lim", Resume: true})
		t.took(t.claim(1), id)
	}},
	{"a held limit turns calls away", "a running task must not wait inside a handler for an operator", func(t *trial) {
		t.put(on("lim"))
		r := t.take()
		t.configure(pawl.Setting{Limit: "lim", Hold: "budget"})
		for _, key := range []string{"a", "b"} {
			g := t.reserve(r, key, 1)
			t.wantGrant(g, false, 0, "held")
			is(t, "Reason", g.Gate.Reason, "budget")
		}
	}},
	{"a blocked account", "when the account cannot pay every call fails, so the limit is held at the first", func(t *trial) {
		t.put(on("lim"))
		t.put(on("lim"))
		r := t.take()
		t.reserve(r, "a", 1)
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallBlocked, Reason: "credit"})
		t.finish(r, pawl.Pending)
		isTime(t, "Next", t.none(), time.Time{})
		is(t, "HoldReason", t.limit("lim").State.HoldReason, "credit")
		t.configure(pawl.Setting{Limit: "lim", Resume: true})
		is(t, "tasks", len(t.claim(5).Tasks), 2)
	}},
	{"blocked until", "where the provider says when the account is open again, nobody needs to come and resume it", func(t *trial) {
		t.put(on("lim"))
		r := t.take()
		t.reserve(r, "a", 1)
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallBlocked, After: time.Hour})
		t.finish(r, pawl.Pending)
		isTime(t, "Next", t.none(), start.Add(time.Hour))
		t.pass(time.Hour)
		t.take()
	}},
	{"resume ends a pause", "an operator who knows better need not wait; one probe goes first all the same", func(t *trial) {
		t.throttle(time.Hour)
		t.putMany(3, on("lim"))
		t.configure(pawl.Setting{Limit: "lim", Resume: true})
		is(t, "tasks", len(t.claim(5).Tasks), 1)
	}},
	{"a hold and its reason survive a new configuration", "workers that start set their limits; that must not resume what an operator holds", func(t *trial) {
		t.put(on("lim"))
		t.configure(pawl.Setting{Limit: "lim", Hold: "budget"})
		t.configure(tokensPerSecond("lim"))
		t.none()
		is(t, "HoldReason", t.limit("lim").State.HoldReason, "budget")
	}},
}

// throttle adds a task whose call the provider throttles; it is pending again.
func (t *trial) throttle(after time.Duration) pawl.ID {
	t.Helper()
	id := t.put(on("lim"))
	r := t.take()
	t.reserve(r, "a", 1)
	t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallThrottled, After: after, Reason: "too many", Busy: true})
	t.finish(r, pawl.Pending)
	return id
}
