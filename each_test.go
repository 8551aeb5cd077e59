package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/storetest"
)

// rowsOf returns the tasks of a run that are of an operation.
func rowsOf(t *testing.T, c *pawl.Client, run pawl.ID, operation string) []*pawl.TaskRow {
	t.Helper()
	rows, err := c.List(t.Context(), pawl.Filter{Run: run, Operation: operation})
	must(t, err)
	return rows
}

// states counts the tasks of a run by their states.
func states(t *testing.T, c *pawl.Client, run pawl.ID) map[pawl.State]int {
	t.Helper()
	rows, err := c.List(t.Context(), pawl.Filter{Run: run})
	must(t, err)
	n := map[pawl.State]int{}
	for _, r := range rows {
		n[r.State]++
	}
	return n
}

func TestEachOfAnyNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		thousand := make([]int, 1000)
		for i := range thousand {
			thousand[i] = i
		}
		for name, in := range map[string][]int{"null": nil, "none": {}, "one": {7}, "equal ones": {3, 3, 3}, "1,000": thousand} {
			want := []int{}
			for _, n := range in {
				want = append(want, 2*n)
			}
			run, err := pawl.Each(double).Add(t.Context(), c, in)
			must(t, err)
			if diff := cmp.Diff(want, result(t, run)); diff != "" {
				t.Errorf("%s: result differs (-want +got):\n%s", name, diff)
			}
			if n := len(rowsOf(t, c, run.ID, "double")); n != len(in) {
				t.Errorf("%s: %d tasks; want %d: equal elements are worked on each", name, n, len(in))
			}
		}
	})
}

func TestEachRefusesMoreThanATransactionTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		run, err := pawl.Each(double).Add(t.Context(), c, make([]int, 100_001))
		must(t, err)
		if last := dead(t, run).LastAttempt(); last.Class != llm.Permanent || last.Message != "input of pawl.each has 100001 elements; at most 100000 are allowed" {
			t.Errorf("dead letter says %s: %s", last.Class, last.Message)
		}
	})
}

// An element starts with the conversation and the data of the list. What it adds to
// them is its own; what follows goes on with those of the list.
func TestEachHandsOnConversationAndData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := newClient(newStore(t), pawl.Config{})
		ask := pawl.Operation[string, string]{Name: "ask"}
		split.Handle(c, func(ctx context.Context, t *pawl.Task[string]) ([]string, error) {
			if _, err := t.Ask(ctx, m, "Split."); err != nil {
				return nil, err
			}
			return []string{"a", "b"}, t.SetData("by", "split")
		})
		ask.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			talk, err := t.Conversation(ctx)
			if err != nil {
				return "", err
			}
			if _, err = t.Ask(ctx, m, "Explain "+t.Input); err != nil {
				return "", err
			}
			return fmt.Sprintf("%s %s %q", t.Input, t.Data()["by"], texts(talk)), t.SetData("by", t.Input)
		})
		count.Handle(c, func(ctx context.Context, t *pawl.Task[[]string]) (int, error) {
			talk, err := t.Conversation(ctx)
			if want := []string{"user: Split.", "assistant: answer 1"}; !cmp.Equal(texts(talk), want) || string(t.Data()["by"]) != `"split"` {
				return 0, pawl.Permanent(fmt.Errorf("%q, %s; want what the list came with", texts(talk), t.Data()))
			}
			heard := `"split" ["user: Split." "assistant: answer 1"]`
			if want := []string{"a " + heard, "b " + heard}; !cmp.Equal(t.Input, want) {
				return 0, pawl.Permanent(fmt.Errorf("elements said %q; want %q", t.Input, want))
			}
			return len(t.Input), err
		})
		start(t, c)
		run, err := pawl.Then(pawl.Then(split, pawl.Each(ask)), count).Add(t.Context(), c, "x")
		must(t, err)
		if got := result(t, run); got != 2 {
			t.Errorf("Wait = %d; want 2", got)
		}
	})
}

// What a run is done for, and until when, holds for all its elements; where they wait
// is what their operation says.
func TestElementsAreTasksOfTheirOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := pawl.Operation[int, int]{Name: "own", Queue: "q", Limit: "l", Priority: pawl.High, Attempts: 7, Tokens: 11}
		c := newClient(newStore(t), pawl.Config{})
		own.Handle(c, func(_ context.Context, t *pawl.Task[int]) (int, error) { return t.Input, nil })
		start(t, c)
		deadline := time.Now().Add(time.Hour)
		run, err := pawl.Each(own).Add(t.Context(), c, []int{5}, pawl.User("ann"), pawl.Deadline(deadline))
		must(t, err)
		result(t, run)
		r := rowsOf(t, c, run.ID, "own")[0]
		if r.Queue != "q" || r.Limit != "l" || r.Priority != pawl.High || r.MaxAttempts != 7 || r.Size.Output != 11 {
			t.Errorf("element = %+v; want what its operation says", r)
		}
		if r.User != "ann" || !r.Deadline.Equal(deadline) || r.Run != run.ID || r.Parent() != run.ID {
			t.Errorf("element = %+v; want the user, deadline and run of the list", r)
		}
		if list := row(t, c, run.ID); list.Queue != "q" || list.Limit != pawl.NoLimit || list.Priority != pawl.High || list.Used != 1 {
			t.Errorf("list = %+v; want the queue and priority of its elements, no limit, one attempt used", list)
		}
	})
}

