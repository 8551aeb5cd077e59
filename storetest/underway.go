package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

// about is the scope of the near-duplicates of these cases.
var about = pawl.Hash{0xab, 1}

// nearRules are about near-duplicates: those that have succeeded, those that are under way,
// and what waits for these.
var nearRules = []rule{
	{"is found when it has succeeded", "a result answers what asks for nearly the same, for as long as it is kept", func(t *trial) {
		first, second := t.put(), t.put()
		t.finish(t.take(), pawl.Succeeded, answering("a"))
		at := t.now
		t.pass(time.Minute)
		t.finish(t.take(), pawl.Succeeded, answering("b"))
		found := t.nearby()
		is(t, "tasks that have succeeded", len(found.Near), 2)
		is(t, "the newest", found.Near[0].Task, second)
		is(t, "the other", found.Near[1].Task, first)
		isTime(t, "At", found.Near[1].At, at)
		is(t, "Text", found.Near[1].Text, textOf("a"))
		is(t, "Place", found.Near[1].Place, 0)
		t.one(pawl.Delete, second)
		t.finds(0, first)
		is(t, "of another scope", len(t.lookAs(pawl.Look{Scope: pawl.Hash{0xab, 2}}).Near), 0)
	}},
	{"is found when it is under way", "of two that ask for nearly the same the later one must learn of the earlier, and not the other way round", func(t *trial) {
		t.putMany(2)
		rows := t.claim(2).Tasks
		t.finds(0)
		first := t.look(rows[0], "a")
		is(t, "what the first one sees", len(first.UnderWay), 1)
		second := t.look(rows[1], "b")
		is(t, "what the second one sees", len(second.UnderWay), 2)
		for i, n := range second.UnderWay {
			is(t, "Task", n.Task, rows[i].ID)
			is(t, "Seq", n.Seq, rows[i].Seq)
			is(t, "Place", n.Place, int64(i+1))
			isTime(t, "At", n.At, t.now)
		}
		again := t.look(rows[0], "a")
		is(t, "what the first one sees when it looks again", len(again.UnderWay), 2)
		is(t, "its Place", again.UnderWay[0].Place, 1)
		t.finds(2)
	}},
	{"not without its lease", "whoever has lost a task must not have others wait for it", func(t *trial) {
		t.put()
		r := t.take()
		t.pass(2 * lease)
		t.take()
		for _, l := range []pawl.Lease{r.Lease(), {Task: pawl.NewID(), Attempt: 1}} {
			t.lost("Near", t.lookAs(pawl.Look{Scope: about, Near: &pawl.Near{Text: 1}, Lease: l}).Err)
		}
		t.finds(0)
	}},
	{"in one call", "those that look together see each other as if they looked one after the other", func(t *trial) {
		t.putMany(3)
		var looks []pawl.Look
		for _, r := range t.claim(3).Tasks {
			looks = append(looks, lookOf(r, "a"))
		}
		found, err := t.store.Near(t.ctx, t.now, looks)
		t.must("Near", err)
		for i, n := range found {
			is(t, "what it sees", len(n.UnderWay), i+1)
		}
	}},
	{"at the same time", "two that look at the same moment must not both find nothing", func(t *trial) {
		doLooks(t.T, []pawl.Store{t.store})
	}},
	{"succeeds", "what waits goes on when there is a result to take, and finds it", func(t *trial) {
		first, waits := t.waiting(2)
		t.none()
		t.finish(first, pawl.Succeeded, answering("a"))
		t.took(t.claim(5), waits...)
		t.finds(0, first.ID)
	}},
	{"succeeds without a result for others", "what took a result itself, or hands none on, is waited for no longer either", func(t *trial) {
		first, waits := t.waiting(1)
		t.finish(first, pawl.Succeeded)
		t.took(t.claim(5), waits...)
		t.finds(0)
	}},
	{"fails for good", "what waits for one that is dead, cancelled or late does the work itself", func(t *trial) {
		for how, end := range map[string]func(r *pawl.TaskRow){
			"dead":      func(r *pawl.TaskRow) { t.finish(r, pawl.Dead) },
			"cancelled": func(r *pawl.TaskRow) { t.one(pawl.Cancel, r.ID); t.finish(r, pawl.Pending) },
			"cancelled while it waits": func(r *pawl.TaskRow) {
				t.finish(r, pawl.Scheduled)
				t.one(pawl.Cancel, r.ID)
			},
			"late": func(r *pawl.TaskRow) {
				t.finish(r, pawl.Scheduled, func(f *pawl.Finish) { f.Delay = 3 * time.Hour })
				t.pass(2 * time.Hour)
				t.tick()
			},
			"poisoned": func(r *pawl.TaskRow) {
				for range 3 {
					t.pass(2 * lease)
					t.claimAs(pawl.Claim{Worker: "w1", Operations: []string{"first"}, Max: 1, Lease: lease})
				}
			},
		} {
			t.put(operation("first"), deadline(t.now.Add(time.Hour)))
			first := t.claimAs(pawl.Claim{Worker: "w1", Operations: []string{"first"}, Max: 1, Lease: lease}).Tasks[0]
			t.look(first, "a")
			id := t.put()
			t.behind(t.take(), first.ID)
			end(first)
			if got := t.row(first.ID); !got.State.Ended() {
				t.Fatalf("%s: the first is %s; want it ended", how, got.State)
			}
			t.finds(0)
			t.took(t.claim(1), id)
			t.finish(t.row(id), pawl.Succeeded)
		}
	}},
	{"is tried again", "a retry, a worker that dies and a limit that turns it away leave a task under way: what waits goes on waiting", func(t *trial) {
		first, waits := t.waiting(1)
		for _, again := range []func(){
			func() { t.finish(first, pawl.Scheduled); t.pass(time.Minute) },
			func() { t.finish(first, pawl.Pending) },
			func() { t.pass(2 * lease) },
		} {
			again()
			t.tick()
			t.in(waits[0], pawl.Blocked)
			t.finds(1)
			claimed := t.claim(5).Tasks
			is(t, "tasks", len(claimed), 1)
			first = claimed[0]
			is(t, "what it sees", t.look(first, "a").UnderWay[0].Place, 1)
		}
		t.finish(first, pawl.Succeeded, answering("a"))
		t.took(t.claim(5), waits...)
	}},
	{"is blocked", "what waits for something itself is waited for by nobody: so nothing waits in a circle", func(t *trial) {
		first, waits := t.waiting(1)
		t.await(first, "go", 0)
		t.finds(0)
		r := t.take()
		is(t, "ID", r.ID, waits[0])
		t.behind(r, first.ID)
		t.in(waits[0], pawl.Pending)
	}},
	{"is waited for and waits", "a task that others wait for may find one in front of it: then these look again, and wait for that one", func(t *trial) {
		t.putMany(3)
		rows := t.claim(3).Tasks
		t.look(rows[0], "a")
		t.look(rows[1], "a")
		t.behind(rows[2], rows[1].ID)
		t.behind(rows[1], rows[0].ID)
		t.in(rows[1].ID, pawl.Blocked)
		r := t.take()
		is(t, "ID", r.ID, rows[2].ID)
		t.behind(r, rows[0].ID)
		t.finds(1)
		t.finish(rows[0], pawl.Succeeded, answering("a"))
		t.took(t.claim(5), rows[1].ID, rows[2].ID)
	}},
	{"goes on with another operation", "a fallback does other work, which is not what the others wait for", func(t *trial) {
		first, waits := t.waiting(1)
		t.finish(first, pawl.Pending, func(f *pawl.Finish) {
			f.Fallback = &pawl.Stage{Operation: "other", Queue: "default", Limit: pawl.NoLimit, MaxAttempts: 1}
		})
		t.finds(0)
		t.took(t.claim(5), waits...)
	}},
	{"ended before", "what is not under way any more, or is not there, is not waited for: nobody would say so again", func(t *trial) {
		t.putMany(4)
		rows := t.claim(4).Tasks
		t.look(rows[0], "a")
		t.finish(rows[0], pawl.Dead)
		t.behind(rows[1], rows[0].ID)
		t.behind(rows[2], pawl.NewID())
		t.behind(rows[3], rows[2].ID) // which never looked
		t.took(t.claim(5), rows[1].ID, rows[2].ID, rows[3].ID)
	}},
	{"ends in the same call", "what is recorded together happens one after the other, and is missed by nobody", func(t *trial) {
		for _, turned := range []bool{false, true} {
			t.putMany(2)
			rows := t.claim(2).Tasks
			t.look(rows[0], "a")
			both := []pawl.Finish{behindOf(rows[1], rows[0].ID), outcome(rows[0], pawl.Dead)}
			if turned {
				both[0], both[1] = both[1], both[0]
			}
			errs, err := t.store.Finish(t.ctx, t.now, both)
			t.must("Finish", err)
			is(t, "errors", errs[0] == nil && errs[1] == nil, true)
			r := t.take()
			is(t, "ID", r.ID, rows[1].ID)
			t.finish(r, pawl.Succeeded)
		}
	}},
	{"what waits ends", "a task that waits for another one has its own deadline, and may be cancelled, removed and retried", func(t *trial) {
		first, waits := t.waiting(3, deadline(t.now.Add(time.Hour)))
		t.one(pawl.Cancel, waits[0])
		t.one(pawl.Delete, waits[0])
		t.one(pawl.Cancel, waits[1])
		t.one(pawl.Retry, waits[1])
		r := t.take()
		t.behind(r, first.ID)
		t.behind(r, first.ID) // recorded again, by a worker that got no answer
		t.beat(first)
		t.now = t.now.Add(time.Hour)
		t.tick()
		t.in(waits[2], pawl.Dead)
		t.in(waits[1], pawl.Blocked)
		again := t.take() // the first one's lease has ended
		is(t, "ID", again.ID, first.ID)
		t.finish(again, pawl.Dead)
		t.took(t.claim(5), waits[1])
		is(t, "what waits for nothing", t.row(waits[1]).Links == nil || t.row(waits[1]).Links.Wait == nil, true)
	}},
	{"more than can be released together", "a transaction is bounded: those that are too many look again by themselves", func(t *trial) {
		const more = 3
		first, _ := t.waiting(0)
		waits := t.putMany(pawl.FollowersMost + more)
		var all []pawl.Finish
		for _, r := range t.claim(len(waits)).Tasks {
			all = append(all, behindOf(r, first.ID))
		}
		_, err := t.store.Finish(t.ctx, t.now, all)
		t.must("Finish", err)
		is(t, "tasks that wait", len(t.list(pawl.Filter{States: []pawl.State{pawl.Blocked}})), pawl.FollowersMost)
		later := t.list(pawl.Filter{States: []pawl.State{pawl.Scheduled}})
		is(t, "tasks that look again", len(later), more)
		isTime(t, "Due", later[0].Due, t.now.Add(pawl.FollowersPause))
		t.finish(first, pawl.Succeeded, answering("a"))
		is(t, "tasks that go on", len(t.claim(len(waits)).Tasks), pawl.FollowersMost)
		t.pass(pawl.FollowersPause)
		is(t, "tasks that look again", len(t.claim(len(waits)).Tasks), more)
	}},
	{"looks elsewhere", "whoever finds itself in another scope is found in the old one no longer, so what waits there looks again at once", func(t *trial) {
		first, waits := t.waiting(2)
		t.must("Near", t.lookAs(pawl.Look{Scope: pawl.Hash{0xab, 2}, Near: &pawl.Near{Text: 1}, Lease: first.Lease()}).Err)
		for _, id := range waits {
			t.in(id, pawl.Pending)
		}
		t.finds(0)
	}},
	{"forgotten", "a result that is not to be taken any more is not waited for either, nor kept when it comes", func(t *trial) {
		first, waits := t.waiting(1)
		done := t.put()
		t.finish(t.take(), pawl.Succeeded, answering("b"))
		t.unlike(pawl.Unlike{Scope: about, Forget: pawl.NewID()})
		t.finds(1, done)
		for range 2 {
			t.unlike(pawl.Unlike{Scope: about, Forget: first.ID})
			t.unlike(pawl.Unlike{Scope: about, Forget: done})
		}
		t.finds(0)
		t.took(t.claim(5), waits...)
		t.finish(first, pawl.Pending)
		first = t.take()
		is(t, "what it sees when it looks again", len(t.look(first, "a").UnderWay), 0)
		t.finish(first, pawl.Succeeded, answering("a"))
		t.in(first.ID, pawl.Succeeded)
		t.finds(0)
	}},
	{"kept apart", "what waits for a text that is not the same after all looks again, and nothing else does", func(t *trial) {
		first, waits := t.waiting(2)
		other := t.put()
		r := t.take()
		t.look(r, "other")
		id := t.put()
		t.behind(t.take(), other)
		pair := [2]uint64{min(textOf("a"), textOf("b")), max(textOf("a"), textOf("b"))}
		t.unlike(pawl.Unlike{Scope: about, Apart: pair})
		found := t.nearby()
		is(t, "pairs", len(found.Apart), 1)
		is(t, "the pair", found.Apart[0], pair)
		t.finds(2)
		t.took(t.claim(5), waits...)
		t.in(id, pawl.Blocked)
		t.behind(t.row(waits[0]), first.ID) // for the like of which no pair is apart
		t.in(waits[0], pawl.Blocked)
		t.finish(first, pawl.Succeeded, answering("a"))
		t.took(t.claim(5), waits[0])
		t.finish(r, pawl.Dead)
		t.took(t.claim(5), id)
	}},
	{"removed when it has ended", "what was to take a result that retention has removed does the work itself", func(t *trial) {
		first, waits := t.waiting(1)
		is(t, "removed while it runs", len(t.change(pawl.Delete, pawl.Filter{IDs: []pawl.ID{first.ID}})), 0)
		t.finish(first, pawl.Succeeded, answering("a"))
		t.one(pawl.Delete, first.ID)
		t.finds(0)
		r := t.take()
		is(t, "ID", r.ID, waits[0])
		is(t, "what it sees", len(t.look(r, "b").UnderWay), 1)
	}},
	{"retried on request", "a dead letter that is retried looks anew: nothing of what it was before is left", func(t *trial) {
		first, waits := t.waiting(1)
		t.finish(first, pawl.Dead)
		t.one(pawl.Retry, first.ID)
		t.finds(0)
		claimed := t.claim(5).Tasks
		is(t, "tasks", len(claimed), 2)
		is(t, "the first", claimed[0].ID, first.ID)
		is(t, "the other", claimed[1].ID, waits[0])
		is(t, "Followers", claimed[0].Followers(), 0)
	}},
	{"says what it waits for", "who asks why a task does not start is told for which one it waits", func(t *trial) {
		first, waits := t.waiting(1)
		r := t.row(waits[0])
		is(t, "Behind", r.Links.Wait.Behind, first.ID)
		is(t, "insane", insane(r), "")
		s, err := t.store.Explain(t.ctx, t.now, waits[0])
		t.must("Explain", err)
		is(t, "Gate", s.Why().Gate, pawl.HinderedSimilar)
		is(t, "Behind", s.Why().Behind, first.ID)
		is(t, "Reason", s.Why().Reason, fmt.Sprintf("it waits for %s, a near-duplicate that is under way", first.ID))
	}},
}

