package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
)

// lineRules are about runs of several lines: what is kept of them, what identical
// tasks find there, and what watchers are told.
var lineRules = []rule{
	{"a result that is not read yet is kept", "a parent that comes back to its branches must find what they gave, however old that is", func(t *trial) {
		r := t.parent([]string{"a", "b"})
		a := t.begin("a")
		t.finish(a, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(a))} })
		t.end("a", pawl.Succeeded)
		last := pawl.FollowID(a.ID)
		deletes := func(want int) {
			t.Helper()
			t.pass(time.Hour)
			is(t, "removed", len(t.change(pawl.Delete, pawl.Filter{Run: r.ID, EndedFor: time.Minute})), want)
		}
		deletes(0)
		t.end("b", pawl.Dead)
		deletes(0) // the parent is pending
		again := t.resumes(r.ID)
		is(t, "removed while it runs", len(t.change(pawl.Delete, pawl.Filter{IDs: []pawl.ID{a.ID, last}})), 0)
		t.finish(again, pawl.Succeeded)
		deletes(4)
		is(t, "tasks", len(t.list(pawl.Filter{})), 0)
	}},
	{"a failure that is waited for is removed", "who removes what would have to be mended gives the run up", func(t *trial) {
		for _, to := range []pawl.State{pawl.Dead, pawl.Cancelled} {
			r := t.parent([]string{"a", "b"}, all)
			t.end("a", to)
			t.one(pawl.Delete, pawl.ChildID(r.ID, "a"))
			t.in(r.ID, pawl.Cancelled)
			t.sane(r.ID)
			t.end("b", pawl.Succeeded)
			t.in(r.ID, pawl.Cancelled)
			is(t, "removed", len(t.change(pawl.Delete, pawl.Filter{Run: r.ID})), 2)
		}
	}},
	{"removed below others", "a run that is given up in one place has failed there, and waits for its mending one level up", func(t *trial) {
		top := t.parent([]string{"middle"}, all)
		middle := t.begin("middle")
		t.park(middle, branches(middle, "a"), all)
		dead := t.end("a", pawl.Dead)
		t.one(pawl.Delete, dead.ID)
		t.in(middle.ID, pawl.Cancelled)
		t.waits(top.ID, 1)
		t.one(pawl.Retry, middle.ID)
		t.finish(t.resumes(middle.ID), pawl.Succeeded)
		t.resumes(top.ID)
	}},
	{"removed below one that takes any end", "a parent that is cancelled by it has ended for those above it", func(t *trial) {
		top := t.parent([]string{"middle"})
		middle := t.begin("middle")
		t.park(middle, branches(middle, "a"), all)
		dead := t.end("a", pawl.Dead)
		t.one(pawl.Delete, dead.ID)
		t.in(middle.ID, pawl.Cancelled)
		is(t, "removed", len(t.change(pawl.Delete, pawl.Filter{IDs: []pawl.ID{middle.ID}})), 0)
		t.resumes(top.ID)
	}},
	{"a parent that is gone", "an orphan ends and is removed like any other task", func(t *trial) {
		r := t.parent([]string{"a", "b"})
		t.remove(r.ID)
		t.end("a", pawl.Succeeded)
		t.end("b", pawl.Dead)
		is(t, "removed", len(t.change(pawl.Delete, pawl.Filter{})), 2)
	}},
	{"a removed branch is mended by none", "what is asked for again is added again", func(t *trial) {
		r := t.parent([]string{"a"}, all)
		t.end("a", pawl.Dead)
		t.one(pawl.Delete, pawl.ChildID(r.ID, "a"))
		t.one(pawl.Retry, r.ID)
		again := t.resumes(r.ID)
		t.park(again, branches(again, "a"), all)
		t.waits(r.ID, 1)
		t.end("a", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"joined in a branch", "work that one run does in a branch is there for another caller too", func(t *trial) {
		t.put(operation("parent"))
		r := t.begin("parent")
		a := task(branch(r, "a"), identity(1))
		t.park(r, []pawl.NewTask{a})
		is(t, "Added", t.add(task(identity(1)))[0], pawl.Added{ID: a.Row.ID, Run: r.ID, As: pawl.AsJoined})
		t.end("a", pawl.Succeeded)
		is(t, "Added", t.add(task(identity(1), reuse(time.Hour)))[0], pawl.Added{ID: a.Row.ID, Run: r.ID, As: pawl.AsReused})
		t.finish(t.resumes(r.ID), pawl.Dead)
		t.change(pawl.Cancel, pawl.Filter{Run: r.ID})
		is(t, "As when its run has failed elsewhere", t.add(task(identity(1), reuse(time.Hour)))[0].As, pawl.AsReused)
	}},
	{"a branch is a result when its last task is", "the result of a line is that of its end", func(t *trial) {
		r, first := t.branchOfTwo()
		again := func(d pawl.Duplicates) pawl.Added {
			return t.add(task(identity(1), reuse(time.Hour), duplicates(d)))[0]
		}
		is(t, "Added", again(pawl.Join), pawl.Added{ID: first.ID, Run: r.ID, As: pawl.AsJoined})
		is(t, "As", again(pawl.Reject).As, pawl.AsRejected)
		t.end("other", pawl.Dead) // another branch of the run
		is(t, "As", again(pawl.Join).As, pawl.AsJoined)
		t.end("a", pawl.Succeeded)
		is(t, "Added", again(pawl.Join), pawl.Added{ID: first.ID, Run: r.ID, As: pawl.AsReused})
	}},
	{"a line that has failed answers nobody", "what comes to nothing further on is no result, even where it succeeded", func(t *trial) {
		for _, to := range []pawl.State{pawl.Dead, pawl.Cancelled} {
			t.branchOfTwo()
			t.end("a", to)
			n := task(identity(1), reuse(time.Hour))
			is(t, "As", t.add(n)[0].As, pawl.AsNew)
			t.change(pawl.Cancel, pawl.Filter{})
		}
		t.branchOfTwo()
		last := t.begin("a")
		t.one(pawl.Cancel, last.ID)
		is(t, "As", t.add(task(identity(1), reuse(time.Hour)))[0].As, pawl.AsNew)
	}},
	{"a line that has failed below", "a line that waits for a branch that died has failed, until that is mended", func(t *trial) {
		_, first := t.branchOfTwo()
		second := t.begin("a")
		t.park(second, branches(second, "below"), all)
		is(t, "As", t.add(task(identity(1), reuse(time.Hour)))[0].As, pawl.AsJoined)
		dead := t.end("below", pawl.Dead)
		n := task(identity(1), reuse(time.Hour), operation("new"))
		is(t, "As", t.add(n)[0].As, pawl.AsNew)
		t.end("new", pawl.Dead)
		t.one(pawl.Retry, dead.ID)
		is(t, "ID", t.add(task(identity(1), reuse(time.Hour)))[0].ID, first.ID)
	}},
	{"a failure below that was caught", "a line that takes a failure below it for a result has not failed", func(t *trial) {
		_, first := t.branchOfTwo()
		second := t.begin("a")
		t.park(second, branches(second, "below"))
		t.end("below", pawl.Dead)
		t.finish(t.resumes(second.ID), pawl.Succeeded)
		is(t, "Added", t.add(task(identity(1), reuse(time.Hour)))[0].ID, first.ID)
	}},
	{"replaced with all below", "what was begun for a request that is replaced is of no use to anybody", func(t *trial) {
		r, first := t.branchOfTwo()
		second := t.begin("a")
		t.park(second, branches(second, "x", "y"))
		x := t.begin("x")
		t.park(x, branches(x, "deep"))
		y := t.begin("y")
		is(t, "As", t.add(task(identity(1), duplicates(pawl.Replace)))[0].As, pawl.AsReplacement)
		t.in(first.ID, pawl.Succeeded)
		t.in(second.ID, pawl.Cancelled)
		t.in(x.ID, pawl.Cancelled)
		t.in(pawl.ChildID(x.ID, "deep"), pawl.Cancelled)
		is(t, "Cancelling", t.row(y.ID).Cancelling, true)
		t.waits(r.ID, 1) // for its other branch
		t.in(pawl.ChildID(r.ID, "other"), pawl.Pending)
		t.finish(y, pawl.Succeeded)
		for _, row := range t.list(pawl.Filter{Run: r.ID}) {
			t.sane(row.ID)
		}
	}},
	{"the branch of an end", "who waits for a run must know whether it was the run that ended, or one of its branches", func(t *trial) {
		w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventEnded}})
		r := t.parent(numbered(5), func(f *pawl.Finish) { f.Follow[4].Row.Deadline = t.now.Add(time.Hour) })
		b0 := t.begin("b0")
		t.finish(b0, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(b0))} })
		t.end("b0", pawl.Succeeded)
		t.end("b1", pawl.Dead)
		t.one(pawl.Cancel, pawl.ChildID(r.ID, "b2"))
		for range 3 {
			t.begin("b3")
			t.pass(lease)
			t.tick()
		}
		t.pass(time.Hour)
		t.tick()
		t.end("parent", pawl.Succeeded)
		want := []pawl.ID{}
		for _, key := range []string{"b0", "b0", "b1", "b2", "b3", "b4"} {
			want = append(want, pawl.ChildID(r.ID, key))
		}
		want = append(want, pawl.ID{})
		var got []pawl.ID
		for _, e := range t.seen(w) {
			got = append(got, e.Branch)
			is(t, "Run", e.Run, r.ID)
		}
		same(t, got, want)
	}},
	{"the events of a wait", "a task that waits without a worker is told of as one that is tried again, and the rest goes without saying", func(t *trial) {
		id := t.put(operation("parent"))
		r := t.begin("parent")
		w := t.watch(pawl.EventFilter{Types: taskEvents})
		tasks := branches(r, "a")
		t.park(r, tasks)
		a := t.end("a", pawl.Succeeded)
		t.resumes(id)
		e := pawl.Event{At: t.now, Run: id, Queue: "default"}
		parent, child := e, e
		parent.Task, parent.Operation, child.Task, child.Operation = id, "parent", a.ID, "a"
		of := func(e pawl.Event, what pawl.EventType, s pawl.State, attempt int) pawl.Event {
			e.Type, e.State, e.Attempt = what, s, attempt
			return e
		}
		waiting, ended := of(parent, pawl.EventRetried, pawl.Blocked, 1), of(child, pawl.EventEnded, pawl.Succeeded, 1)
		waiting.Class, ended.Branch = pawl.Parked, a.ID
		t.events(w, waiting, of(child, pawl.EventAdded, pawl.Pending, 0), of(child, pawl.EventStarted, pawl.Running, 1), ended,
			of(parent, pawl.EventStarted, pawl.Running, 2))
	}},
	{"a hint when it goes on", "a worker that found nothing must look again when a wait is over, and not by a clock", func(t *trial) {
		for name, release := range map[string]func(r, a *pawl.TaskRow){
			"by an end":    func(_, a *pawl.TaskRow) { t.finish(a, pawl.Succeeded) },
			"by a failure": func(_, a *pawl.TaskRow) { t.finish(a, pawl.Dead) },
			"by a signal":  func(r, _ *pawl.TaskRow) { t.signal(r.ID, "go", "1") },
		} {
			r := t.parent([]string{"a"}, func(f *pawl.Finish) { f.Park.Signal = "go" })
			a := t.begin("a")
			t.idle("parent")
			w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventReady}})
			release(r, a)
			t.seenUntil(w, func(e pawl.Event) bool { return e.Type == pawl.EventReady })
			if t.row(r.ID).State != pawl.Pending {
				t.Fatalf("%s: it is %s", name, t.row(r.ID).State)
			}
			t.finish(t.resumes(r.ID), pawl.Succeeded)
			t.change(pawl.Cancel, pawl.Filter{})
		}
	}},
	{"why it waits", "who looks at a task that is blocked reads what it waits for, and that nobody claims it", func(t *trial) {
		r := t.parent([]string{"a", "b"}, all)
		s := t.explain(r.ID)
		is(t, "State", s.Row.State, pawl.Blocked)
		is(t, "Wait", *s.Row.Links.Wait, pawl.Wait{Branches: 2, All: true})
		isTime(t, "Next", s.Next, time.Time{})
		is(t, "Ahead", s.Ahead, 0)
	}},
}

// branchOfTwo parks a task behind the branches a, whose first task has the identity 1
// and has succeeded, and whose second waits, and other. It returns the task and the
// first one of a.
func (t *trial) branchOfTwo() (parent, first *pawl.TaskRow) {
	t.Helper()
	t.put(operation("parent"))
	parent = t.begin("parent")
	t.park(parent, []pawl.NewTask{task(branch(parent, "a"), identity(1)), task(branch(parent, "other"))})
	first = t.begin("a")
	t.finish(first, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(first))} })
	return parent, first
}
