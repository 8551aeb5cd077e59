package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
)

// What runs do after something that comes seldom: a fork of a fork, a retry with
// another input, a part that was removed. Each of these went wrong once.

var (
	tenfold = pawl.Operation[int, int]{Name: "tenfold", Limit: pawl.NoLimit}
	above   = pawl.Operation[int, int]{Name: "above", Limit: pawl.NoLimit, Timeout: 20 * time.Second}
	plusOne = pawl.Operation[int, int]{Name: "plus one", Limit: pawl.NoLimit}
)

// going returns a client that handles them: above adds tenfold and waits for it.
// tenfold takes as long as it is told, and plusOne fails for good on 1.
func going(t *testing.T, takes time.Duration) *pawl.Client {
	c := newClient(newStore(t), pawl.Config{})
	tenfold.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
		timer := time.NewTimer(takes)
		defer timer.Stop()
		select {
		case <-timer.C:
			return 10 * t.Input, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
	above.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
		run, err := tenfold.Add(ctx, c, t.Input)
		if err != nil {
			return 0, err
		}
		return run.Wait(ctx)
	})
	plusOne.Handle(c, func(_ context.Context, t *pawl.Task[int]) (int, error) {
		if t.Input == 1 {
			return 0, pawl.Permanent(errors.New("not one"))
		}
		return t.Input + 1, nil
	})
	return c
}

func TestAHandlerParksBeforeItsTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := going(t, 5*time.Minute)
		start(t, c)
		run := add(t, c, above, 1)
		if got := result(t, run); got != 10 {
			t.Errorf("Wait = %d; want 10", got)
		}
		if used := row(t, c, run.ID).Used; used != 1 {
			t.Errorf("%d attempts were used; want 1: a timeout shorter than the patience is no failure", used)
		}
	})
}

func TestAForkOfAForkGoesOnWithItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := going(t, 0)
		start(t, c)
		run, err := pawl.Then(above, plusOne).Add(t.Context(), c, 2)
		must(t, err)
		result(t, run)
		forks, err := run.Fork(t.Context(), "plus one")
		must(t, err)
		result(t, forks[0])
		if _, err := c.Delete(t.Context(), pawl.Filter{Run: run.ID}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int{71}, forked(t, forks[0], "tenfold", pawl.Variant{"input": json.RawMessage("7")})); diff != "" {
			t.Errorf("a fork of the fork differs (-want +got):\n%s", diff)
		}
	})
}

func TestAnotherInputTakesNoResultsOfTheOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type both struct{ Tenfold, More int }
		c := going(t, 0)
		start(t, c)
		run, err := pawl.All(
			pawl.Into(func(b *both) *int { return &b.Tenfold }, tenfold),
			pawl.Into(func(b *both) *int { return &b.More }, plusOne),
		).Add(t.Context(), c, 1)
		must(t, err)
		dead(t, run)
		if _, err := c.Cancel(t.Context(), pawl.Filter{IDs: []pawl.ID{run.ID}}); err != nil {
			t.Fatal(err)
		}
		must(t, c.RetryWith(t.Context(), run.ID, 2))
		if got := result(t, run); got != (both{20, 3}) {
			t.Errorf("Wait = %v; want {20 3}", got)
		}
	})
}

// What failed with the old input fails nobody who waits for what comes of the new one:
// neither while that is worked on, nor while the run waits for something that comes later.
func TestAnotherInputIsNotFailedByTheOld(t *testing.T) {
	type both struct{ Tenfold, More int }
	for name, flow := range map[string]pawl.Flow[int, both]{
		"under way": pawl.All(
			pawl.Into(func(b *both) *int { return &b.Tenfold }, tenfold),
			pawl.Into(func(b *both) *int { return &b.More }, plusOne),
		),
		"later": pawl.Then(pawl.All(pawl.Into(func(b *both) *int { return &b.More }, plusOne)), pawl.Operation[both, both]{Name: "later", Limit: pawl.NoLimit}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := going(t, 10*time.Minute)
				pawl.Operation[both, both]{Name: "later"}.Handle(c, func(ctx context.Context, t *pawl.Task[both]) (both, error) {
					more, err := pawl.Await[int](ctx, "tenfold", pawl.Within(10*time.Minute))
					if errors.Is(err, pawl.ErrNoSignal) {
						more, err = 20, nil
					}
					return both{more, t.Input.More}, err
				})
				start(t, c)
				run, err := flow.Add(t.Context(), c, 1)
				must(t, err)
				dead(t, run)
				_, err = c.Cancel(t.Context(), pawl.Filter{IDs: []pawl.ID{run.ID}})
				must(t, err)
				must(t, c.RetryWith(t.Context(), run.ID, 2))
				time.Sleep(time.Minute)
				if got := tree(t, c, run.ID); got.State.Ended() || !got.Failed.IsZero() {
					t.Errorf("the run is %s by %s; want it to go on", got.State, got.Failed)
				}
				if got := result(t, run); got != (both{20, 3}) {
					t.Errorf("Wait = %v; want {20 3}", got)
				}
			})
		})
	}
}

