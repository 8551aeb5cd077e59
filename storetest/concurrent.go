package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl"
)

var concurrentRules = []rule{
	{"each outcome once", "eight workers and four callers at once: every task is added, run and ended exactly once, and nobody sleeps through it", eachOnce},
	{"one of many finishes", "of workers that all believe to hold one lease exactly one records an outcome", func(t *trial) {
		id := t.put()
		r := t.take()
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				f := outcome(r, pawl.Pending)
				f.Attempt.Message = fmt.Sprint(i)
				if errs, err := t.store.Finish(t.ctx, t.now, []pawl.Finish{f}); err != nil || errs[0] != nil {
					t.Errorf("Finish = %v, %v", errs, err)
				}
			})
		}
		all.Wait()
		is(t, "attempts", len(t.row(id).Attempts), 1)
		is(t, "tasks to claim", len(t.claim(9).Tasks), 1)
	}},
	{"one limit for all", "the limits hold for all workers together, however many ask at once", func(t *trial) {
		t.configure(pawl.Setting{Limit: "lim", Config: slow(100)})
		t.putMany(500, on("lim"), tokens(1))
		var got atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 20 {
					c, err := t.store.Claim(t.ctx, t.now, ask(3))
					if err != nil {
						t.Errorf("Claim: %v", err)
					}
					got.Add(int64(len(c.Tasks)))
				}
			})
		}
		all.Wait()
		is(t, "tasks admitted", got.Load(), 100)
	}},
}

const (
	onceTasks   = 5000
	onceWorkers = 8
	onceCallers = 4
)

// eachOnce adds each task by two callers, so that one of them joins the other,
// and has workers claim and finish while that goes on, by the store's own clock.
func eachOnce(t *trial) {
	ctx, done := context.WithTimeout(t.ctx, 2*time.Minute)
	defer done()
	var all sync.WaitGroup
	var finished atomic.Int64
	for i := range onceWorkers {
		w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventReady}})
		worker := pawl.Claim{Worker: fmt.Sprint("w", i), Operations: []string{"work"}, Max: 1 + 7*i, Lease: time.Minute}
		all.Go(func() {
			for ctx.Err() == nil {
				if finished.Add(workOnce(ctx, t, worker, w)) == onceTasks {
					done()
				}
			}
		})
	}
	for i := range onceCallers {
		all.Go(func() { addOnce(ctx, t, i) })
	}
	all.Wait()
	t.now = time.Time{}
	rows := t.list(pawl.Filter{})
	is(t, "tasks", len(rows), onceTasks)
	is(t, "finished", finished.Load(), onceTasks)
	for _, r := range rows {
		if r.State != pawl.Succeeded || r.Attempt != 1 || len(r.Attempts) != 1 || string(r.Output) != r.Worker {
			t.Fatalf("%s is %s after %d attempts, by %s with output %s; want it done once", r.ID, r.State, r.Attempt, r.Worker, r.Output)
		}
	}
}

// workOnce claims and finishes tasks and returns how many; if there are too few
// it waits for more.
func workOnce(ctx context.Context, t *trial, c pawl.Claim, w pawl.Watch) int64 {
	claimed, err := t.store.Claim(ctx, time.Time{}, c)
	if err != nil {
		return onceFailed(ctx, t, "Claim", err)
	}
	var all []pawl.Finish
	for _, r := range claimed.Tasks {
		f := outcome(r, pawl.Succeeded)
		f.Output = []byte(r.Worker)
		all = append(all, f)
	}
	if len(all) == 0 {
		if _, err = w.Next(ctx); err != nil && !errors.Is(err, pawl.ErrMissed) {
			return onceFailed(ctx, t, "Next", err)
		}
		return 0
	}
	errs, err := t.store.Finish(ctx, time.Time{}, all)
	if err := errors.Join(append(errs, err)...); err != nil {
		return onceFailed(ctx, t, "Finish", err)
	}
	return int64(len(all))
}

// onceFailed reports an error, unless all is done.
func onceFailed(ctx context.Context, t *trial, what string, err error) int64 {
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("%s: %v", what, err)
	}
	return 0
}

// addOnce adds half of the tasks, those that the caller beside it adds too.
func addOnce(ctx context.Context, t *trial, caller int) {
	const batch = 50
	half := caller % 2 * onceTasks / 2
	for first := 0; first < onceTasks/2; first += batch {
		tasks := make([]pawl.NewTask, batch)
		for i := range tasks {
			n := half + first + i
			tasks[i] = task(user(fmt.Sprint(n%7)), reuse(time.Hour))
			tasks[i].Row.Identity = pawl.Hash{byte(n >> 8), byte(n), 1}
		}
		if _, err := t.store.Add(ctx, time.Time{}, tasks); err != nil {
			onceFailed(ctx, t, "Add", err)
			return
		}
	}
}
