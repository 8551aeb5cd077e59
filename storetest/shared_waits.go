package storetest

import (
	"fmt"

	"github.com/pawlhq/pawl"
)

// waitRaces are about a wait that begins at one process and what it waits for, which
// happens at another one at that moment: neither may miss the other.
var waitRaces = []sharedRule{
	{"waits", "branches of one task that end at both processes at once release it once, and not before the last has ended", func(s *shared) {
		doJoins(s.a.T, []pawl.Store{s.a.store, s.b.store}, 30)
	}},
	{"a wait and its ends", "a branch that ends as its parent begins to wait is either waited for and counted, or was there before", func(s *shared) {
		const parents = 40
		s.a.putMany(parents)
		rows := s.a.claim(parents).Tasks
		var parks, ends []pawl.Finish
		for _, r := range rows {
			tasks := branches(r, numbered(3)...)
			for i := range tasks {
				tasks[i].Row.Operation = "branch"
			}
			s.a.add(tasks...)
			parks = append(parks, parked(r, tasks, alone))
		}
		all := ask(3 * parents)
		all.Operations = []string{"branch"}
		for _, b := range s.a.claimAs(all).Tasks {
			ends = append(ends, outcome(b, pawl.Succeeded))
		}
		is(s.a, "branches", len(ends), 3*parents)
		s.race(4, func(t *trial, worker int) {
			if worker == 0 {
				finishOneByOne(t, parks)
				return
			}
			finishOneByOne(t, ends[(worker-1)*parents:worker*parents])
		})
		is(s.b, "tasks that go on", len(s.b.claim(2*parents).Tasks), parents)
		for _, r := range s.b.list(pawl.Filter{}) {
			if r.Awaited() || r.State == pawl.Blocked {
				s.b.Errorf("%s is %s with the links %+v", r.Operation, r.State, r.Links)
			}
		}
	}},
	{"near-duplicates", "two that look at two processes at the same moment must not both find nothing", func(s *shared) {
		doLooks(s.a.T, []pawl.Store{s.a.store, s.b.store})
	}},
	{"a wait and the near-duplicate's end", "a near-duplicate that ends, or is blocked, as another one begins to wait for it leaves nobody waiting", func(s *shared) {
		const n = 40
		s.a.putMany(3 * n)
		rows := s.a.claim(3 * n).Tasks
		var parks, ends []pawl.Finish
		for i, r := range rows[:n] {
			s.a.look(r, "a")
			parks = append(parks, behindOf(rows[n+2*i], r.ID), behindOf(rows[n+2*i+1], r.ID))
			ends = append(ends, outcome(r, []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Cancelled}[i%3]))
			if i%4 == 0 {
				ends[i] = waiting(r, "go", 0)
			}
		}
		s.race(3, func(t *trial, worker int) {
			if worker == 0 {
				finishOneByOne(t, ends)
				return
			}
			finishOneByOne(t, parks[(worker-1)*n:worker*n])
		})
		is(s.b, "tasks that go on", len(s.b.claim(3*n).Tasks), 2*n)
		is(s.b, "tasks under way", len(s.b.nearby().UnderWay), 0)
	}},
	{"a wait and its signal", "a word that comes as a handler begins to wait for it is not lost", func(s *shared) {
		const n = 60
		s.a.putMany(n)
		var waits []pawl.Finish
		for _, r := range s.a.claim(n).Tasks {
			waits = append(waits, waiting(r, "go", 0))
		}
		s.race(3, func(t *trial, worker int) {
			if worker == 0 {
				finishOneByOne(t, waits)
				return
			}
			for i := range waits {
				g := pawl.Change{Do: pawl.Signalled, Signal: pawl.Signal{Name: "go", ID: "1"}}
				f := pawl.Filter{IDs: []pawl.ID{waits[i].Lease.Task}}
				if _, err := t.store.Change(t.ctx, t.now, f, g); err != nil {
					t.Errorf("Change: %v", err)
				}
			}
		})
		woken := s.b.claim(2 * n).Tasks
		is(s.b, "tasks that go on", len(woken), n)
		for _, r := range woken {
			if len(r.Steps) != 1 || r.Links.Signals["go"] != 1 {
				s.b.Errorf("it has %d steps, and %d signals; want one", len(r.Steps), r.Links.Signals["go"])
			}
		}
	}},
	{"additions", "what a handler adds at two processes at once, because one of them did not answer in time, is one task and one step", func(s *shared) {
		const n = 30
		s.a.putMany(n, identity(0))
		twins := make([]pawl.ID, n)
		var tasks []pawl.NewTask
		for i, r := range s.a.claim(n).Tasks {
			twins[i] = s.a.put(identity(byte(i+1)), operation("twin"))
			plain, twin := task(by(r, "add#1"), operation("child")), task(by(r, "add#2"), identity(byte(i+1)))
			tasks = append(tasks, plain, twin)
		}
		s.race(4, func(t *trial, _ int) {
			for i := range tasks {
				added, err := t.store.Add(t.ctx, t.now, tasks[i:i+1])
				want := tasks[i].Row.ID
				if i%2 == 1 {
					want = twins[i/2]
				}
				if err != nil || added[0].ID != want {
					t.Errorf("Add = %+v, %v; want %s", added, err, want)
				}
			}
		})
		for _, r := range s.b.list(pawl.Filter{Operation: "work", Steps: true}) {
			is(s.b, "steps", len(r.Steps), 2)
		}
		is(s.b, "tasks", len(s.b.list(pawl.Filter{})), 3*n)
	}},
	{"failures of one fan", "the first failure of a fan and the second, at two processes, release it once", func(s *shared) {
		const parents = 30
		var ends [2][]pawl.Finish
		for i := range parents {
			s.a.put(operation("parent"), caught)
			r := s.a.begin("parent")
			keys := []string{fmt.Sprint("l", i), fmt.Sprint("r", i)}
			s.a.park(r, branches(r, keys...), all)
			for side, key := range keys {
				ends[side] = append(ends[side], outcome(s.a.begin(key), pawl.Dead))
			}
		}
		s.race(2, func(t *trial, side int) { finishOneByOne(t, ends[side]) })
		a := ask(2 * parents)
		a.Operations = []string{"parent"}
		is(s.b, "tasks that go on", len(s.b.claimAs(a).Tasks), parents)
	}},
}

// finishOneByOne records outcomes, each in a call of its own.
func finishOneByOne(t *trial, all []pawl.Finish) {
	for i := range all {
		if errs, err := t.store.Finish(t.ctx, t.now, all[i:i+1]); err != nil || errs[0] != nil {
			t.Errorf("Finish = %v, %v", errs, err)
			return
		}
	}
}
