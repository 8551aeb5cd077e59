package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// raceRules are about two processes that do the same thing at the same moment.
var raceRules = []sharedRule{
	{"claims", "no task is given to two workers, however many ask at once", func(s *shared) {
		want := s.a.putMany(400)
		var mu sync.Mutex
		took := map[pawl.ID]int{}
		s.race(8, func(t *trial, worker int) {
			ask := pawl.Claim{Worker: fmt.Sprint("w", worker), Operations: []string{"work"}, Max: 1 + worker, Lease: time.Hour}
			for {
				claimed, err := t.store.Claim(t.ctx, t.now, ask)
				if err != nil {
					t.Errorf("Claim: %v", err)
				}
				if err != nil || len(claimed.Tasks) == 0 {
					return
				}
				mu.Lock()
				for _, r := range claimed.Tasks {
					took[r.ID]++
				}
				mu.Unlock()
			}
		})
		for _, id := range want {
			if took[id] != 1 {
				s.a.Errorf("%s was claimed %d times; want once", id, took[id])
			}
		}
	}},
	{"a limit's admission", "claims at both processes admit together what the limit holds, and no more", func(s *shared) {
		s.a.configure(pawl.Setting{Limit: "lim", Config: slow(100)})
		s.a.putMany(300, on("lim"), tokens(1))
		var got atomic.Int64
		s.race(8, func(t *trial, _ int) {
			for range 10 {
				claimed, err := t.store.Claim(t.ctx, t.now, ask(4))
				if err != nil {
					t.Errorf("Claim: %v", err)
				}
				got.Add(int64(len(claimed.Tasks)))
			}
		})
		is(s.a, "tasks admitted", got.Load(), 100)
		s.a.level("lim", 0)
	}},
	{"reservations", "calls reserved at both processes at once are charged one after another, each with a turn of its own", func(s *shared) {
		s.a.configure(tokensPerSecond("lim"))
		s.a.putMany(8, on("lim"), tokens(100))
		rows := s.a.claim(8).Tasks
		is(s.a, "tasks", len(rows), 8)
		var mu sync.Mutex
		waits := map[time.Duration]bool{}
		s.race(8, func(t *trial, worker int) {
			for i := range 5 { // the first is the claim's
				grants, err := t.store.Reserve(t.ctx, t.now, []pawl.Reservation{{
					Lease: rows[worker].Lease(), Key: fmt.Sprint(i), Limit: "lim", Size: limit.Size{Output: 100}, Patience: time.Hour,
				}})
				if err != nil || !grants[0].OK {
					t.Errorf("Reserve = %+v, %v; want it granted", grants, err)
					return
				}
				mu.Lock()
				waits[grants[0].Wait.Round(time.Millisecond)] = true
				mu.Unlock()
			}
		})
		s.b.level("lim", 1000-8*5*100)
		is(s.b, "InFlight", s.b.limit("lim").State.InFlight, 40)
		for i := range 31 { // of 32 that were not the claims', the first two fit in the bucket
			if wait := time.Duration(i) * time.Second; !waits[wait] {
				s.b.Errorf("no call waits %v; want a turn each second", wait)
			}
		}
	}},
	{"calls in flight", "places are counted over both processes, whatever ends and begins at once", func(s *shared) {
		s.a.configure(set("lim", limit.Config{InFlight: 5}))
		s.a.putMany(200, on("lim"))
		var running, most, done atomic.Int64
		s.race(6, func(t *trial, _ int) {
			for done.Load() < 200 {
				claimed, err := t.store.Claim(t.ctx, t.now, ask(2))
				if err != nil {
					t.Errorf("Claim: %v", err)
					return
				}
				if n := running.Add(int64(len(claimed.Tasks))); n > most.Load() {
					most.Store(n)
				}
				for _, r := range claimed.Tasks {
					running.Add(-1) // before it ends in the store
					errs, err := t.store.Finish(t.ctx, t.now, []pawl.Finish{outcome(r, pawl.Succeeded)})
					if err != nil || errs[0] != nil {
						t.Errorf("Finish = %v, %v", errs, err)
						return
					}
					done.Add(1)
				}
			}
		})
		if most.Load() > 5 {
			s.a.Errorf("%d ran at once; want no more than 5", most.Load())
		}
		is(s.a, "InFlight", s.a.limit("lim").State.InFlight, 0)
	}},
	{"identical tasks", "of callers who ask for the same thing at the same moment, one adds it and all others join", func(s *shared) {
		const questions = 50
		var fresh [questions]atomic.Int64
		var ids [questions]sync.Map
		s.race(6, func(t *trial, _ int) {
			for i := range questions {
				added, err := t.store.Add(t.ctx, t.now, []pawl.NewTask{task(identity(byte(i + 1)))})
				if err != nil {
					t.Errorf("Add: %v", err)
					return
				}
				if added[0].As == pawl.AsNew {
					fresh[i].Add(1)
				}
				ids[i].Store(added[0].ID, true)
			}
		})
		for i := range questions {
			different := 0
			ids[i].Range(func(any, any) bool { different++; return true })
			if n := fresh[i].Load(); n != 1 || different != 1 {
				s.a.Errorf("question %d was added %d times and has %d tasks; want one", i, n, different)
			}
		}
	}},
	{"one id", "a task that is sent to two processes at once is one task", func(s *shared) {
		tasks := make([]pawl.NewTask, 50)
		for i := range tasks {
			tasks[i] = task()
		}
		s.race(4, func(t *trial, _ int) {
			for _, n := range tasks {
				added, err := t.store.Add(t.ctx, t.now, []pawl.NewTask{n})
				if err != nil || added[0].ID != n.Row.ID {
					t.Errorf("Add = %+v, %v; want %s", added, err, n.Row.ID)
				}
			}
		})
		is(s.a, "tasks", len(s.b.claim(100).Tasks), 50)
	}},
	{"finishes", "of two processes that believe to hold one lease exactly one records an outcome", func(s *shared) {
		s.a.putMany(20)
		rows := s.a.claim(20).Tasks
		s.race(4, func(t *trial, worker int) {
			for _, r := range rows {
				f := outcome(r, pawl.Pending)
				f.Attempt.Message = fmt.Sprint(worker)
				if errs, err := t.store.Finish(t.ctx, t.now, []pawl.Finish{f}); err != nil || errs[0] != nil {
					t.Errorf("Finish = %v, %v", errs, err)
				}
			}
		})
		for _, r := range s.b.list(pawl.Filter{}) {
			is(s.b, "attempts", len(r.Attempts), 1)
		}
		is(s.b, "tasks to claim", len(s.b.claim(100).Tasks), 20)
	}},
	{"removals", "processes that remove what is old at the same moment remove each task once", func(s *shared) {
		chain := s.a.nodes(pawl.Hash{}, "a", "b")
		s.a.putMany(200, talk(chain))
		s.a.change(pawl.Cancel, pawl.Filter{})
		s.pass(time.Hour)
		var removed atomic.Int64
		s.race(4, func(t *trial, _ int) {
			for range 100 {
				changed, err := t.store.Change(t.ctx, t.now, pawl.Filter{EndedFor: time.Minute, Max: 20}, pawl.Change{Do: pawl.Delete})
				left, listErr := t.store.List(t.ctx, t.now, pawl.Filter{Max: 1})
				if err != nil || listErr != nil {
					t.Errorf("Change, List: %v, %v", err, listErr)
					return
				}
				if removed.Add(int64(len(changed))); len(left) == 0 {
					return
				}
			}
		})
		is(s.a, "removed", removed.Load(), 200)
		s.b.forgotten(chain[0].Hash)
	}},
	{"settings", "workers that start at the same moment set the same limits and queues", func(s *shared) {
		s.race(6, func(t *trial, worker int) {
			for i := range 10 {
				name := fmt.Sprint("lim", i)
				settings := []pawl.Setting{tokensPerSecond(name), {Queue: name, Pause: true}}
				if worker%2 == 1 {
					settings[0], settings[1] = settings[1], settings[0]
				}
				if err := t.store.Configure(t.ctx, t.now, settings); err != nil {
					t.Errorf("Configure: %v", err)
				}
			}
		})
		status, err := s.b.store.Status(s.b.ctx, s.b.now)
		s.b.must("Status", err)
		is(s.b, "limits", len(status.Limits), 10)
		is(s.b, "queues", len(status.Queues), 10)
	}},
}

// race does something n times at once, half of it at each handle.
func (s *shared) race(n int, do func(t *trial, worker int)) {
	var all sync.WaitGroup
	for i := range n {
		t := s.a
		if i%2 == 1 {
			t = s.b
		}
		all.Go(func() { do(t, i) })
	}
	all.Wait()
}
