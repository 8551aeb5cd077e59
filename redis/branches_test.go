package redis_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/redis"
)

// many is how many branches one task has here.
const many = 10_000

// branches are tasks of 1 KiB, in branches of a parent; without one each is on its own.
func branches(parent pawl.ID, n int) []pawl.NewTask {
	tasks := make([]pawl.NewTask, n)
	for i := range tasks {
		id := pawl.NewID()
		tasks[i].Row = pawl.TaskRow{
			ID: id, Run: id, Operation: "work", Queue: "default", Limit: pawl.NoLimit, MaxAttempts: 4,
			Input: fmt.Appendf(nil, "%-1022q", "The wheel turns one way only."),
		}
		if !parent.IsZero() {
			key := fmt.Sprintf("item/%d", i)
			tasks[i].Row.ID, tasks[i].Row.Run = pawl.ChildID(parent, key), parent
			tasks[i].Row.Links = &pawl.Links{Parent: parent, Key: key}
		}
	}
	return tasks
}

// parked adds a task, and has it wait for so many branches. It returns how long the
// waiting took to begin.
func parked(t testing.TB, s pawl.Store, n int) (parent pawl.ID, ids []pawl.ID, took time.Duration) {
	t.Helper()
	parent = add(t, s, 1)[0]
	rows := claim(t, s, 1)
	f := pawl.Finish{Lease: rows[0].Lease(), To: pawl.Blocked, Park: &pawl.Park{All: true}, Follow: branches(parent, n)}
	for i := range f.Follow {
		f.Park.Branches = append(f.Park.Branches, f.Follow[i].Row.ID)
	}
	began := time.Now()
	errs, err := s.Finish(t.Context(), time.Time{}, []pawl.Finish{f})
	if err = errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	return parent, f.Park.Branches, time.Since(began)
}

// drain handles n tasks by one worker for each store, each of which claims while it
// finishes.
func drain(t testing.TB, stores []*redis.Store, n, batch int) {
	t.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	failed := make([]error, 2*len(stores))
	var all sync.WaitGroup
	for i, s := range stores {
		tasks := make(chan *pawl.TaskRow, n)
		all.Go(func() {
			defer close(tasks)
			failed[2*i] = claimAll(t.Context(), s, fmt.Sprint(i), batch, &left, tasks)
		})
		all.Go(func() { failed[2*i+1] = finishAll(t.Context(), s, batch, tasks) })
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
}

func claimAll(ctx context.Context, s pawl.Store, worker string, batch int, left *atomic.Int64, tasks chan<- *pawl.TaskRow) error {
	for left.Load() > 0 {
		c, err := s.Claim(ctx, time.Time{}, pawl.Claim{Worker: worker, Operations: []string{"work"}, Max: batch, Lease: time.Minute})
		if err != nil {
			return err
		}
		left.Add(-int64(len(c.Tasks)))
		for _, r := range c.Tasks {
			tasks <- r
		}
	}
	return nil
}

func finishAll(ctx context.Context, s pawl.Store, batch int, tasks <-chan *pawl.TaskRow) error {
	for r := range tasks {
		batch := make([]pawl.Finish, 1+min(len(tasks), batch-1))
		for i := range batch {
			if i > 0 {
				r = <-tasks
			}
			batch[i] = pawl.Finish{Lease: r.Lease(), To: pawl.Succeeded, Output: []byte("1"), Attempt: pawl.Attempt{Used: true}}
		}
		errs, err := s.Finish(ctx, time.Time{}, batch)
		if err = errors.Join(append(errs, err)...); err != nil {
			return err
		}
	}
	return nil
}

// A task that waits for very many branches is still one transaction, and goes on when two
// processes have ended the last of them. Each bound of a command or a script is
// reached on the way.
func TestTenThousandBranches(t *testing.T) {
	for name, url := range servers {
		t.Run(name, func(t *testing.T) {
			u := url(t)
			a, b := open(t, u), open(t, u)
			parent, ids, _ := parked(t, a, many)
			rows, err := b.List(t.Context(), time.Time{}, pawl.Filter{IDs: ids, Steps: true})
			if err != nil || len(rows) != many {
				t.Fatalf("List = %d tasks, %v; want %d", len(rows), err, many)
			}
			for _, r := range rows {
				if !r.Awaited() || r.Parent() != parent || r.State != pawl.Pending {
					t.Fatalf("a branch is %s with %+v; want it pending and awaited", r.State, r.Links)
				}
			}
			drain(t, []*redis.Store{a, b}, many, 1000)
			last := claim(t, b, 2)
			if len(last) != 1 || last[0].ID != parent || last[0].Attempt != 2 {
				t.Fatalf("claimed %d tasks after the branches; want the one that waited for them, once", len(last))
			}
		})
	}
}

// However many identities share a hash, no command gets more arguments than Lua passes on.
func TestManyIdentitiesOfOneHash(t *testing.T) {
	s := open(t, services.Redis(t))
	tasks := branches(pawl.ID{}, many)
	for i := range tasks {
		tasks[i].Row.Identity = pawl.Hash{1, byte(i >> 8), byte(i), 1}
	}
	if _, err := s.Add(t.Context(), time.Time{}, tasks); err != nil {
		t.Fatal(err)
	}
	drain(t, []*redis.Store{s}, many, many)
	again := branches(pawl.ID{}, 1)
	again[0].Row.Identity, again[0].Reuse = tasks[many-1].Row.Identity, time.Hour
	added, err := s.Add(t.Context(), time.Time{}, again)
	if err != nil || added[0].ID != tasks[many-1].Row.ID || added[0].As != pawl.AsReused {
		t.Errorf("Add = %+v, %v; want the last task's result", added, err)
	}
}
