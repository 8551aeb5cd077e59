package storetest

import (
	"encoding/json"
	"time"

	"github.com/pawlhq/pawl"
)

// additionRules are about tasks that a handler adds: with its lease, and with a step
// that says what became of them.
var additionRules = []rule{
	{"with its step", "a handler that runs again must find what it added, and not add it again", func(t *trial) {
		id := t.put()
		r := t.take()
		t.pass(time.Second)
		n := task(by(r, "add#1"), operation("child"))
		is(t, "Added", t.add(n)[0], pawl.Added{ID: n.Row.ID, Run: n.Row.ID, As: pawl.AsNew})
		steps := t.row(id).Steps
		if len(steps) != 1 {
			t.Fatalf("Steps = %+v; want one", steps)
		}
		t.says(steps[0], pawl.Added{ID: n.Row.ID, Run: n.Row.ID, As: pawl.AsNew})
		is(t, "Key", steps[0].Key, "add#1")
		is(t, "Name", steps[0].Name, "add")
		is(t, "Attempt", steps[0].Attempt, 1)
		isTime(t, "At", steps[0].At, t.now)
		is(t, "Head", t.row(id).Head, pawl.Hash{})
		t.finish(r, pawl.Pending)
		is(t, "steps of the next attempt", len(t.take().Steps), 1)
		is(t, "ID", t.begin("child").ID, n.Row.ID)
	}},
	{"without a step", "a handler may add under an id that says what it is, and needs no step for that", func(t *trial) {
		id := t.put()
		n := task(by(t.take(), ""), operation("child"))
		n.Step = nil
		is(t, "As", t.add(n)[0].As, pawl.AsNew)
		is(t, "steps", len(t.row(id).Steps), 0)
		is(t, "ID", t.begin("child").ID, n.Row.ID)
	}},
	{"added twice", "the connection may break after the commit: one task and one step, whatever has become of the handler", func(t *trial) {
		id := t.put()
		r := t.take()
		n := task(by(r, "add#1"), operation("child"))
		want := pawl.Added{ID: n.Row.ID, Run: n.Row.ID, As: pawl.AsNew}
		for range 2 {
			is(t, "Added", t.add(n)[0], want)
		}
		for _, a := range t.add(n, n) {
			is(t, "Added", a, want)
		}
		is(t, "steps", len(t.row(id).Steps), 1)
		t.finish(r, pawl.Succeeded)
		is(t, "Added after the end", t.add(n)[0], want)
		is(t, "steps", len(t.row(id).Steps), 1)
		is(t, "tasks", len(t.list(pawl.Filter{})), 2)
	}},
	{"twice in one batch", "a client that coalesces callers may send the same addition twice at once", func(t *trial) {
		id := t.put()
		n := task(by(t.take(), "add#1"))
		added := t.add(n, n)
		is(t, "Added", added[0], added[1])
		is(t, "steps", len(t.row(id).Steps), 1)
	}},
	{"a lost lease adds nothing", "of two workers that believe to run a handler only one may add what it adds", func(t *trial) {
		id := t.put()
		r := t.take()
		t.pass(lease)
		t.tick()
		n := task(by(r, "add#1"))
		want := pawl.Added{ID: n.Row.ID, Run: n.Row.ID, As: pawl.AsLost}
		is(t, "Added", t.add(n)[0], want)
		again := t.take()
		is(t, "Added", t.add(n)[0], want)
		is(t, "tasks", len(t.list(pawl.Filter{})), 1)
		is(t, "steps", len(t.row(id).Steps), 0)
		n.By = again.Lease()
		is(t, "As", t.add(n)[0].As, pawl.AsNew)
	}},
	{"of a task that has ended, or never was", "nobody adds in the name of what does not run", func(t *trial) {
		var all []pawl.NewTask
		for _, s := range []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Cancelled, pawl.Pending} {
			all = append(all, task(by(t.row(t.reach(s)), "add#1")))
		}
		unknown := task()
		unknown.Row.Attempt = 1
		all = append(all, task(by(&unknown.Row, "add#1")))
		for i, a := range t.add(all...) {
			is(t, "Added", a, pawl.Added{ID: all[i].Row.ID, Run: all[i].Row.ID, As: pawl.AsLost})
		}
		is(t, "tasks", len(t.list(pawl.Filter{})), 4)
	}},
	{"asked to stop", "a handler that is to stop must not begin more: what it adds would outlive it", func(t *trial) {
		id := t.put()
		r := t.take()
		t.one(pawl.Cancel, id)
		is(t, "As", t.add(task(by(r, "add#1")))[0].As, pawl.AsLost)
		is(t, "tasks", len(t.list(pawl.Filter{})), 1)
		is(t, "steps", len(t.row(id).Steps), 0)
	}},
	{"a twin", "a handler that asks for what somebody else is doing gets that, and finds it again", func(t *trial) {
		twin := t.put(identity(1), operation("child"))
		id := t.put()
		r := t.take()
		n := task(by(r, "add#1"), identity(1))
		want := pawl.Added{ID: twin, Run: twin, As: pawl.AsJoined}
		is(t, "Added", t.add(n)[0], want)
		is(t, "Added again", t.add(n)[0], want)
		is(t, "tasks", len(t.list(pawl.Filter{})), 2)
		steps := t.row(id).Steps
		if len(steps) != 1 {
			t.Fatalf("Steps = %+v; want one", steps)
		}
		t.says(steps[0], want)
	}},
	{"a twin that has ended since", "an addition that is repeated has the answer that is stored, or the handler would get one task now and another one after a crash", func(t *trial) {
		twin := t.put(identity(1), operation("child"))
		id := t.put()
		n := task(by(t.take(), "add#1"), identity(1))
		want := t.add(n)[0]
		t.finish(t.begin("child"), pawl.Succeeded)
		is(t, "Added again", t.add(n)[0], want)
		is(t, "Added again, twice", t.add(n, n)[1], want)
		is(t, "ID", want.ID, twin)
		is(t, "tasks", len(t.list(pawl.Filter{})), 2)
		is(t, "steps", len(t.row(id).Steps), 1)
	}},
	{"a result", "what is there already is an answer to a handler too", func(t *trial) {
		twin := t.reach(pawl.Succeeded, identity(1))
		id := t.put()
		want := pawl.Added{ID: twin, Run: twin, As: pawl.AsReused}
		is(t, "Added", t.add(task(by(t.take(), "add#1"), identity(1), reuse(time.Hour)))[0], want)
		t.says(t.row(id).Steps[0], want)
	}},
	{"rejected", "what was not added leaves no step: the next attempt may have more luck", func(t *trial) {
		t.put(identity(1), operation("child"))
		id := t.put()
		r := t.take()
		n := task(by(r, "add#1"), identity(1), duplicates(pawl.Reject))
		is(t, "As", t.add(n)[0].As, pawl.AsRejected)
		is(t, "steps", len(t.row(id).Steps), 0)
		t.finish(t.begin("child"), pawl.Succeeded)
		is(t, "As", t.add(n)[0].As, pawl.AsNew)
		is(t, "steps", len(t.row(id).Steps), 1)
	}},
	{"replaced by its own child", "a handler may replace the task that it runs for, and stops then", func(t *trial) {
		id := t.put(identity(1))
		r := t.take()
		n, m := task(by(r, "add#1"), identity(1), duplicates(pawl.Replace)), task(by(r, "add#2"))
		added := t.add(n, m)
		is(t, "As", added[0].As, pawl.AsReplacement)
		is(t, "As of the next", added[1].As, pawl.AsLost)
		row := t.row(id)
		is(t, "Cancelling", row.Cancelling, true)
		is(t, "steps", len(row.Steps), 1)
	}},
	{"beside others in one batch", "additions of many handlers and callers come in one write, and each is for itself", func(t *trial) {
		t.putMany(3)
		rows := t.claim(3).Tasks
		t.one(pawl.Cancel, rows[1].ID)
		a, b, c, d := task(by(rows[0], "add#1")), task(by(rows[1], "add#1")), task(), task(by(rows[2], "add#1"))
		e := task(by(rows[0], "add#2"), identity(1))
		f := task(by(rows[2], "add#2"), identity(1))
		got := ""
		for _, a := range t.add(a, b, c, d, e, f) {
			got += string(a.As) + " "
		}
		is(t, "As", got, "new lost new new new joined ")
		for i, want := range []int{2, 0, 2} {
			is(t, "steps", len(t.row(rows[i].ID).Steps), want)
		}
		is(t, "tasks", len(t.list(pawl.Filter{})), 7)
		t.says(t.row(rows[2].ID).Steps[1], pawl.Added{ID: e.Row.ID, Run: e.Row.ID, As: pawl.AsJoined})
	}},
	{"a branch", "a handler adds to its own run, and its parent is known to what it adds", func(t *trial) {
		t.put(operation("parent"))
		r := t.begin("parent")
		is(t, "As", t.add(task(branch(r, "a"), by(r, "add#1")))[0].As, pawl.AsNew)
		a := t.begin("a")
		is(t, "Run", a.Run, r.ID)
		is(t, "Parent", a.Parent(), r.ID)
		is(t, "Key", a.Links.Key, "a")
		t.awaited(a.ID, false)
		t.finish(a, pawl.Succeeded)
		t.in(r.ID, pawl.Running)
	}},
	{"its events", "whoever watches sees the new task, and the step of the one that added it", func(t *trial) {
		id := t.put()
		r := t.take()
		w := t.watch(pawl.EventFilter{Types: taskEvents})
		n := task(by(r, "add#1"))
		t.add(n)
		t.add(n)
		t.events(w,
			pawl.Event{Type: pawl.EventAdded, At: t.now, Task: n.Row.ID, Run: n.Row.ID, Operation: "work", Queue: "default", State: pawl.Pending},
			pawl.Event{Type: pawl.EventStep, At: t.now, Task: id, Run: id, Operation: "work", Queue: "default", State: pawl.Running, Attempt: 1, Step: "add"},
		)
	}},
}

// by has a new task be added by a handler, with a step of this key.
func by(r *pawl.TaskRow, key string) change {
	return func(n *pawl.NewTask) {
		n.By = r.Lease()
		n.Step = &pawl.StepRow{Key: key, Name: "add", Attempt: r.Attempt}
	}
}

// says checks what a step says of an addition.
func (t *trial) says(step pawl.StepRow, want pawl.Added) {
	t.Helper()
	var got pawl.Added
	t.must("step "+step.Key, json.Unmarshal(step.Result, &got))
	is(t, "Added in step "+step.Key, got, want)
}
