package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
)

var duplicateRules = []rule{
	{"join", "two callers who ask for the same thing pay for it once", func(t *trial) {
		for _, s := range []pawl.State{pawl.Scheduled, pawl.Pending, pawl.Running} {
			id := t.reach(s, identity(1))
			t.joins(task(identity(1)), id)
			t.in(id, s)
			t.clear()
		}
	}},
	{"join gives the run", "the caller waits for the other one's run, which may have begun with another task", func(t *trial) {
		run := pawl.NewID()
		id := t.put(identity(1), inRun(run))
		a := t.add(task(identity(1)))[0]
		is(t, "ID", a.ID, id)
		is(t, "Run", a.Run, run)
	}},
	{"what has ended is not joined", "a task that succeeded answers only within its reuse window; a dead or cancelled one answers nobody", func(t *trial) {
		for _, s := range []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Cancelled} {
			t.reach(s, identity(1), reuse(time.Hour))
			t.put(identity(1))
			t.clear()
		}
	}},
	{"dead ones are not reused", "a failure is no result, however young", func(t *trial) {
		for _, s := range []pawl.State{pawl.Dead, pawl.Cancelled} {
			t.reach(s, identity(1))
			t.put(identity(1), reuse(time.Hour))
			t.clear()
		}
	}},
	{"reuse", "a result that is younger than the window answers, one that is as old does not", func(t *trial) {
		id := t.reach(pawl.Succeeded, identity(1))
		t.pass(time.Minute - time.Millisecond)
		a := t.add(task(identity(1), reuse(time.Minute)))[0]
		is(t, "Added", a, pawl.Added{ID: id, Run: id, As: pawl.AsReused})
		t.pass(time.Millisecond)
		t.put(identity(1), reuse(time.Minute))
	}},
	{"reuse counts from the end", "a result is as old as its success, not as its task", func(t *trial) {
		id := t.put(identity(1))
		t.pass(time.Hour)
		t.finish(t.take(), pawl.Succeeded)
		t.pass(time.Second)
		is(t, "ID", t.add(task(identity(1), reuse(time.Minute)))[0].ID, id)
	}},
	{"reuse beats reject and replace", "a result that is there needs no second task, whatever is to become of one in flight", func(t *trial) {
		id := t.reach(pawl.Succeeded, identity(1))
		for _, d := range []pawl.Duplicates{pawl.Reject, pawl.Replace} {
			is(t, "Added", t.add(task(identity(1), reuse(time.Minute), duplicates(d)))[0], pawl.Added{ID: id, Run: id, As: pawl.AsReused})
		}
	}},
	{"reject", "a caller may want to know that the work is under way instead of joining it", func(t *trial) {
		id := t.put(identity(1))
		n := task(identity(1), duplicates(pawl.Reject))
		is(t, "Added", t.add(n)[0], pawl.Added{ID: id, Run: id, As: pawl.AsRejected})
		is(t, "tasks", len(t.list(pawl.Filter{})), 1)
	}},
	{"replace what waits", "the newest request is the one that counts", func(t *trial) {
		for _, s := range []pawl.State{pawl.Scheduled, pawl.Pending} {
			old := t.reach(s, identity(1))
			n := task(identity(1), duplicates(pawl.Replace))
			is(t, "Added", t.add(n)[0], pawl.Added{ID: n.Row.ID, Run: n.Row.ID, As: pawl.AsReplacement})
			t.in(old, pawl.Cancelled)
			t.joins(task(identity(1)), n.Row.ID)
			t.took(t.claim(10), n.Row.ID)
			t.clear()
		}
	}},
	{"replace what runs", "a running task is asked to stop; its worker ends it", func(t *trial) {
		old := t.reach(pawl.Running, identity(1))
		n := task(identity(1), duplicates(pawl.Replace))
		is(t, "As", t.add(n)[0].As, pawl.AsReplacement)
		r := t.row(old)
		is(t, "Cancelling", r.Cancelling, true)
		is(t, "Beat.Cancelled", t.beat(r).Cancelled, true)
		t.joins(task(identity(1)), n.Row.ID)
		t.finish(r, pawl.Cancelled)
		t.joins(task(identity(1)), n.Row.ID)
	}},
	{"what is asked to stop is not joined", "its result will never come", func(t *trial) {
		id := t.reach(pawl.Running, identity(1))
		t.one(pawl.Cancel, id)
		t.put(identity(1))
	}},
	{"keep", "a caller may want the same work done twice", func(t *trial) {
		first := t.put(identity(1))
		second := t.put(identity(1), duplicates(pawl.Keep))
		t.took(t.claim(10), first, second)
	}},
	{"the latest is joined", "of several in flight the one that was added last is the freshest", func(t *trial) {
		t.put(identity(1))
		second := t.put(identity(1), duplicates(pawl.Keep))
		t.joins(task(identity(1)), second)
	}},
	{"one kept beside another", "the end of one of two identical tasks must not hide the other, which is in flight still", func(t *trial) {
		first := t.put(identity(1))
		for _, s := range []pawl.State{pawl.Dead, pawl.Cancelled, pawl.Succeeded} {
			second := t.put(identity(1), duplicates(pawl.Keep), priority(pawl.High))
			r := t.take()
			is(t, "ID", r.ID, second)
			t.finish(r, s)
			t.joins(task(identity(1)), first)
		}
		t.change(pawl.Delete, pawl.Filter{States: []pawl.State{pawl.Dead, pawl.Cancelled, pawl.Succeeded}})
		t.joins(task(identity(1)), first)
	}},
	{"a result beside a failure", "a later identical task that failed must not hide the result of the one before", func(t *trial) {
		first := t.reach(pawl.Succeeded, identity(1))
		t.reach(pawl.Dead, identity(1))
		a := t.add(task(identity(1), reuse(time.Minute)))[0]
		is(t, "Added", a, pawl.Added{ID: first, Run: first, As: pawl.AsReused})
	}},
	{"retried ones are joined again", "a dead letter that is tried again is in flight", func(t *trial) {
		id := t.reach(pawl.Dead, identity(1))
		t.one(pawl.Retry, id)
		t.joins(task(identity(1)), id)
	}},
	{"identities differ", "users, operations and inputs go into the identity, which is the caller's to make; none is never a twin", func(t *trial) {
		t.put(identity(1))
		t.put(identity(2))
		t.put()
		t.put()
		is(t, "tasks", len(t.claim(10).Tasks), 4)
	}},
	{"within one batch", "callers whose tasks are added together are as many as callers one after another", func(t *trial) {
		a, b, c := task(identity(1)), task(identity(1)), task(identity(2))
		d := task(identity(2), duplicates(pawl.Replace))
		added := t.add(a, b, c, d)
		is(t, "Added", added[1], pawl.Added{ID: a.Row.ID, Run: a.Row.ID, As: pawl.AsJoined})
		is(t, "As", added[3].As, pawl.AsReplacement)
		t.took(t.claim(10), a.Row.ID, d.Row.ID)
	}},
	{"deleted ones are gone", "what an operator removed answers nobody", func(t *trial) {
		id := t.reach(pawl.Succeeded, identity(1))
		t.one(pawl.Delete, id)
		t.put(identity(1), reuse(time.Hour))
	}},
}

// joins checks that a task joins another one.
func (t *trial) joins(n pawl.NewTask, to pawl.ID) {
	t.Helper()
	if a := t.add(n)[0]; a.ID != to || a.As != pawl.AsJoined {
		t.Errorf("Add = %+v; want %s, joined", a, to)
	}
}

// clear ends all tasks and removes them.
func (t *trial) clear() {
	t.Helper()
	t.change(pawl.Cancel, pawl.Filter{})
	for _, r := range t.list(pawl.Filter{States: []pawl.State{pawl.Running}}) {
		t.finish(r, pawl.Cancelled)
	}
	t.change(pawl.Delete, pawl.Filter{})
	is(t, "tasks", len(t.list(pawl.Filter{})), 0)
}