// A run with an element that failed has failed at once, though others go on, and keeps
// all that these give.
func TestAFailedElementStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		var runs atomic.Int64
		double.Handle(c, func(_ context.Context, t *pawl.Task[int]) (int, error) {
			runs.Add(1)
			if t.Input == 0 && runs.Load() <= 5 {
				return 0, pawl.Permanent(errors.New("no zero"))
			}
			time.Sleep(time.Duration(t.Input) * time.Minute)
			return 2 * t.Input, nil
		})
		start(t, c)
		began := time.Now()
		run, err := pawl.Each(double).Add(t.Context(), c, []int{4, 3, 0, 2, 1})
		must(t, err)
		d := dead(t, run)
		if took := time.Since(began); !about(took, 0) || string(d.Input) != "0" {
			t.Errorf("the run failed after %v by element %s; want at once, by 0", took, d.Input)
		}
		time.Sleep(5 * time.Minute)
		if got := states(t, c, run.ID); got[pawl.Succeeded] != 4 || got[pawl.Dead] != 1 || got[pawl.Blocked] != 1 {
			t.Errorf("tasks: %v; want 4 that succeeded, the dead one, and the list that waits", got)
		}
		_, err = c.Retry(t.Context(), pawl.Filter{IDs: []pawl.ID{d.ID}})
		must(t, err)
		if got := result(t, run); !cmp.Equal(got, []int{8, 6, 0, 4, 2}) || runs.Load() != 6 {
			t.Errorf("Wait = %v after %d runs of the handler; want all after 6", got, runs.Load())
		}
	})
}

// An element that failed keeps its place, so that a list that cannot be completed does
// not go on for long; one that is tried for makes room.
func TestAFailedElementKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		in := []int{-1, -2, 1, 2, 3}
		run, err := pawl.Each(double, pawl.AtOnce(2)).Add(t.Context(), c, in)
		must(t, err)
		d := dead(t, run)
		idle()
		if got := states(t, c, run.ID); got[pawl.Dead] != 2 || got[pawl.Blocked] != 4 {
			t.Errorf("tasks: %v; want 2 dead, and the list and 3 elements blocked", got)
		}
		must(t, c.RetryWith(t.Context(), d.ID, 9))
		idle()
		if got := states(t, c, run.ID); got[pawl.Dead] != 1 || got[pawl.Succeeded] != 4 {
			t.Errorf("tasks: %v; want one dead, and all others to have succeeded", got)
		}
		tried, err := pawl.Each(pawl.Try(double), pawl.AtOnce(2)).Add(t.Context(), c, in)
		must(t, err)
		if got := result(t, tried); len(got) != 5 || got[0].Failure == nil || got[1].Failure == nil || got[4].Value != 6 {
			t.Errorf("Wait = %+v; want two failures and three numbers", got)
		}
	})
}

// What has not started when a list is given up never does.
func TestAListThatIsGivenUpStartsNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		run, err := pawl.Try(pawl.Each(double, pawl.AtOnce(1))).Add(t.Context(), c, []int{1, -2, 3, 4})
		must(t, err)
		if got := result(t, run); got.Failure == nil || got.Failure.Class != pawl.Broken {
			t.Errorf("Wait = %+v; want a broken list", got)
		}
		if got := states(t, c, run.ID); got[pawl.Cancelled] != 2 || got[pawl.Dead] != 2 || got[pawl.Succeeded] != 2 {
			t.Errorf("tasks: %v; want 2 cancelled, the element and the list dead", got)
		}
	})
}

func TestCancelEndsARunWithAllBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Workers: 3})
		double.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		start(t, c)
		run, err := pawl.Then(pawl.Each(pawl.Try(pawl.Each(double, pawl.AtOnce(2)))), pawl.Operation[[]pawl.Result[[]int], int]{Name: "never"}).
			Add(t.Context(), c, [][]int{{1, 2, 3}, {4, 5, 6}})
		must(t, err)
		idle()
		_, err = c.Cancel(t.Context(), pawl.Filter{IDs: []pawl.ID{run.ID}})
		must(t, err)
		if _, err := run.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) {
			t.Errorf("Wait = %v; want ErrCancelled", err)
		}
		idle()
		if got := states(t, c, run.ID); len(got) != 1 || got[pawl.Cancelled] != 9 {
			t.Errorf("tasks: %v; want 9, all cancelled", got)
		}
	})
}

