package storetest

import (
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// repeatRules are about a worker whose claim took effect and failed: its next one
// says what it knows of.
var repeatRules = []rule{
	{"what the worker does not know of", "a claim whose answer was lost must not cost its tasks the rest of their lease", func(t *trial) {
		want := t.put()
		lost := t.take()
		again := t.claimKnowing(9)
		t.took(again, want)
		same(t, again.Tasks[0], lost)
	}},
	{"no new attempt", "nobody has tried the task, so nothing of it has changed", func(t *trial) {
		id := t.put()
		t.take()
		before := t.row(id)
		t.pass(time.Second)
		t.claimKnowing(9)
		same(t, t.row(id), before)
		is(t, "Attempt", before.Attempt, 1)
		isTime(t, "LeaseUntil", before.LeaseUntil, start.Add(lease))
	}},
	{"no new reservation", "its first call was reserved once, and is sent once", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(600))
		t.take()
		r := t.claimKnowing(9).Tasks[0]
		t.level("lim", 400)
		is(t, "InFlight", t.limit("lim").State.InFlight, 1)
		t.wantGrant(t.reserve(r, "a", 600), true, 0, "")
		t.level("lim", 400)
	}},
	{"no event", "it has started once", func(t *trial) {
		w := t.watch(pawl.EventFilter{Types: taskEvents})
		t.put()
		t.take()
		t.claimKnowing(9)
		is(t, "events", typesOf(t.seen(w)), "added started")
	}},
	{"with its steps", "the handler starts from what there is, as after any claim", func(t *trial) {
		t.put()
		r := t.take()
		t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &pawl.StepRow{Key: "k", Name: "k", Result: []byte("1")}}))
		is(t, "steps", len(t.claimKnowing(9).Tasks[0].Steps), 1)
	}},
	{"what it knows of", "a task that the worker runs already must not be run twice", func(t *trial) {
		t.putMany(3)
		known := t.claim(2).Tasks
		third := t.take()
		t.took(t.claimKnowing(9, known...), third.ID)
		t.took(t.claimKnowing(9, append(known, third)...))
	}},
	{"an older lease", "a worker that knows of an attempt before does not know of this one", func(t *trial) {
		id := t.put()
		old := t.take()
		t.finish(old, pawl.Pending)
		is(t, "Attempt", t.take().Attempt, 2)
		t.took(t.claimKnowing(9, old), id)
	}},
	{"those of others", "only what runs under the worker's own name is its own", func(t *trial) {
		t.put()
		other := ask(1)
		other.Worker = "w2"
		is(t, "tasks", len(t.claimAs(other).Tasks), 1)
		t.took(t.claimKnowing(9))
	}},
	{"first, and counted", "what is found again takes up places, and what is new gets those that are left", func(t *trial) {
		found := t.putMany(3, priority(pawl.Low))
		t.claim(3)
		fresh := t.putMany(3, priority(pawl.High))
		t.took(t.claimKnowing(2), found[:2]...)
		t.took(t.claimKnowing(5), slices.Concat(found, fresh[:2])...)
	}},
	{"by id", "every store answers in the same order", func(t *trial) {
		a, b, c := t.put(priority(pawl.Low)), t.put(), t.put(priority(pawl.High))
		t.took(t.claim(3), c, b, a)
		t.took(t.claimKnowing(9), a, b, c)
	}},
	{"whatever it asks for now", "a worker has what it took, whatever queue is paused or asked for by now", func(t *trial) {
		id := t.put(queue("q"))
		t.take()
		t.configure(pawl.Setting{Queue: "q", Pause: true})
		a := ask(9)
		a.Known, a.Queues = []pawl.Lease{}, []string{"x"}
		t.took(t.claimAs(a), id)
	}},
	{"one that was asked to stop", "a worker that takes its task up learns from the next beat that it is cancelled", func(t *trial) {
		id := t.put()
		t.take()
		t.one(pawl.Cancel, id)
		r := t.claimKnowing(9).Tasks[0]
		is(t, "Cancelling", r.Cancelling, true)
		is(t, "Beat", t.beat(r), pawl.Beat{Cancelled: true})
	}},
	{"not after the lease", "what was taken back from the worker is claimed like any other task", func(t *trial) {
		id := t.put()
		t.take()
		t.pass(lease)
		r := t.claimKnowing(9).Tasks[0]
		is(t, "ID", r.ID, id)
		is(t, "Attempt", r.Attempt, 2)
		is(t, "Deaths", r.Deaths, 1)
	}},
	{"only when asked", "a worker that knows what it holds must not get it again", func(t *trial) {
		t.put()
		t.take()
		t.took(t.claim(9))
	}},
}

// claimKnowing claims as a worker whose last claim failed, and which knows of these tasks.
func (t *trial) claimKnowing(most int, known ...*pawl.TaskRow) pawl.Claimed {
	t.Helper()
	a := ask(most)
	a.Known = []pawl.Lease{}
	for _, r := range known {
		a.Known = append(a.Known, r.Lease())
	}
	return t.claimAs(a)
}
