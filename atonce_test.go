package pawl_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
)

// crowd is a handler that doubles after a minute, and knows how many of it ran at once.
type crowd struct {
	fails func(in, attempt int) bool

	mu        sync.Mutex
	now, most int
	runs      map[int]int // by input
}

func (w *crowd) do(ctx context.Context, t *pawl.Task[int]) (int, error) {
	w.enter(t.Input)
	defer w.leave()
	select {
	case <-time.After(time.Minute):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if w.fails != nil && w.fails(t.Input, t.Attempt) {
		return 0, pawl.Permanent(errors.New("not this one"))
	}
	return 2 * t.Input, nil
}

func (w *crowd) enter(in int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.runs == nil {
		w.runs = map[int]int{}
	}
	w.runs[in]++
	w.now++
	w.most = max(w.most, w.now)
}

func (w *crowd) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now--
}

// were checks how many ran at once, and how often each.
func (w *crowd) were(t *testing.T, most int, runs map[int]int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(runs, w.runs); w.most != most || diff != "" {
		t.Errorf("%d elements ran at once; want %d. How often each ran (-want +got):\n%s", w.most, most, diff)
	}
}

// bounded returns a client that has a handler for double.
func bounded(t *testing.T, w *crowd) *pawl.Client {
	c := one(t, double, w.do)
	start(t, c)
	return c
}

// An element that is cancelled in line and retried is in line again.
func TestAnElementThatIsRetriedWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &crowd{}
		c := bounded(t, w)
		run, err := pawl.Each(double, pawl.AtOnce(2)).Add(t.Context(), c, []int{0, 1, 2, 3, 4})
		must(t, err)
		idle()
		last := pawl.Filter{IDs: []pawl.ID{elementOf(t, c, run.ID, "3"), elementOf(t, c, run.ID, "4")}}
		for _, do := range []func(context.Context, pawl.Filter) ([]pawl.ID, error){c.Cancel, c.Retry} {
			if ids, err := do(t.Context(), last); err != nil || len(ids) != 2 {
				t.Fatalf("%v, %v; want both", ids, err)
			}
		}
		if got := result(t, run); !cmp.Equal(got, []int{0, 2, 4, 6, 8}) {
			t.Errorf("Wait = %v", got)
		}
		w.were(t, 2, map[int]int{0: 1, 1: 1, 2: 1, 3: 1, 4: 1})
	})
}

// elementOf returns the element of a list of doubles that has an input.
func elementOf(t *testing.T, c *pawl.Client, run pawl.ID, input string) pawl.ID {
	t.Helper()
	for _, r := range rowsOf(t, c, run, "double") {
		if string(r.Input) == input {
			return r.ID
		}
	}
	t.Fatalf("run %s has no element %s", run, input)
	return pawl.ID{}
}

// A run that is cancelled and retried goes on as it had begun: no more at once.
func TestARunThatIsRetriedKeepsItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &crowd{}
		c := bounded(t, w)
		run, err := pawl.Each(pawl.Try(double), pawl.AtOnce(2)).Add(t.Context(), c, []int{0, 1, 2, 3, 4, 5})
		must(t, err)
		time.Sleep(90 * time.Second)
		whole := pawl.Filter{Run: run.ID}
		_, err = c.Cancel(t.Context(), whole)
		must(t, err)
		idle()
		_, err = c.Retry(t.Context(), whole)
		must(t, err)
		for i, got := range result(t, run) {
			if got.Failure != nil || got.Value != 2*i {
				t.Errorf("element %d is %+v; want %d", i, got, 2*i)
			}
		}
		w.were(t, 2, map[int]int{0: 1, 1: 1, 2: 2, 3: 2, 4: 1, 5: 1})
	})
}

// Where failures are values they make room; one that is retried waits for room, and its
// list for it.
func TestAFailedElementThatIsRetriedWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &crowd{fails: func(in, attempt int) bool { return in < 3 && attempt == 1 }}
		c := bounded(t, w)
		run, err := pawl.Each(pawl.Try(double), pawl.AtOnce(1)).Add(t.Context(), c, []int{0, 1, 2, 3, 4})
		must(t, err)
		time.Sleep(210 * time.Second)
		ids, err := c.Retry(t.Context(), pawl.Filter{Run: run.ID})
		if err != nil || len(ids) != 3 {
			t.Fatalf("Retry = %v, %v; want the three that failed", ids, err)
		}
		for i, got := range result(t, run) {
			if got.Failure != nil || got.Value != 2*i {
				t.Errorf("element %d is %+v; want %d", i, got, 2*i)
			}
		}
		w.were(t, 1, map[int]int{0: 2, 1: 2, 2: 2, 3: 1, 4: 1})
	})
}

// A list that was given up goes on where it was, whichever of its tasks is retried.
func TestAListThatWasGivenUpKeepsItsBound(t *testing.T) {
	for name, retry := range map[string]func(context.Context, *pawl.Client, *pawl.Run[pawl.Result[[]int]], pawl.ID) error{
		"the run": func(ctx context.Context, c *pawl.Client, run *pawl.Run[pawl.Result[[]int]], _ pawl.ID) error {
			_, err := c.Retry(ctx, pawl.Filter{Run: run.ID})
			return err
		},
		"the element": func(ctx context.Context, c *pawl.Client, _ *pawl.Run[pawl.Result[[]int]], element pawl.ID) error {
			_, err := c.Retry(ctx, pawl.Filter{IDs: []pawl.ID{element}})
			return err
		},
		"the element with another input": func(ctx context.Context, c *pawl.Client, _ *pawl.Run[pawl.Result[[]int]], element pawl.ID) error {
			return c.RetryWith(ctx, element, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &crowd{fails: func(in, attempt int) bool { return in == 1 && attempt == 1 }}
				c := bounded(t, w)
				run, err := pawl.Try(pawl.Each(double, pawl.AtOnce(1))).Add(t.Context(), c, []int{0, 1, 2, 3, 4})
				must(t, err)
				if got := result(t, run); got.Failure == nil || got.Failure.Class != pawl.Broken {
					t.Fatalf("Wait = %+v; want a broken list", got)
				}
				list := rowsOf(t, c, run.ID, "pawl.each")[0]
				must(t, retry(t.Context(), c, run, elementOf(t, c, run.ID, "1")))
				time.Sleep(time.Hour)
				if got := row(t, c, list.ID); got.State != pawl.Succeeded || string(got.Output) != "[0,2,4,6,8]" {
					t.Errorf("the list is %s with %s after %s; want all five", got.State, got.Output, got.LastAttempt().Message)
				}
				w.were(t, 1, map[int]int{0: 1, 1: 2, 2: 1, 3: 1, 4: 1})
			})
		})
	}
}
