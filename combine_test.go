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
)

var (
	fields = pawl.Operation[string, []int]{Name: "fields", Limit: pawl.NoLimit}
	double = pawl.Operation[int, int]{Name: "double", Limit: pawl.NoLimit}
	words  = pawl.Operation[int, string]{Name: "words", Limit: pawl.NoLimit}
	total  = pawl.Operation[[]int, int]{Name: "total", Limit: pawl.NoLimit}
)

// combined returns a client that handles them; double fails for good on numbers
// below 0.
func combined(t *testing.T, config pawl.Config) *pawl.Client {
	c := newClient(newStore(t), config)
	fields.Handle(c, func(_ context.Context, t *pawl.Task[string]) (out []int, err error) {
		for _, r := range t.Input {
			out = append(out, int(r-'0'))
		}
		return out, nil
	})
	double.Handle(c, func(_ context.Context, t *pawl.Task[int]) (int, error) {
		if t.Input < 0 {
			return 0, pawl.Permanent(fmt.Errorf("no %d", t.Input))
		}
		return 2 * t.Input, nil
	})
	words.Handle(c, func(_ context.Context, t *pawl.Task[int]) (string, error) { return fmt.Sprint("n", t.Input), nil })
	total.Handle(c, func(_ context.Context, t *pawl.Task[[]int]) (sum int, err error) {
		for _, n := range t.Input {
			sum += n
		}
		return sum, nil
	})
	return c
}

func TestEachGivesTheOutputsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		run, err := pawl.Then(fields, pawl.Each(pawl.Then(double, words))).Add(t.Context(), c, "31245")
		must(t, err)
		if diff := cmp.Diff([]string{"n6", "n2", "n4", "n8", "n10"}, result(t, run)); diff != "" {
			t.Errorf("result differs (-want +got):\n%s", diff)
		}
	})
}

func TestFlowsNest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type both struct {
			Sum   int      `json:"sum"`
			Words []string `json:"w"`
		}
		c := combined(t, pawl.Config{})
		start(t, c)
		flow := pawl.Each(pawl.All(
			pawl.Into(func(b *both) *int { return &b.Sum }, pawl.Then(pawl.Each(double), total)),
			pawl.Into(func(b *both) *[]string { return &b.Words }, pawl.Each(words, pawl.AtOnce(1))),
		))
		run, err := flow.Add(t.Context(), c, [][]int{{1, 2}, {}, {5}})
		must(t, err)
		want := []both{{6, []string{"n1", "n2"}}, {0, []string{}}, {10, []string{"n5"}}}
		if diff := cmp.Diff(want, result(t, run)); diff != "" {
			t.Errorf("result differs (-want +got):\n%s", diff)
		}
	})
}

func TestAFailedElementIsRetriedAndTheRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		run, err := pawl.Then(pawl.Each(double), total).Add(t.Context(), c, []int{1, -2, 3})
		must(t, err)
		d := dead(t, run)
		if d.Operation != "double" {
			t.Errorf("dead letter is of %s; want double", d.Operation)
		}
		must(t, c.RetryWith(t.Context(), d.ID, 2))
		if got := result(t, run); got != 12 {
			t.Errorf("Wait = %d; want 12", got)
		}
	})
}

func TestTriedElementsFailBesideTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		run, err := pawl.Each(pawl.Try(pawl.Then(pawl.Each(double), total))).Add(t.Context(), c, [][]int{{1}, {2, -2}, {3}})
		must(t, err)
		got := result(t, run)
		if len(got) != 3 || got[0].Value != 2 || got[2].Value != 6 || got[1].Failure == nil || got[1].Failure.Class != pawl.Broken {
			t.Errorf("Wait = %+v; want 2, a failure, 6", got)
		}
	})
}

func TestAtOnceBoundsTheElements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		var now, most atomic.Int64
		double.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			defer now.Add(-1)
			time.Sleep(time.Second)
			return 2 * t.Input, nil
		})
		start(t, c)
		run, err := pawl.Each(double, pawl.AtOnce(3)).Add(t.Context(), c, make([]int, 10))
		must(t, err)
		result(t, run)
		if most.Load() != 3 {
			t.Errorf("%d elements at once; want 3", most.Load())
		}
	})
}

func TestChooseGoesTheWayThatIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		size := pawl.Operation[int, string]{Name: "size", Limit: pawl.NoLimit}
		size.Handle(c, func(_ context.Context, t *pawl.Task[int]) (string, error) {
			if t.Input > 9 {
				return "large", nil
			}
			return fmt.Sprint(t.Input), nil
		})
		start(t, c)
		flow := pawl.Then(pawl.Choose(size, pawl.When("large", double), pawl.When("1", pawl.Then(double, double))), words)
		for in, want := range map[int]string{10: "n20", 1: "n4"} {
			run, err := flow.Add(t.Context(), c, in)
			must(t, err)
			if got := result(t, run); got != want {
				t.Errorf("%d: Wait = %s; want %s", in, got, want)
			}
		}
		run, err := flow.Add(t.Context(), c, 2)
		must(t, err)
		if d := dead(t, run); d.LastAttempt().Message != `choice of size is "2"; want one of "large" or "1"` {
			t.Errorf("dead letter says %q", d.LastAttempt().Message)
		}
	})
}

func TestAFallbackGoesOnWithTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		abs := pawl.Operation[int, int]{Name: "abs", Queue: "other", Limit: pawl.NoLimit}
		abs.Handle(c, func(_ context.Context, t *pawl.Task[int]) (int, error) { return -2 * t.Input, nil })
		start(t, c)
		run, err := pawl.WithFallback(double, abs, "permanent").Add(t.Context(), c, -3)
		must(t, err)
		if got := result(t, run); got != 6 {
			t.Errorf("Wait = %d; want 6", got)
		}
		r := row(t, c, run.ID)
		if r.Operation != "abs" || r.Queue != "other" || r.Attempts[0].As != "double" || len(r.Attempts) != 2 {
			t.Errorf("task = %+v; want abs after an attempt as double", r)
		}
	})
}

func TestASignalWakesWhatAwaitsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		runs := 0
		double.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			runs++
			by, err := pawl.Await[int](ctx, "by")
			if err != nil {
				return 0, err
			}
			if _, err = pawl.Await[int](ctx, "never", pawl.Within(time.Hour)); !errors.Is(err, pawl.ErrNoSignal) {
				return 0, err
			}
			return by * t.Input, nil
		})
		start(t, c)
		run := add(t, c, double, 4)
		idle()
		if r := row(t, c, run.ID); r.State != pawl.Blocked {
			t.Fatalf("the task is %s; want blocked", r.State)
		}
		must(t, run.Signal(t.Context(), "by", 5))
		if got := result(t, run); got != 20 || runs != 3 {
			t.Errorf("Wait = %d after %d runs; want 20 after 3", got, runs)
		}
	})
}

func TestAHandlerThatWaitsLongHoldsNoWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent := pawl.Operation[int, int]{Name: "parent", Limit: pawl.NoLimit, Timeout: time.Minute}
		child := pawl.Operation[int, int]{Name: "child", Limit: pawl.NoLimit, Timeout: -1}
		c := newClient(newStore(t), pawl.Config{})
		var children atomic.Int64
		child.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			children.Add(1)
			time.Sleep(time.Duration(t.Input) * time.Hour)
			return t.Input, nil
		})
		parent.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			runs, err := child.AddMany(ctx, c, []int{1, 2, 3})
			if err != nil {
				return 0, err
			}
			sum := 0
			outs, err := pawl.WaitAll(ctx, runs)
			for _, n := range outs {
				sum += n
			}
			return sum, err
		})
		start(t, c)
		run := add(t, c, parent, 1)
		time.Sleep(time.Hour / 2)
		if r := row(t, c, run.ID); r.State != pawl.Blocked || r.Links.Wait.Branches != 3 {
			t.Errorf("the parent is %s, %+v; want blocked by 3", r.State, r.Links)
		}
		if got := result(t, run); got != 6 || children.Load() != 3 {
			t.Errorf("Wait = %d after %d children; want 6 after 3", got, children.Load())
		}
	})
}
