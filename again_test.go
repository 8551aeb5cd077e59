package pawl_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
)

// A line whose beginning was removed and is added again leads to what is left of it:
// whoever waits for the line learns how that stands, and does not wait for ever.
func TestALineThatIsAddedAgainLeadsToWhatIsLeftOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Patience: time.Second})
		first := pawl.Operation[int, int]{Name: "first", Limit: pawl.NoLimit}
		second := pawl.Operation[int, int]{Name: "second", Limit: pawl.NoLimit}
		parent := pawl.Operation[string, int]{Name: "parent", Limit: pawl.NoLimit}
		first.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			time.Sleep(time.Minute)
			return t.Input, ctx.Err()
		})
		second.Handle(c, func(context.Context, *pawl.Task[int]) (int, error) {
			return 0, pawl.Permanent(errors.New("no"))
		})
		parent.Handle(c, func(ctx context.Context, _ *pawl.Task[string]) (int, error) {
			run, err := pawl.Then(first, second).Add(ctx, c, 1)
			if err != nil {
				return 0, err
			}
			return run.Wait(ctx)
		})
		start(t, c)
		run := add(t, c, parent, "one")
		dead(t, run)
		begun := rowsOf(t, c, run.ID, "first")
		if ids, err := c.Delete(t.Context(), pawl.Filter{IDs: []pawl.ID{begun[0].ID}}); err != nil || len(ids) != 1 {
			t.Fatalf("Delete = %v, %v; want the one", ids, err)
		}
		must(t, c.RetryWith(t.Context(), run.ID, "two"))
		time.Sleep(time.Hour)
		if r := row(t, c, run.ID); r.State != pawl.Dead || r.LastAttempt().Class != pawl.Broken {
			t.Errorf("the task is %s after %+v; want it dead of what is left of the line", r.State, r.LastAttempt())
		}
	})
}

// brokenList returns the list of a run of Try(Each(double)), which an element has broken,
// while its first one is under way for a minute.
func brokenList(t *testing.T, c *pawl.Client, in []int) (run *pawl.Run[pawl.Result[[]int]], list pawl.ID) {
	t.Helper()
	run, err := pawl.Try(pawl.Each(double, pawl.AtOnce(2))).Add(t.Context(), c, in)
	must(t, err)
	if got := result(t, run); got.Failure == nil || got.Failure.Class != pawl.Broken {
		t.Fatalf("Wait = %+v; want a broken list", got)
	}
	return run, rowsOf(t, c, run.ID, "pawl.each")[0].ID
}

// longAndShort doubles: 1 in a minute, what is negative not at all before it is retried.
func longAndShort(ctx context.Context, t *pawl.Task[int]) (int, error) {
	if t.Input < 0 && t.Attempt == 1 {
		return 0, pawl.Permanent(errors.New("negative"))
	}
	if t.Input == 1 {
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 2 * t.Input, nil
}

// What a list had under way for another input is of no use to it.
func TestAListThatBeginsAnewStopsWhatItHadUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, double, longAndShort)
		start(t, c)
		run, list := brokenList(t, c, []int{1, -2, 3})
		must(t, c.RetryWith(t.Context(), list, []int{5, 6, 7}))
		idle()
		if got := row(t, c, list); got.State != pawl.Succeeded || string(got.Output) != "[10,12,14]" {
			t.Errorf("the list is %s with %s; want it to have succeeded with [10,12,14]", got.State, got.Output)
		}
		if r := row(t, c, elementOf(t, c, run.ID, "1")); r.State != pawl.Cancelled {
			t.Errorf("the old element is %s; want it cancelled", r.State)
		}
	})
}

// A list that is retried with the input that it has goes on where it was.
func TestAListThatIsRetriedWithItsOwnInputGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, double, longAndShort)
		start(t, c)
		run, list := brokenList(t, c, []int{1, -2, 3})
		must(t, c.RetryWith(t.Context(), list, []int{1, -2, 3}))
		time.Sleep(2 * time.Hour)
		if got := row(t, c, list); got.State != pawl.Succeeded || string(got.Output) != "[2,-4,6]" {
			t.Errorf("the list is %s with %s; want it to have succeeded with [2,-4,6]", got.State, got.Output)
		}
		if r := row(t, c, elementOf(t, c, run.ID, "1")); r.Attempt != 1 {
			t.Errorf("the element that was under way was begun %d times; want once", r.Attempt)
		}
	})
}