// textOf is the hash of a text of one letter, or more.
func textOf(text string) uint64 { return uint64(text[0]) + uint64(len(text))<<32 }

// answering has a task answer near-duplicates when it succeeds.
func answering(text string) func(*pawl.Finish) {
	return func(f *pawl.Finish) {
		f.Near = &pawl.NearAs{Scope: about, Near: pawl.Near{Text: textOf(text), Vector: []byte{1, 2}}}
	}
}

func lookOf(r *pawl.TaskRow, text string) pawl.Look {
	return pawl.Look{Scope: about, Near: &pawl.Near{Text: textOf(text), Sketch: 7}, Lease: r.Lease()}
}

func (t *trial) lookAs(l pawl.Look) pawl.Nearby {
	t.Helper()
	found, err := t.store.Near(t.ctx, t.now, []pawl.Look{l})
	t.must("Near", err)
	return found[0]
}

// look has a claimed task be under way, which must be accepted.
func (t *trial) look(r *pawl.TaskRow, text string) pawl.Nearby {
	t.Helper()
	found := t.lookAs(lookOf(r, text))
	t.must("Near", found.Err)
	return found
}

func (t *trial) nearby() pawl.Nearby {
	t.Helper()
	return t.lookAs(pawl.Look{Scope: about})
}