func TestWhatWasCancelledTogetherIsRetriedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := going(t, time.Minute)
		start(t, c)
		run, err := pawl.Each(tenfold).Add(t.Context(), c, []int{2, 3})
		must(t, err)
		time.Sleep(time.Second)
		for _, change := range []func(context.Context, pawl.Filter) ([]pawl.ID, error){c.Cancel, c.Retry} {
			if _, err := change(t.Context(), pawl.Filter{IDs: []pawl.ID{run.ID}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if got := result(t, run); fmt.Sprint(got) != "[20 30]" {
			t.Errorf("Wait = %v; want [20 30]", got)
		}
	})
}

func TestASignalReachesARunWhoseBeginningWasRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Retention: pawl.Retention{Succeeded: time.Hour}})
		double.Handle(c, func(_ context.Context, t *pawl.Task[int]) (int, error) { return t.Input, nil })
		words.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (string, error) { return pawl.Await[string](ctx, "go") })
		start(t, c)
		run, err := pawl.Then(double, words).Add(t.Context(), c, 1)
		must(t, err)
		time.Sleep(2 * time.Hour)
		must(t, run.Signal(t.Context(), "go", "on"))
		if got := result(t, run); got != "on" {
			t.Errorf("Wait = %s; want on", got)
		}
	})
}

func TestEachAwaitOfANameHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		words.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (string, error) {
			first, err := pawl.Await[string](ctx, "go", pawl.Within(time.Hour))
			if err != nil {
				return "", err
			}
			second, err := pawl.Await[string](ctx, "go", pawl.Within(time.Hour))
			return first + second, err
		})
		start(t, c)
		run := add(t, c, words, 1)
		for _, said := range []string{"a", "b"} {
			time.Sleep(50 * time.Minute)
			must(t, run.Signal(t.Context(), "go", said))
		}
		if got := result(t, run); got != "ab" {
			t.Errorf("Wait = %s; want ab", got)
		}
	})
}

// Two runs whose handlers each join the other's task would wait for each other for
// ever: one of them does the work itself.
func TestRunsThatJoinEachOtherDoNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		ping := pawl.Operation[string, string]{Name: "ping", Limit: pawl.NoLimit}
		pong := pawl.Operation[string, string]{Name: "pong", Limit: pawl.NoLimit}
		handle := func(other pawl.Operation[string, string]) func(context.Context, *pawl.Task[string]) (string, error) {
			return func(ctx context.Context, t *pawl.Task[string]) (string, error) {
				rows, err := c.List(ctx, pawl.Filter{IDs: []pawl.ID{t.ID}})
				if err != nil || !rows[0].Parent().IsZero() {
					return "below", err
				}
				run, err := other.Add(ctx, c, "x")
				if err != nil {
					return "", err
				}
				out, err := run.Wait(ctx)
				return "above " + out, err
			}
		}
		ping.Handle(c, handle(pong))
		pong.Handle(c, handle(ping))
		a, b := add(t, c, ping, "x"), add(t, c, pong, "x")
		start(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		outs, err := pawl.WaitAll(ctx, []*pawl.Run[string]{a, b})
		if err != nil {
			t.Fatalf("WaitAll = %v; want both to end", err)
		}
		for _, out := range outs {
			if !strings.HasSuffix(out, "below") {
				t.Errorf("Wait = %q; want one that ends below", out)
			}
		}
	})
}
