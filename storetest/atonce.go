package storetest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

// atOnceRules are about branches of which only some may be under way at a time.
var atOnceRules = []rule{
	{"so many at once", "a fan of a thousand must not take the whole queue: the next starts when one ends, in order", func(t *trial) {
		r := t.parent(numbered(5), atOnce(2))
		t.waits(r.ID, 5)
		t.underWay(r, 0, 1)
		t.end("b1", pawl.Succeeded)
		t.underWay(r, 0, 2)
		t.end("b2", pawl.Succeeded)
		t.underWay(r, 0, 3)
		t.end("b0", pawl.Succeeded)
		t.underWay(r, 3, 4)
		t.waits(r.ID, 2)
		t.end("b3", pawl.Succeeded)
		t.underWay(r, 4)
		t.end("b4", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"the rest is added in line", "whoever adds branches may add the first of them to start at once", func(t *trial) {
		r := t.parent(numbered(3), func(f *pawl.Finish) {
			f.Park.AtOnce, f.Park.Prefix = 1, "b"
			f.Follow[1].InLine, f.Follow[2].InLine = true, true
		})
		t.underWay(r, 0)
		t.end("b0", pawl.Succeeded)
		t.underWay(r, 1)
	}},
	{"more at once than there are", "a bound that is not reached changes nothing", func(t *trial) {
		r := t.parent(numbered(3), atOnce(7))
		t.underWay(r, 0, 1, 2)
		for _, key := range numbered(3) {
			t.end(key, pawl.Succeeded)
		}
		t.resumes(r.ID)
	}},
	{"several end together", "as many start as have ended", func(t *trial) {
		r := t.parent(numbered(8), atOnce(3))
		t.finishMany([]pawl.Finish{outcome(t.begin("b0"), pawl.Succeeded), outcome(t.begin("b2"), pawl.Dead)})
		t.underWay(r, 1, 3, 4)
		t.finishMany([]pawl.Finish{
			outcome(t.begin("b1"), pawl.Succeeded), outcome(t.begin("b3"), pawl.Succeeded), outcome(t.begin("b4"), pawl.Succeeded),
		})
		t.underWay(r, 5, 6, 7)
		t.waits(r.ID, 3)
	}},
	{"a branch of several tasks", "a branch is under way until its last task has ended", func(t *trial) {
		r := t.parent(numbered(2), atOnce(1))
		first := t.begin("b0")
		t.finish(first, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(first))} })
		t.idle("b1")
		t.end("b0", pawl.Succeeded)
		t.underWay(r, 1)
	}},
	{"a place that frees itself", "a branch that expires or is poisoned makes room like one that is done", func(t *trial) {
		r := t.parent(numbered(4), atOnce(1), func(f *pawl.Finish) { f.Follow[0].Row.Deadline = t.now.Add(time.Minute) })
		t.pass(time.Minute)
		t.tick()
		t.underWay(r, 1)
		for range 3 {
			t.begin("b1")
			t.pass(lease)
			t.tick()
		}
		t.underWay(r, 2)
		t.one(pawl.Cancel, pawl.ChildID(r.ID, "b2"))
		t.underWay(r, 3)
		t.waits(r.ID, 1)
	}},
	{"the next in line is cancelled", "a branch that never starts makes no room, and is passed over", func(t *trial) {
		r := t.parent(numbered(4), atOnce(1))
		t.one(pawl.Cancel, pawl.ChildID(r.ID, "b1"))
		t.underWay(r, 0)
		t.waits(r.ID, 3)
		t.end("b0", pawl.Succeeded)
		t.underWay(r, 2)
		t.end("b2", pawl.Succeeded)
		t.underWay(r, 3)
		t.end("b3", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"another one in line is cancelled", "the end of a branch that was not under way is no reason to start one", func(t *trial) {
		r := t.parent(numbered(5), atOnce(1))
		t.one(pawl.Cancel, pawl.ChildID(r.ID, "b3"))
		t.underWay(r, 0)
		for _, n := range [][2]int{{0, 1}, {1, 2}, {2, 4}} {
			t.end("b"+strconv.Itoa(n[0]), pawl.Succeeded)
			t.underWay(r, n[1])
		}
		t.end("b4", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"one in line is cancelled as another ends", "in whatever order they are told, the one makes room and the other does not", func(t *trial) {
		r := t.parent(numbered(6), atOnce(2))
		own := []pawl.ID{pawl.ChildID(r.ID, "b1"), pawl.ChildID(r.ID, "b2"), pawl.ChildID(r.ID, "b4")}
		is(t, "cancelled", len(t.change(pawl.Cancel, pawl.Filter{IDs: own})), 3)
		t.underWay(r, 0, 3)
		t.end("b0", pawl.Succeeded)
		t.underWay(r, 3, 5)
		t.waits(r.ID, 2)
	}},
	{"all in line are cancelled", "a line may end before its branches have", func(t *trial) {
		r := t.parent(numbered(4), atOnce(1))
		for _, key := range []string{"b3", "b1", "b2"} {
			t.one(pawl.Cancel, pawl.ChildID(r.ID, key))
		}
		t.waits(r.ID, 1)
		t.end("b0", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"one in line expires", "a branch whose deadline passes before its turn has ended", func(t *trial) {
		r := t.parent(numbered(3), atOnce(1), func(f *pawl.Finish) { f.Follow[1].Row.Deadline = t.now.Add(time.Second) })
		t.pass(time.Second)
		t.tick()
		t.in(pawl.ChildID(r.ID, "b1"), pawl.Dead)
		t.waits(r.ID, 2)
		t.underWay(r, 0)
		t.end("b0", pawl.Succeeded)
		t.underWay(r, 2)
	}},
	{"all must succeed", "a branch that failed keeps its place until it is mended: more work behind a failure is of no use yet", func(t *trial) {
		r := t.parent(numbered(3), atOnce(1), all)
		dead := t.end("b0", pawl.Dead)
		t.underWay(r)
		t.waits(r.ID, 3)
		t.one(pawl.Retry, dead.ID)
		t.underWay(r, 0)
		t.end("b0", pawl.Succeeded)
		t.underWay(r, 1)
	}},
	{"one in line is cancelled and tried again", "it is in line as it was: no more are under way than allowed, and it is not forgotten", func(t *trial) {
		for _, with := range [][]func(*pawl.Finish){{atOnce(1)}, {atOnce(1), all}} {
			r := t.parent(numbered(4), with...)
			second := pawl.ChildID(r.ID, "b2")
			t.one(pawl.Cancel, second)
			t.one(pawl.Retry, second)
			t.in(second, pawl.Blocked)
			t.awaited(second, true)
			t.waits(r.ID, 4)
			for n, key := range numbered(4) {
				t.underWay(r, n)
				t.end(key, pawl.Succeeded)
			}
			t.finish(t.resumes(r.ID), pawl.Succeeded)
		}
	}},
	{"one that was passed over is tried again", "its turn comes before that of those behind it", func(t *trial) {
		r := t.parent(numbered(5), atOnce(1))
		first := pawl.ChildID(r.ID, "b1")
		t.one(pawl.Cancel, first)
		t.end("b0", pawl.Succeeded)
		t.underWay(r, 2)
		t.one(pawl.Retry, first)
		t.underWay(r, 2)
		for _, n := range []int{2, 1, 3, 4} {
			t.underWay(r, n)
			t.end("b"+strconv.Itoa(n), pawl.Succeeded)
		}
		t.resumes(r.ID)
	}},
	{"one that failed is tried again", "where failures make room others have its place: it waits for the next one, and is waited for", func(t *trial) {
		r := t.parent(numbered(3), atOnce(1))
		dead := t.end("b0", pawl.Dead)
		t.underWay(r, 1)
		t.one(pawl.Retry, dead.ID)
		t.underWay(r, 1)
		t.waits(r.ID, 3)
		for _, n := range []int{1, 0, 2} {
			t.underWay(r, n)
			t.end("b"+strconv.Itoa(n), pawl.Succeeded)
		}
		t.resumes(r.ID)
	}},
	{"one is tried again when there is room", "a place that nobody waits for is free for whatever comes, and taken once", func(t *trial) {
		r := t.parent(numbered(4), atOnce(2))
		a, b := t.end("b0", pawl.Dead), t.end("b1", pawl.Dead)
		t.end("b2", pawl.Succeeded)
		t.underWay(r, 3)
		is(t, "retried", len(t.change(pawl.Retry, pawl.Filter{IDs: []pawl.ID{a.ID, b.ID}})), 2)
		t.underWay(r, 0, 3)
		t.waits(r.ID, 3)
		t.end("b3", pawl.Succeeded)
		t.underWay(r, 0, 1)
		t.end("b1", pawl.Succeeded)
		t.end("b0", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"a later task of a branch is tried again", "a branch waits in line where it stands, and not from its beginning", func(t *trial) {
		r := t.parent(numbered(3), atOnce(1))
		first := t.begin("b0")
		t.finish(first, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(first), operation("next"))} })
		dead := t.end("next", pawl.Dead)
		t.one(pawl.Retry, dead.ID)
		t.underWay(r, 1)
		t.end("b1", pawl.Succeeded)
		t.idle("b2")
		t.end("next", pawl.Succeeded)
		t.end("b2", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"one is tried again under another line", "a branch of an earlier wait is nobody's business in this one", func(t *trial) {
		r := t.parent(numbered(1), atOnce(1))
		dead := t.end("b0", pawl.Dead)
		again := t.resumes(r.ID)
		t.park(again, branches(again, "c0", "c1"), atOnce(1), func(f *pawl.Finish) { f.Park.Prefix = "c" })
		t.one(pawl.Retry, dead.ID)
		t.in(dead.ID, pawl.Pending)
		t.awaited(dead.ID, false)
		t.waits(r.ID, 2)
		t.end("b0", pawl.Succeeded)
		t.waits(r.ID, 2)
		t.idle("c1")
	}},
	{"tried again before their parent", "what is to be done again with its parent starts when that has come to wait for it", func(t *trial) {
		r := t.parent(numbered(4), atOnce(2))
		t.end("b0", pawl.Dead)
		t.change(pawl.Cancel, pawl.Filter{Run: r.ID})
		own := pawl.Filter{Run: r.ID, Operation: "b0"}
		is(t, "retried", len(t.changeWith(pawl.Change{Do: pawl.Retry, InLine: true}, own)), 1)
		for _, key := range numbered(4)[1:] { // b3 was in line, and needs no word
			t.changeWith(pawl.Change{Do: pawl.Retry, InLine: key != "b3"}, pawl.Filter{Run: r.ID, Operation: key})
		}
		t.underWay(r)
		t.one(pawl.Retry, r.ID)
		again := t.resumes(r.ID)
		t.underWay(r)
		t.park(again, branches(again, numbered(4)...), atOnce(2))
		t.underWay(r, 0, 1)
		for _, key := range numbered(4) {
			t.end(key, pawl.Succeeded)
		}
		t.resumes(r.ID)
	}},
	{"in line without a bound", "a parent that bounds nothing starts all, whatever they were added as", func(t *trial) {
		r := t.parent(numbered(3), atOnce(1), func(f *pawl.Finish) { f.Park.AtOnce = 0 })
		t.underWay(r, 0, 1, 2)
		t.waits(r.ID, 3)
	}},
	{"parked again", "a handler that comes back in the middle goes on where it was", func(t *trial) {
		r := t.parent(numbered(6), atOnce(2), func(f *pawl.Finish) { f.Delay = time.Second })
		t.end("b0", pawl.Succeeded)
		t.end("b1", pawl.Dead)
		running := t.begin("b2")
		t.pass(time.Second)
		t.tick()
		again := t.resumes(r.ID)
		t.park(again, branches(again, numbered(6)...), atOnce(2))
		t.waits(r.ID, 4)
		t.underWay(r, 2, 3)
		t.finish(running, pawl.Succeeded)
		t.underWay(r, 3, 4)
	}},
	{"what ended while nobody waited", "places that came free while the handler ran are filled when it waits again", func(t *trial) {
		r := t.parent(numbered(4), atOnce(2), func(f *pawl.Finish) { f.Delay = time.Second })
		t.pass(time.Second)
		t.tick()
		again := t.resumes(r.ID)
		t.end("b0", pawl.Succeeded)
		t.end("b1", pawl.Succeeded)
		t.underWay(r)
		t.park(again, branches(again, numbered(4)...), atOnce(2))
		t.underWay(r, 2, 3)
		t.waits(r.ID, 2)
	}},
	{"a line of a thousand", "each end starts one, in order, to the last", func(t *trial) {
		const n = 1000
		r := t.parent(numbered(n), atOnce(10), func(f *pawl.Finish) {
			for i := range f.Follow {
				f.Follow[i].Row.Operation = "work"
			}
		})
		for done := 0; done < n; done += 10 {
			claimed := t.claim(20).Tasks
			if len(claimed) != 10 {
				t.Fatalf("after %d branches Claim gave %d; want 10", done, len(claimed))
			}
			ends := make([]pawl.Finish, 10)
			for i, b := range claimed {
				if want := "b" + strconv.Itoa(done+i); b.Links.Key != want {
					t.Fatalf("Claim gave branch %s; want %s", b.Links.Key, want)
				}
				ends[i] = outcome(b, pawl.Succeeded)
			}
			t.finishMany(ends)
		}
		t.resumes(r.ID)
	}},
}

// underWay checks which of a task's branches are under way, by their numbers.
func (t *trial) underWay(of *pawl.TaskRow, want ...int) {
	t.Helper()
	var got, all []string
	for _, r := range t.list(pawl.Filter{Run: of.Run}) {
		if r.Parent() == of.ID && (r.State == pawl.Pending || r.State == pawl.Running || r.State == pawl.Scheduled) {
			got = append(got, r.Links.Key)
		}
		if r.Parent() == of.ID {
			t.sane(r.ID)
		}
	}
	for _, n := range want {
		all = append(all, "b"+strconv.Itoa(n))
	}
	for _, key := range all {
		if !slices.Contains(got, key) {
			t.Errorf("%s are under way; want %s", strings.Join(got, " "), strings.Join(all, " "))
			return
		}
	}
	is(t, "branches under way", len(got), len(want))
}
