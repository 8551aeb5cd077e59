package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
)

// brokenRules are about tasks all of whose branches must succeed, and about tasks that
// do not get to the end of their wait.
var brokenRules = []rule{
	{"all must succeed", "a run that has failed in one branch stands there until somebody mends it: what is done is not thrown away", func(t *trial) {
		for name, fail := range failures {
			r := t.parent([]string{"a", "b"}, all)
			fail(t, r)
			t.waits(r.ID, 2)
			t.end("b", pawl.Succeeded)
			t.waits(r.ID, 1)
			failed := pawl.Filter{Run: r.ID, States: []pawl.State{pawl.Dead, pawl.Cancelled}}
			for _, f := range t.list(failed) {
				t.awaited(f.ID, true)
			}
			is(t, "retried", len(t.change(pawl.Retry, failed)), 1)
			t.waits(r.ID, 1)
			t.end("a", pawl.Succeeded)
			t.finish(t.resumes(r.ID), pawl.Succeeded)
			if t.Failed() {
				t.Fatalf("with a branch that is %s", name)
			}
		}
	}},
	{"what is mended goes on in its branch", "a branch that died in its second task has a third", func(t *trial) {
		r := t.parent([]string{"a"}, all)
		follow := func(b *pawl.TaskRow) {
			t.finish(b, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(b))} })
		}
		follow(t.begin("a"))
		dead := t.end("a", pawl.Dead)
		t.one(pawl.Retry, dead.ID)
		follow(t.begin("a"))
		t.awaited(dead.ID, false)
		t.waits(r.ID, 1)
		t.end("a", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"a failure that is somebody's business", "who is to deal with a failure must learn of it at once, and not when all else is done", func(t *trial) {
		for name, fail := range failures {
			t.put(operation("parent"), caught)
			r := t.begin("parent")
			t.park(r, branches(r, "a", "b"), all)
			fail(t, r)
			t.finish(t.resumes(r.ID), pawl.Succeeded)
			t.end("b", pawl.Succeeded)
			t.awaited(pawl.ChildID(r.ID, "b"), false)
			t.in(r.ID, pawl.Succeeded)
			if t.Failed() {
				t.Fatalf("with a branch that is %s", name)
			}
		}
	}},
	{"one has failed before", "a wait that is futile from its beginning is no wait, if somebody is to know; else it stands until somebody mends it", func(t *trial) {
		for _, business := range []bool{false, true} {
			for _, to := range []pawl.State{pawl.Dead, pawl.Cancelled} {
				with := []change{operation("parent")}
				if business {
					with = append(with, caught)
				}
				t.put(with...)
				r := t.begin("parent")
				tasks := branches(r, "a", "b", "c")
				t.add(tasks[:2]...)
				t.end("a", to)
				t.end("b", pawl.Succeeded)
				t.park(r, tasks, all)
				if !business {
					t.waits(r.ID, 2)
					t.awaited(tasks[0].Row.ID, true)
					t.one(pawl.Retry, tasks[0].Row.ID)
					t.end("a", pawl.Succeeded)
					t.waits(r.ID, 1)
					t.end("c", pawl.Succeeded)
				}
				t.finish(t.resumes(r.ID), pawl.Succeeded)
				t.change(pawl.Cancel, pawl.Filter{Run: r.ID})
			}
		}
	}},
	{"a failure counts once", "a branch that was counted as ended and is tried again does not count a second time", func(t *trial) {
		r := t.parent([]string{"a", "b", "c"})
		dead := t.end("a", pawl.Dead)
		t.waits(r.ID, 2)
		t.one(pawl.Retry, dead.ID)
		t.end("a", pawl.Succeeded)
		t.waits(r.ID, 2)
		t.end("b", pawl.Succeeded)
		t.end("c", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"it fails again", "a branch may be mended as often as it takes", func(t *trial) {
		r := t.parent([]string{"a"}, all)
		for range 3 {
			dead := t.end("a", pawl.Dead)
			t.waits(r.ID, 1)
			t.one(pawl.Retry, dead.ID)
			t.waits(r.ID, 1)
		}
		t.end("a", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"a deadline while it waits", "waiting for others takes no more time than there is", expires(func(t *trial) pawl.ID {
		id := t.put(operation("work"), deadline(t.now.Add(time.Minute)))
		r := t.take()
		t.park(r, branches(r, "a"))
		return id
	})},
	{"what ends after the deadline", "an end that comes too late wakes no dead letter", func(t *trial) {
		id := t.put(operation("parent"), deadline(t.now.Add(time.Second)))
		r := t.begin("parent")
		t.park(r, branches(r, "a", "b"))
		t.pass(time.Second)
		t.tick()
		t.in(id, pawl.Dead)
		t.end("a", pawl.Succeeded)
		t.in(id, pawl.Dead)
		t.one(pawl.Retry, id)
		again := t.resumes(id)
		t.park(again, branches(again, "a", "b"))
		t.waits(id, 1)
		t.end("b", pawl.Succeeded)
		t.resumes(id)
	}},
	{"its time is up", "a wait may have an end of its own: then the handler looks what is there", func(t *trial) {
		r := t.parent([]string{"a", "b"}, func(f *pawl.Finish) { f.Delay = time.Minute })
		isTime(t, "Due", t.row(r.ID).Due, start.Add(time.Minute))
		isTime(t, "Next", t.none(), start.Add(time.Minute))
		t.end("a", pawl.Succeeded)
		t.pass(time.Minute - time.Millisecond)
		t.tick()
		t.waits(r.ID, 1)
		t.pass(time.Millisecond)
		t.tick()
		again := t.resumes(r.ID)
		isTime(t, "Due", again.Due, time.Time{})
		t.end("b", pawl.Succeeded) // while it runs
		t.in(r.ID, pawl.Running)
		t.park(again, branches(again, "a", "b"))
		t.resumes(r.ID)
	}},
	{"released before its time", "what went on is not woken a second time by its clock", func(t *trial) {
		r := t.parent([]string{"a"}, func(f *pawl.Finish) { f.Delay = time.Minute })
		t.end("a", pawl.Succeeded)
		isTime(t, "Due", t.row(r.ID).Due, time.Time{})
		again := t.resumes(r.ID)
		t.park(again, branches(again, "b"))
		t.pass(time.Hour)
		t.tick()
		t.waits(r.ID, 1)
	}},
	{"cancelled while it waits", "what is cancelled does not go on, whatever it waited for", func(t *trial) {
		r := t.parent([]string{"a", "b"})
		t.one(pawl.Cancel, r.ID)
		t.in(r.ID, pawl.Cancelled)
		t.sane(r.ID)
		t.end("a", pawl.Succeeded)
		t.end("b", pawl.Succeeded)
		t.in(r.ID, pawl.Cancelled)
		t.one(pawl.Retry, r.ID)
		again := t.resumes(r.ID)
		t.park(again, branches(again, "a", "b"))
		t.resumes(r.ID)
	}},
	{"a whole run is cancelled", "one call ends what waits, what is below it and what waits in line", func(t *trial) {
		top := t.parent([]string{"middle"})
		middle := t.begin("middle")
		t.park(middle, branches(middle, numbered(4)...), atOnce(1))
		is(t, "cancelled", len(t.change(pawl.Cancel, pawl.Filter{Run: top.ID})), 6)
		for _, r := range t.list(pawl.Filter{Run: top.ID}) {
			is(t, "State of "+r.Operation, r.State, pawl.Cancelled)
			t.sane(r.ID)
		}
	}},
	{"begun anew", "with another input a task waits for other branches: what becomes of the old ones is nothing to it", func(t *trial) {
		r := t.parent([]string{"a", "b"}, all)
		dead := t.end("a", pawl.Dead)
		t.one(pawl.Cancel, r.ID)
		is(t, "changed", len(t.changeWith(pawl.Change{Do: pawl.Retry, Input: []byte(`{"n":2}`)}, pawl.Filter{IDs: []pawl.ID{r.ID}})), 1)
		for _, key := range []string{"a", "b"} {
			t.awaited(pawl.ChildID(r.ID, key), false)
		}
		again := t.resumes(r.ID)
		t.park(again, branches(again, "c", "d"), all)
		is(t, "deleted", len(t.change(pawl.Delete, pawl.Filter{IDs: []pawl.ID{dead.ID}})), 0)
		t.waits(r.ID, 2)
		t.one(pawl.Retry, dead.ID)
		t.end("a", pawl.Succeeded)
		t.end("b", pawl.Dead)
		t.waits(r.ID, 2)
		t.end("c", pawl.Succeeded)
		t.waits(r.ID, 1)
		t.end("d", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"asked to stop before it waits", "what is to stop adds nothing and waits for nothing", func(t *trial) {
		id := t.put(operation("parent"))
		r := t.begin("parent")
		t.one(pawl.Cancel, id)
		t.park(r, branches(r, "a"))
		t.in(id, pawl.Cancelled)
		t.sane(id)
		is(t, "tasks", len(t.list(pawl.Filter{})), 1)
	}},
	{"replaced by its own branch", "a task that is cancelled by what it adds does not go on to wait for it", func(t *trial) {
		id := t.put(operation("parent"), identity(1))
		r := t.begin("parent")
		a := task(branch(r, "a"), identity(1), duplicates(pawl.Replace))
		t.park(r, append(branches(r, "b"), a))
		t.in(id, pawl.Cancelled)
		t.sane(id)
		t.in(pawl.ChildID(id, "b"), pawl.Cancelled)
		t.in(a.Row.ID, pawl.Pending)
		t.awaited(a.Row.ID, false)
		t.end("a", pawl.Succeeded)
		t.in(id, pawl.Cancelled)
	}},
	{"asked to stop before something follows", "a flow that is to stop stops behind the step that was under way, though that has succeeded", func(t *trial) {
		id := t.put(operation("parent"))
		r := t.begin("parent")
		t.one(pawl.Cancel, id)
		f := outcome(r, pawl.Succeeded)
		f.Follow = []pawl.NewTask{task(behind(r))}
		t.must("Finish", t.finishAs(f))
		row := t.row(id)
		is(t, "State", row.State, pawl.Cancelled)
		is(t, "attempts", len(row.Attempts), 1)
		t.sane(id)
		is(t, "tasks", len(t.list(pawl.Filter{})), 1)
		t.must("Finish again", t.finishAs(f))
		is(t, "tasks", len(t.list(pawl.Filter{})), 1)
	}},
	{"a branch that is asked to stop before its next task", "it ends there, and whoever waits for it learns of it", func(t *trial) {
		r := t.parent([]string{"a", "b"})
		a := t.begin("a")
		t.one(pawl.Cancel, a.ID)
		t.finish(a, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(a))} })
		t.in(a.ID, pawl.Cancelled)
		t.waits(r.ID, 1)
	}},
	{"its worker dies", "a worker that dies between a handler's end and its record has parked nothing: the next attempt does", func(t *trial) {
		t.put(operation("parent"))
		r := t.begin("parent")
		tasks := branches(r, "a")
		t.add(tasks...)
		t.end("a", pawl.Succeeded)
		t.pass(lease)
		t.tick()
		again := t.resumes(r.ID)
		t.park(again, tasks)
		t.resumes(r.ID)
	}},
}
