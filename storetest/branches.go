package storetest

import (
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
)

// branchRules are about tasks that wait for their branches without a worker, and go
// on exactly once.
var branchRules = []rule{
	{"a task waits for its branches", "a handler that waits must hold no worker, and must go on when the last of what it waits for is there", func(t *trial) {
		r := t.parent([]string{"a", "b"})
		is(t, "Class", t.row(r.ID).LastAttempt().Class, pawl.Parked)
		is(t, "Used", t.row(r.ID).Used, 0)
		t.waits(r.ID, 2)
		a := t.end("a", pawl.Succeeded)
		is(t, "Parent", a.Parent(), r.ID)
		is(t, "Branch", a.Branch(), pawl.ChildID(r.ID, "a"))
		t.awaited(a.ID, false)
		t.waits(r.ID, 1)
		t.end("b", pawl.Succeeded)
		t.finish(t.resumes(r.ID), pawl.Succeeded)
		t.in(r.ID, pawl.Succeeded)
	}},
	{"with its steps and conversation", "a handler that goes on must find all that it has done before", func(t *trial) {
		t.put(operation("parent"))
		r := t.begin("parent")
		said := t.steps(r, pawl.Hash{}, "one")
		t.park(r, branches(r, "a"))
		t.end("a", pawl.Succeeded)
		again := t.resumes(r.ID)
		is(t, "steps", len(again.Steps), 1)
		is(t, "Head", again.Head, said[0].Hash)
		t.talk(again.Head, "one")
	}},
	{"a branch of several tasks", "a branch has ended when its last task has, and each of them stands for it in turn", func(t *trial) {
		r := t.parent([]string{"a"})
		for range 3 {
			a := t.begin("a")
			t.awaited(a.ID, true)
			t.finish(a, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(a))} })
			t.awaited(a.ID, false)
			t.waits(r.ID, 1)
		}
		t.end("a", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"a branch is what stands in its line", "tasks that an outcome adds beside its line are nobody's next: whoever waits for the line must not wait for them", func(t *trial) {
		r := t.parent([]string{"a", "b"})
		t.end("a", pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(inRun(r.ID), operation("beside"))} })
		t.awaited(pawl.ChildID(r.ID, "a"), false)
		t.waits(r.ID, 1)
		b := t.begin("b")
		t.finish(b, pawl.Succeeded, func(f *pawl.Finish) {
			f.Follow = []pawl.NewTask{task(inRun(r.ID), operation("beside")), task(behind(b), operation("next"))}
		})
		t.waits(r.ID, 1)
		t.end("next", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"what follows is there already", "a line whose first task was removed and added again leads to what was there: that stands for the branch as it is", func(t *trial) {
		for _, to := range []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Cancelled, pawl.Running} {
			r := t.parent([]string{"a"})
			a := t.begin("a")
			next := task(behind(a), operation("next"))
			t.add(next)
			there := t.begin("next")
			if to != pawl.Running {
				t.finish(there, to)
			}
			t.finish(a, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{next} })
			t.awaited(a.ID, false)
			if to == pawl.Running {
				t.awaited(there.ID, true)
				t.waits(r.ID, 1)
				t.finish(there, pawl.Succeeded)
			}
			t.awaited(there.ID, false)
			t.finish(t.resumes(r.ID), pawl.Succeeded)
		}
	}},
	{"what follows is there already, and has failed", "if every branch must succeed, the failure at the end of such a line is waited for like any other", func(t *trial) {
		r := t.parent([]string{"a"}, all)
		a := t.begin("a")
		next := task(behind(a), operation("next"))
		t.add(next)
		dead := t.end("next", pawl.Dead)
		t.finish(a, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{next} })
		t.awaited(dead.ID, true)
		t.waits(r.ID, 1)
		t.one(pawl.Retry, dead.ID)
		t.end("next", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"however a branch ends", "a branch that fails has ended like one that succeeds, unless all must succeed", func(t *trial) {
		for name, fail := range failures {
			r := t.parent([]string{"a", "b"})
			fail(t, r)
			t.waits(r.ID, 1)
			t.end("b", pawl.Succeeded)
			t.finish(t.resumes(r.ID), pawl.Succeeded)
			if t.Failed() {
				t.Fatalf("with a branch that is %s", name)
			}
		}
	}},
	{"branches that have ended before", "what is there already need not be waited for", func(t *trial) {
		for _, to := range []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Cancelled} {
			t.put(operation("parent"))
			r := t.begin("parent")
			tasks := branches(r, "a", "b")
			t.add(tasks...)
			t.end("a", to)
			t.end("b", to)
			t.park(r, tasks, alone)
			again := t.resumes(r.ID)
			t.awaited(tasks[0].Row.ID, false)
			t.finish(again, pawl.Succeeded)
		}
	}},
	{"some have ended before", "only what is open is waited for, and each of it counts once", func(t *trial) {
		t.put(operation("parent"))
		r := t.begin("parent")
		tasks := branches(r, "a", "b", "c")
		t.add(tasks[:2]...)
		t.end("a", pawl.Succeeded)
		t.park(r, tasks)
		t.waits(r.ID, 2)
		t.awaited(tasks[0].Row.ID, false)
		t.end("c", pawl.Succeeded)
		t.waits(r.ID, 1)
		t.end("b", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"a branch that has moved on", "of a branch that runs the last task is the one to wait for", func(t *trial) {
		t.put(operation("parent"))
		r := t.begin("parent")
		tasks := branches(r, "a")
		t.add(tasks...)
		first := t.begin("a")
		second := task(behind(first))
		t.finish(first, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{second} })
		t.park(r, tasks, alone)
		t.awaited(first.ID, false)
		t.awaited(second.Row.ID, true)
		t.waits(r.ID, 1)
		t.end("a", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"branches of an attempt before", "a handler that runs again adds the same branches, which are there", func(t *trial) {
		r := t.parent([]string{"a", "b"}, func(f *pawl.Finish) { f.Delay = time.Second })
		t.end("a", pawl.Succeeded)
		b := t.begin("b")
		t.pass(time.Second)
		t.tick()
		again := t.resumes(r.ID)
		t.park(again, branches(again, "a", "b", "c"))
		is(t, "tasks", len(t.list(pawl.Filter{})), 4)
		t.waits(r.ID, 2)
		t.finish(b, pawl.Succeeded)
		t.waits(r.ID, 1)
		t.end("c", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"a branch that is not there", "retention or an operator may have removed what a handler asks for: it must not wait for ever", func(t *trial) {
		t.put(operation("parent"))
		r := t.begin("parent")
		tasks := branches(r, "gone", "a")
		t.park(r, tasks, func(f *pawl.Finish) { f.Follow = f.Follow[1:] })
		t.waits(r.ID, 1)
		t.end("a", pawl.Succeeded)
		again := t.resumes(r.ID)
		t.park(again, tasks[:1], alone)
		t.resumes(r.ID)
	}},
	{"no branches", "who waits for nothing goes on", func(t *trial) {
		r := t.parent(nil)
		t.resumes(r.ID)
	}},
	{"an end that is recorded twice", "a worker may ask twice, and one branch must not count for two", func(t *trial) {
		r := t.parent([]string{"a", "b", "c"})
		a, b := outcome(t.begin("a"), pawl.Succeeded), outcome(t.begin("b"), pawl.Dead)
		for _, f := range [][]pawl.Finish{{a, a}, {a}, {b, a, b}} {
			errs, err := t.store.Finish(t.ctx, t.now, f)
			t.must("Finish", err)
			for _, e := range errs {
				t.must("Finish", e)
			}
		}
		t.waits(r.ID, 1)
		t.end("c", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"a park that is recorded twice", "the second word of a worker that was heard the first time changes nothing, whatever has happened since", func(t *trial) {
		t.put(operation("parent"))
		r := t.begin("parent")
		f := parked(r, branches(r, "a", "b"))
		errs, err := t.store.Finish(t.ctx, t.now, []pawl.Finish{f, f})
		t.must("Finish", err)
		if errs[0] != nil || errs[1] != nil {
			t.Errorf("Finish = %v; want no error", errs)
		}
		t.end("a", pawl.Succeeded)
		t.must("Finish again", t.finishAs(f))
		t.waits(r.ID, 1)
		t.end("b", pawl.Succeeded)
		t.must("Finish again", t.finishAs(f))
		again := t.resumes(r.ID)
		t.must("Finish again", t.finishAs(f))
		t.in(r.ID, pawl.Running)
		t.finish(again, pawl.Succeeded)
		is(t, "attempts", len(t.row(r.ID).Attempts), 2)
	}},
	{"a lost lease parks nothing", "of two workers that believe to run a handler, one adds its branches and waits", func(t *trial) {
		id := t.put(operation("parent"))
		r := t.begin("parent")
		t.pass(lease)
		t.tick()
		t.lost("Finish", t.finishAs(parked(r, branches(r, "a"))))
		is(t, "tasks", len(t.list(pawl.Filter{})), 1)
		t.resumes(id)
	}},
	{"a thousand branches", "a fan of a thousand is one write, and its ends, in whatever batches, are a thousand ends", func(t *trial) {
		const n, share = 1000, 128
		r := t.parent(numbered(n), func(f *pawl.Finish) {
			for i := range f.Follow {
				f.Follow[i].Row.Operation = "work"
			}
		})
		for left := n; left > 0; {
			t.waits(r.ID, left)
			var ends []pawl.Finish
			for _, b := range t.claim(share).Tasks {
				ends = append(ends, outcome(b, pawl.Succeeded))
			}
			t.finishMany(ends)
			left -= len(ends)
		}
		t.resumes(r.ID)
	}},
	{"several parents in one batch", "the ends that come together may be those of many fans", func(t *trial) {
		var parents []*pawl.TaskRow
		for range 5 {
			r := t.parent(numbered(4), func(f *pawl.Finish) {
				for i := range f.Follow {
					f.Follow[i].Row.Operation = "work"
				}
			})
			parents = append(parents, r)
		}
		all := t.claim(20).Tasks
		is(t, "branches", len(all), 20)
		var ends []pawl.Finish
		for i := range all {
			if b := all[(i*7)%20]; b.Parent() != parents[4].ID || i < 9 { // in no order
				ends = append(ends, outcome(b, pawl.Succeeded))
			}
		}
		t.finishMany(ends)
		for _, r := range parents[:4] {
			is(t, "State", t.row(r.ID).State, pawl.Pending)
		}
		last := t.row(parents[4].ID)
		is(t, "State of the last", last.State, pawl.Blocked)
		is(t, "branches that it waits for", last.Links.Wait.Branches, 20-len(ends))
	}},
	{"a batch that parks and ends", "one worker's batch may hold the wait of one handler and the ends of the branches of others", func(t *trial) {
		first := t.parent([]string{"a", "b"})
		t.put(operation("second"))
		second := t.begin("second")
		tasks := branches(second, "x", "y")
		t.add(tasks...)
		t.finishMany([]pawl.Finish{
			outcome(t.begin("a"), pawl.Succeeded), outcome(t.begin("x"), pawl.Succeeded),
			parked(second, tasks, alone), outcome(t.begin("y"), pawl.Succeeded), outcome(t.begin("b"), pawl.Succeeded),
		})
		t.resumes(first.ID)
		t.resumes(second.ID)
	}},
	{"an end before a park of the same batch", "what ended just before a handler began to wait is not part of what it waits for", func(t *trial) {
		r := t.parent([]string{"a", "b"}, func(f *pawl.Finish) { f.Delay = time.Second })
		a := t.begin("a")
		t.pass(time.Second)
		t.tick()
		again := t.resumes(r.ID)
		t.finishMany([]pawl.Finish{outcome(a, pawl.Succeeded), parked(again, branches(again, "a", "b"))})
		t.waits(r.ID, 1)
		t.end("b", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"parents below parents", "each level waits for its own", func(t *trial) {
		top := t.parent([]string{"middle"})
		middle := t.begin("middle")
		t.park(middle, branches(middle, "a", "b"))
		t.end("a", pawl.Succeeded)
		t.end("b", pawl.Dead)
		t.waits(top.ID, 1)
		t.finish(t.resumes(middle.ID), pawl.Succeeded)
		t.resumes(top.ID)
	}},
	{"nested ends in one call", "what ends together counts at every level", func(t *trial) {
		for name, stop := range map[string]func(pawl.ID){
			"cancelled": func(run pawl.ID) {
				below := []pawl.ID{}
				for _, r := range t.list(pawl.Filter{Run: run}) {
					if r.ID != run {
						below = append(below, r.ID)
					}
				}
				is(t, "cancelled", len(t.change(pawl.Cancel, pawl.Filter{IDs: below})), 3)
			},
			"expired": func(pawl.ID) {
				t.pass(time.Hour)
				t.tick()
			},
		} {
			late := deadline(t.now.Add(time.Hour))
			t.put(operation("parent"))
			top := t.begin("parent")
			t.park(top, []pawl.NewTask{task(branch(top, "middle"), late)})
			middle := t.begin("middle")
			t.park(middle, []pawl.NewTask{task(branch(middle, "a"), late), task(branch(middle, "b"), late)})
			stop(top.ID)
			for _, r := range t.list(pawl.Filter{Run: top.ID}) {
				if r.ID != top.ID && (!r.State.Ended() || r.Awaited() || insane(r) != "") {
					t.Errorf("%s: %s is %s, with the links %+v; %s", name, r.Operation, r.State, r.Links, insane(r))
				}
			}
			t.finish(t.resumes(top.ID), pawl.Succeeded)
		}
	}},
}

// failures are the ways in which the branch a of a task can fail, but not the branch b.
var failures = map[string]func(*trial, *pawl.TaskRow){
	"dead":                func(t *trial, _ *pawl.TaskRow) { t.end("a", pawl.Dead) },
	"cancelled":           func(t *trial, r *pawl.TaskRow) { t.one(pawl.Cancel, pawl.ChildID(r.ID, "a")) },
	"cancelled as it ran": func(t *trial, _ *pawl.TaskRow) { t.end("a", pawl.Cancelled) },
	"asked to stop": func(t *trial, _ *pawl.TaskRow) {
		a := t.begin("a")
		t.one(pawl.Cancel, a.ID)
		t.finish(a, pawl.Pending)
	},
	"poisoned": func(t *trial, _ *pawl.TaskRow) {
		for range 3 {
			t.begin("a")
			t.pass(lease)
			t.tick()
		}
	},
	"dead behind others": func(t *trial, _ *pawl.TaskRow) {
		a := t.begin("a")
		t.finish(a, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(a))} })
		t.end("a", pawl.Dead)
	},
	"expired": func(t *trial, _ *pawl.TaskRow) {
		a := t.begin("a")
		t.finish(a, pawl.Succeeded, func(f *pawl.Finish) {
			f.Follow = []pawl.NewTask{task(behind(a), deadline(t.now.Add(time.Minute)))}
		})
		t.pass(time.Minute)
		t.tick()
	},
}

// finishMany records outcomes in one call, which must all be accepted.
func (t *trial) finishMany(all []pawl.Finish) {
	t.Helper()
	errs, err := t.store.Finish(t.ctx, t.now, all)
	t.must("Finish", err)
	for i, e := range errs {
		t.must(fmt.Sprintf("Finish %d", i), e)
	}
}