// finds checks how many tasks are under way, and which ones have succeeded.
func (t *trial) finds(underWay int, succeeded ...pawl.ID) {
	t.Helper()
	found := t.nearby()
	is(t, "tasks under way", len(found.UnderWay), underWay)
	is(t, "tasks that have succeeded", len(found.Near), len(succeeded))
	for i, n := range found.Near {
		is(t, "Task", n.Task, succeeded[i])
	}
}

// behindOf is how an attempt ends that waits for a near-duplicate.
func behindOf(r *pawl.TaskRow, first pawl.ID) pawl.Finish {
	f := outcome(r, pawl.Blocked)
	f.Park = &pawl.Park{Behind: first}
	return f
}

// behind ends an attempt so, which must be accepted.
func (t *trial) behind(r *pawl.TaskRow, first pawl.ID) {
	t.Helper()
	t.must("Finish", t.finishAs(behindOf(r, first)))
}

func (t *trial) unlike(u pawl.Unlike) {
	t.Helper()
	t.configure(pawl.Setting{Similar: &u})
}

// waiting returns a task that is under way, and others that wait for it.
func (t *trial) waiting(n int, with ...change) (first *pawl.TaskRow, waits []pawl.ID) {
	t.Helper()
	t.put()
	first = t.take()
	t.look(first, "a")
	waits = t.putMany(n, with...)
	for range n {
		r := t.take()
		t.behind(r, first.ID)
		t.in(r.ID, pawl.Blocked)
	}
	return first, waits
}

// doLooks has many tasks look at the same moment, at one of some stores: of any two exactly
// one sees the other in front of it.
func doLooks(t *testing.T, stores []pawl.Store) {
	const tasks = 24
	a := &trial{T: t, store: stores[0], ctx: t.Context(), now: start}
	a.putMany(tasks)
	var mu sync.Mutex
	saw := map[int64]int{} // of each place, how many were under way
	var all sync.WaitGroup
	for i, r := range a.claim(tasks).Tasks {
		b := &trial{T: t, store: stores[i%len(stores)], ctx: t.Context(), now: start}
		all.Go(func() {
			found, err := b.store.Near(b.ctx, b.now, []pawl.Look{lookOf(r, "a")})
			if err != nil || found[0].Err != nil {
				t.Errorf("Near = %+v, %v", found, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, n := range found[0].UnderWay {
				if n.Task == r.ID {
					saw[n.Place] = len(found[0].UnderWay)
				}
			}
		})
	}
	all.Wait()
	for place := range int64(tasks) {
		is(a, fmt.Sprintf("how many the one at place %d saw", place+1), int64(saw[place+1]), place+1)
	}
}
