package pawl_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

func TestARunThatGoesRoundIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := newClient(newStore(t), pawl.Config{})
		loops := pawl.Operation[string, string]{Name: "loops"}
		loops.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			for range 10 { // the conversation does not grow: each asks the same
				if _, err := t.Branch().Ask(ctx, m, "are we there yet?"); err != nil {
					return "", err
				}
			}
			return "there", nil
		})
		start(t, c)
		run := add(t, c, loops, "", pawl.Budget{Repeats: 3})
		idle()
		r := row(t, c, run.ID)
		if r.State != pawl.Blocked || m.calls() != 3 || !strings.Contains(r.LastAttempt().Message, "was asked 3 times in this run") {
			t.Errorf("%s after %d calls: %s; want it stopped after 3", r.State, m.calls(), r.LastAttempt().Message)
		}
		must(t, c.RaiseBudget(t.Context(), pawl.Budget{Scope: pawl.OfRun, Name: run.ID.String(), Repeats: 100}))
		if got := result(t, run); got != "there" || m.calls() != 10 {
			t.Errorf("%q after %d calls; want it there after 10", got, m.calls())
		}
	})
}

// slowly answers after a second: calls that are made at the same time are under way
// together.
func slowly(context.Context, int) (*llm.Response, error) {
	time.Sleep(time.Second)
	return say("no"), nil
}

// Tasks of one run that ask the same at the same time are no more than one that asks it
// again and again, whoever works on them.
func TestAFanOutThatAsksTheSameIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, m := newStore(t), &model{answer: slowly}
		var c *pawl.Client
		for range 2 {
			c = newClient(store, pawl.Config{Workers: 4})
			asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
				reply, err := t.Branch().Ask(ctx, m, "are we there yet?")
				if err != nil {
					return "", err
				}
				return reply.Text(), nil
			})
			start(t, c)
		}
		run, err := pawl.Each(asks).Add(t.Context(), c, []string{"a", "b", "c", "d", "e", "f", "g", "h"}, pawl.Budget{Repeats: 3})
		must(t, err)
		time.Sleep(20 * time.Second)
		idle()
		if got := states(t, c, run.ID); got[pawl.Succeeded] != 3 || got[pawl.Blocked] != 6 || m.calls() != 3 {
			t.Errorf("tasks of the run: %v after %d calls; want 3 done, and 5 and their parent blocked, after 3", got, m.calls())
		}
		must(t, c.RaiseBudget(t.Context(), pawl.Budget{Scope: pawl.OfRun, Name: run.ID.String(), Repeats: 5}))
		if got := result(t, run); len(got) != 8 || m.calls() != 8 {
			t.Errorf("%d answers after %d calls; want 8 after 8", len(got), m.calls())
		}
	})
}

// So are calls that one handler makes at the same time. One that failed is none that was
// answered: another takes its place.
func TestParallelCallsThatAskTheSameAreStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: func(ctx context.Context, n int) (*llm.Response, error) {
			if n == 1 {
				time.Sleep(500 * time.Millisecond)
				return nil, &llm.Error{Class: llm.Transient, Status: 503}
			}
			return slowly(ctx, n)
		}}
		c := one(t, asks, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			errs := make([]error, 6)
			var all sync.WaitGroup
			for i := range errs {
				// Each in its branch: the failure of one is none of the others.
				all.Go(func() { _, errs[i] = t.Branch().Ask(ctx, m, "are we there yet?") })
			}
			all.Wait()
			for _, err := range errs {
				if err != nil {
					return "", err
				}
			}
			return "there", nil
		})
		start(t, c)
		run := add(t, c, asks, "", pawl.Budget{Repeats: 2})
		time.Sleep(20 * time.Second)
		idle()
		r := row(t, c, run.ID)
		if r.State != pawl.Blocked || len(r.Steps) != 2 || m.calls() != 3 || !strings.Contains(r.LastAttempt().Message, "was asked 2 times in this run") {
			t.Errorf("%s with %d answers after %d calls: %s; want it stopped with 2, after 3", r.State, len(r.Steps), m.calls(), r.LastAttempt().Message)
		}
	})
}

// A cap of calls holds for those under way too: none is sent beyond it.
func TestParallelCallsAreWithinTheCallsOfTheirRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: slowly}
		c := one(t, asks, asking(m))
		start(t, c)
		var in []string
		for i := range 12 {
			in = append(in, fmt.Sprint("question ", i))
		}
		run, err := pawl.Each(asks).Add(t.Context(), c, in, pawl.Budget{Calls: 5})
		must(t, err)
		time.Sleep(20 * time.Second)
		idle()
		if got := states(t, c, run.ID); got[pawl.Succeeded] != 5 || m.calls() != 5 {
			t.Errorf("tasks of the run: %v after %d calls; want 5 done after 5", got, m.calls())
		}
	})
}
