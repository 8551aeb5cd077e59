package pawl_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
)

// slow is a store whose writes take a second. It counts those of new tasks.
type slow struct {
	pawl.Store
	adds, tasks int
}

func (s *slow) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	s.adds++
	s.tasks += len(tasks)
	time.Sleep(time.Second)
	return s.Store.Add(ctx, now, tasks)
}

func (s *slow) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	time.Sleep(time.Second)
	return s.Store.Save(ctx, now, saves)
}

// Callers at the same time are committed together: while one batch is being
// committed the next one gathers.
func TestConcurrentAddsShareCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slow{Store: newStore(t)}
		c := newClient(store, pawl.Config{})
		began := time.Now()
		done := make(chan error)
		for i := range 100 {
			go func() {
				_, err := sum.Add(context.Background(), c, point{i, i})
				done <- err
			}()
		}
		for range 100 {
			must(t, <-done)
		}
		if took := time.Since(began); store.adds > 2 || store.tasks != 100 || took > 2*time.Second {
			t.Errorf("%d commits of %d tasks in %v; want 2 of 100 in 2s", store.adds, store.tasks, took)
		}
	})
}

// A caller is never kept by those who come after it.
func TestACallerReturnsWhenItsTaskIsAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slow{Store: newStore(t)}
		c := newClient(store, pawl.Config{})
		done := make(chan time.Duration)
		for i := range 100 {
			go func() {
				began := time.Now()
				if _, err := sum.Add(context.Background(), c, point{i, i}); err != nil {
					t.Errorf("Add: %v", err)
				}
				done <- time.Since(began)
			}()
			time.Sleep(400 * time.Millisecond)
			select {
			case took := <-done:
				if took > 2*time.Second {
					t.Errorf("Add took %v; want at most 2s, the commit under way and its own", took)
				}
			default:
			}
		}
		for range 100 {
			select {
			case took := <-done:
				if took > 2*time.Second {
					t.Errorf("Add took %v; want at most 2s", took)
				}
			case <-time.After(10 * time.Second):
				return
			}
		}
	})
}

func TestAHandlerIsNotKeptByTheStepsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(&slow{Store: newStore(t)}, pawl.Config{Workers: 100})
		sum.Handle(c, func(ctx context.Context, task *pawl.Task[point]) (int, error) {
			time.Sleep(time.Duration(task.Input.X) * 400 * time.Millisecond)
			began := time.Now()
			_, err := pawl.Step(ctx, "s", func(context.Context) (int, error) { return 1, nil })
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("Step took %v; want at most 2s", took)
			}
			return 0, err
		})
		ins := make([]point, 100)
		for i := range ins {
			ins[i].X = i
		}
		start(t, c)
		runs, err := sum.AddMany(t.Context(), c, ins)
		must(t, err)
		for _, run := range runs {
			result(t, run)
		}
	})
}

// fragile is a store whose first Save panics.
type fragile struct {
	pawl.Store
	saves int
}

func (f *fragile) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	if f.saves++; f.saves == 1 {
		panic("a fault of the store")
	}
	return f.Store.Save(ctx, now, saves)
}

// The handler whose step it was fails, and may be tried again; the steps of others
// go on.
func TestAStoreThatPanicsKeepsNoStepsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fragile{Store: newStore(t)}
		c := newClient(store, pawl.Config{Workers: 1})
		sum.Handle(c, func(ctx context.Context, task *pawl.Task[point]) (int, error) {
			return pawl.Step(ctx, "s", func(context.Context) (int, error) { return task.Input.X, nil })
		})
		start(t, c)
		runs, err := sum.AddMany(t.Context(), c, []point{{1, 0}, {2, 0}})
		must(t, err)
		for i, run := range runs {
			if got := result(t, run); got != i+1 {
				t.Errorf("result = %d; want %d", got, i+1)
			}
		}
		if store.saves != 3 {
			t.Errorf("%d saves; want 3, the one that panicked again", store.saves)
		}
	})
}

func TestAddReturnsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(&slow{Store: newStore(t)}, pawl.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := sum.Add(ctx, c, point{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 100*time.Millisecond {
			t.Errorf("Add = %v after %v; want context.DeadlineExceeded after 100ms", err, time.Since(began))
		}
		time.Sleep(time.Minute)
		if rows, err := c.List(t.Context(), pawl.Filter{}); err != nil || len(rows) != 1 {
			t.Errorf("List = %d tasks, %v; want the one that was committed all the same", len(rows), err)
		}
	})
}