// A cancelled element is a failed one: the run has failed there, and goes on from there.
func TestACancelledElementIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		double.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			if t.Input == 2 && t.Attempt == 1 {
				<-ctx.Done()
			}
			return 2 * t.Input, ctx.Err()
		})
		start(t, c)
		run, err := pawl.Each(double).Add(t.Context(), c, []int{1, 2})
		must(t, err)
		idle()
		ids, err := c.Cancel(t.Context(), pawl.Filter{Run: run.ID, Operation: "double"})
		must(t, err)
		if _, err := run.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) || len(ids) != 1 {
			t.Errorf("Wait = %v after %d were cancelled; want ErrCancelled, 1", err, len(ids))
		}
		_, err = c.Retry(t.Context(), pawl.Filter{IDs: ids})
		must(t, err)
		if got := result(t, run); !cmp.Equal(got, []int{2, 4}) {
			t.Errorf("Wait = %v; want 2, 4", got)
		}
	})
}

func TestADeadlineEndsAListAndItsElements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		double.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			if t.Input == 1 {
				return 2, nil
			}
			<-ctx.Done()
			return 0, ctx.Err()
		})
		start(t, c)
		began := time.Now()
		run, err := pawl.Each(double, pawl.AtOnce(2)).Add(t.Context(), c, []int{1, 2, 3, 4}, pawl.Deadline(began.Add(time.Minute)))
		must(t, err)
		if d := dead(t, run); d.LastAttempt().Class != pawl.Expired || !about(time.Since(began), time.Minute) {
			t.Errorf("%s: %+v after %v; want expired after a minute", d.Operation, d.LastAttempt(), time.Since(began))
		}
		idle()
		if got := states(t, c, run.ID); got[pawl.Succeeded] != 1 || got[pawl.Dead] != 4 {
			t.Errorf("tasks: %v; want one that succeeded, and the list and 3 elements dead", got)
		}
	})
}

func TestAFallbackGoesOnWithAnElement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		abs := pawl.Operation[int, int]{Name: "abs", Limit: pawl.NoLimit}
		abs.Handle(c, func(_ context.Context, t *pawl.Task[int]) (int, error) { return -2 * t.Input, nil })
		start(t, c)
		run, err := pawl.Each(pawl.WithFallback(double, abs), pawl.AtOnce(2)).Add(t.Context(), c, []int{1, -2, 3, -4})
		must(t, err)
		if got := result(t, run); !cmp.Equal(got, []int{2, 4, 6, 8}) {
			t.Errorf("Wait = %v; want 2, 4, 6, 8", got)
		}
		if n := len(rowsOf(t, c, run.ID, "abs")); n != 2 {
			t.Errorf("%d elements fell back; want 2", n)
		}
	})
}

// outage is a store of which no task can be read while it is down.
type outage struct {
	pawl.Store
	down atomic.Bool
}

func (o *outage) List(ctx context.Context, now time.Time, f pawl.Filter) ([]*pawl.TaskRow, error) {
	if o.down.Load() {
		return nil, storetest.ErrFlaky
	}
	return o.Store.List(ctx, now, f)
}

// The queue's own reads are no part of a task: when the store does not answer them, no
// attempt is used.
func TestAnOutageUsesNoAttemptOfAList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &outage{Store: newStore(t)}
		c := newClient(store, pawl.Config{})
		double.Handle(c, func(_ context.Context, t *pawl.Task[int]) (int, error) {
			store.down.Store(true)
			return 2 * t.Input, nil
		})
		start(t, c)
		run, err := pawl.Each(double).Add(t.Context(), c, []int{1})
		must(t, err)
		time.Sleep(20 * time.Second)
		store.down.Store(false)
		if got := result(t, run); !cmp.Equal(got, []int{2}) {
			t.Errorf("Wait = %v; want 2", got)
		}
		if r := row(t, c, run.ID); r.Used != 1 || len(r.Attempts) != 2 {
			t.Errorf("%d attempts used, %+v; want one, after the one that waited", r.Used, r.Attempts)
		}
	})
}

// A list that is retried with another one takes none of the old elements' results.
func TestARetriedListTakesNewElements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		run, err := pawl.Try(pawl.Each(double)).Add(t.Context(), c, []int{1, -2})
		must(t, err)
		result(t, run)
		list := rowsOf(t, c, run.ID, "pawl.each")[0]
		must(t, c.RetryWith(t.Context(), list.ID, []int{5, 6, 7}))
		idle()
		if got := row(t, c, list.ID); got.State != pawl.Succeeded || string(got.Output) != "[10,12,14]" {
			t.Errorf("list is %s with %s; want it to have succeeded with [10,12,14]", got.State, got.Output)
		}
	})
}