// Failures for an old input are not the run's, and neither their removal nor their retry
// is anything to what goes on.
func TestARunThatBeginsAnewHasNotFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, double, longAndShort)
		start(t, c)
		run, err := pawl.Each(double, pawl.AtOnce(2)).Add(t.Context(), c, []int{-2, 1})
		must(t, err)
		failed := dead(t, run)
		if err := c.RetryWith(t.Context(), run.ID, []int{1, 3}); !errors.Is(err, pawl.ErrNotFound) || !strings.Contains(err.Error(), "it waits for "+failed.ID.String()+", which is dead") {
			t.Errorf("RetryWith = %v; want which task is to be retried", err)
		}
		_, err = c.Cancel(t.Context(), pawl.Filter{Run: run.ID})
		must(t, err)
		idle()
		must(t, c.RetryWith(t.Context(), run.ID, []int{1, 3}))
		idle()
		tree, err := c.Tree(t.Context(), run.ID)
		if err != nil || tree.State != pawl.Running {
			t.Errorf("the run is %+v, %v; want it to run", tree.Overview, err)
		}
		if ids, err := c.Delete(t.Context(), pawl.Filter{IDs: []pawl.ID{failed.ID}}); err != nil || len(ids) > 0 {
			t.Errorf("Delete = %v, %v; want nothing: the run goes on", ids, err)
		}
		if _, err := c.Retry(t.Context(), pawl.Filter{IDs: []pawl.ID{failed.ID}}); err != nil {
			t.Errorf("Retry = %v", err)
		}
		if got := result(t, run); !cmp.Equal(got, []int{2, 6}) {
			t.Errorf("Wait = %v; want 2, 6", got)
		}
		if err := c.RetryWith(t.Context(), run.ID, []int{1}); !errors.Is(err, pawl.ErrNotFound) || !strings.Contains(err.Error(), "it is succeeded; want a dead or cancelled task") {
			t.Errorf("RetryWith = %v; want that it has succeeded", err)
		}
	})
}

// What a list had for an old input is nothing to it, also when it is retried: nobody pays
// for that, and nothing of it waits for a turn that never comes.
func TestWhatWasForAnOldInputIsNotRetriedWithTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &crowd{fails: func(in, _ int) bool { return in == 1 }}
		c := bounded(t, w)
		run, err := pawl.Each(double, pawl.AtOnce(1)).Add(t.Context(), c, []int{1, 2, 3})
		must(t, err)
		dead(t, run)
		whole := pawl.Filter{Run: run.ID}
		cancel := func() {
			_, err := c.Cancel(t.Context(), whole)
			must(t, err)
			idle()
		}
		cancel()
		must(t, c.RetryWith(t.Context(), run.ID, []int{5, 6}))
		idle()
		cancel()
		if err := c.RetryWith(t.Context(), elementOf(t, c, run.ID, "2"), 4); !errors.Is(err, pawl.ErrNotFound) || !strings.Contains(err.Error(), "an input that a task above it has no longer") {
			t.Errorf("RetryWith of an old element = %v; want why nobody waits for it", err)
		}
		_, err = c.Retry(t.Context(), whole)
		must(t, err)
		time.Sleep(time.Hour)
		for input, want := range map[string]pawl.State{"1": pawl.Dead, "2": pawl.Cancelled, "3": pawl.Cancelled, "5": pawl.Succeeded, "6": pawl.Succeeded} {
			if r := row(t, c, elementOf(t, c, run.ID, input)); r.State != want {
				t.Errorf("element %s is %s; want %s", input, r.State, want)
			}
		}
		w.were(t, 1, map[int]int{1: 1, 5: 2, 6: 1})
	})
}
