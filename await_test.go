package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/storetest"
)

var approve = pawl.Operation[[]string, []string]{Name: "approve", Limit: pawl.NoLimit, Timeout: time.Minute}

// approving awaits the signals that its input names, one after the other; "!" before a
// name gives it an hour. It returns what came, or "none".
func approving(ctx context.Context, t *pawl.Task[[]string]) ([]string, error) {
	var all []string
	for _, name := range t.Input {
		var opts []pawl.AwaitOption
		name, timed := strings.CutPrefix(name, "!")
		if timed {
			opts = append(opts, pawl.Within(time.Hour))
		}
		got, err := pawl.Await[string](ctx, name, opts...)
		if errors.Is(err, pawl.ErrNoSignal) {
			got, err = "none", nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, got)
	}
	return all, nil
}

// signalled checks what a run returns.
func signalled(t *testing.T, run *pawl.Run[[]string], want ...string) {
	t.Helper()
	if got := result(t, run); !cmp.Equal(got, want) {
		t.Errorf("Wait = %q; want %q", got, want)
	}
}

// A signal that comes before anybody waits for it, or while the handler runs, is kept.
func TestAnEarlySignalIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		approve.Handle(c, func(ctx context.Context, t *pawl.Task[[]string]) ([]string, error) {
			time.Sleep(10 * time.Second)
			return approving(ctx, t)
		})
		run := add(t, c, approve, []string{"a", "b"})
		must(t, run.Signal(t.Context(), "a", "before it ran"))
		start(t, c)
		time.Sleep(5 * time.Second)
		must(t, run.Signal(t.Context(), "b", "while it ran"))
		signalled(t, run, "before it ran", "while it ran")
		if r := row(t, c, run.ID); r.Used != 1 || len(r.Attempts) > 2 {
			t.Errorf("%d attempts used, %d made; want 1, and 2 at most", r.Used, len(r.Attempts))
		}
	})
}

// The n-th call for a name gets the n-th signal of that name, whatever comes of others.
func TestSignalsOfANameComeInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, approve, approving)
		start(t, c)
		run := add(t, c, approve, []string{"a", "b", "a", "a"})
		for _, s := range []string{"b 1", "a 1", "a 2", "b 2"} {
			idle()
			name, _, _ := strings.Cut(s, " ")
			must(t, run.Signal(t.Context(), name, s))
		}
		time.Sleep(time.Hour)
		if r := row(t, c, run.ID); r.State != pawl.Blocked || r.Links.Wait.Signal != "a" {
			t.Fatalf("the task is %s, %+v; want blocked until the third a", r.State, r.Links)
		}
		must(t, run.Signal(t.Context(), "a", "a 3"))
		signalled(t, run, "a 1", "b 1", "a 2", "a 3")
	})
}

// When the time is over, it is over for good: a signal that comes later is the next
// call's.
func TestASignalThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, approve, approving)
		start(t, c)
		began := time.Now()
		run := add(t, c, approve, []string{"!a", "b", "!a"})
		time.Sleep(61 * time.Minute)
		must(t, run.Signal(t.Context(), "a", "late"))
		idle()
		must(t, run.Signal(t.Context(), "b", "go on"))
		signalled(t, run, "none", "go on", "late")
		if took := time.Since(began); !within(took, 61*time.Minute, 62*time.Minute) {
			t.Errorf("took %v; want 61m: an hour without a signal", took)
		}
	})
}

// The time counts from when the signal was first asked for, through restarts.
func TestAWaitOutlivesItsWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		worker := func() *pawl.Client {
			c := newClient(store, pawl.Config{})
			approve.Handle(c, approving)
			return c
		}
		began := time.Now()
		first := worker()
		stop := start(t, first)
		run, timed := add(t, first, approve, []string{"a"}), add(t, first, approve, []string{"!a"})
		time.Sleep(50 * time.Minute)
		stop()
		must(t, run.Signal(t.Context(), "a", "meanwhile"))
		time.Sleep(5 * time.Minute)
		start(t, worker())
		signalled(t, run, "meanwhile")
		signalled(t, timed, "none")
		if took := time.Since(began); !about(took, time.Hour) {
			t.Errorf("took %v; want 1h", took)
		}
	})
}

// How long a wait takes is by the store's clock: workers need not agree on the time.
func TestAWaitIsByTheStoresClock(t *testing.T) {
	for ahead, again := range map[time.Duration]time.Duration{30 * time.Minute: 10 * time.Minute, -30 * time.Minute: 70 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var clock atomic.Int64
			store := storetest.ClockedAhead(newStore(t), func() time.Duration { return time.Duration(clock.Load()) })
			worker := func() *pawl.Client {
				c := newClient(store, pawl.Config{})
				approve.Handle(c, approving)
				return c
			}
			first := worker()
			began := time.Now()
			stop := start(t, first)
			run := add(t, first, approve, []string{"!a"})
			idle()
			stop()
			clock.Store(int64(ahead)) // the other worker's clock is behind by as much
			second := worker()
			start(t, second)
			time.Sleep(again) // then it looks how much is left
			for _, do := range []func(context.Context, pawl.Filter) ([]pawl.ID, error){second.Cancel, second.Retry} {
				_, err := do(t.Context(), pawl.Filter{IDs: []pawl.ID{run.ID}})
				must(t, err)
			}
			signalled(t, run, "none")
			if took := time.Since(began); !about(took, time.Hour-ahead) {
				t.Errorf("with the store ahead by %v it took %v; want %v", ahead, took, time.Hour-ahead)
			}
		})
	}
}

// untils is a store in which a wait says until when it is, as earlier versions wrote it.
type untils struct{ pawl.Store }

func (u untils) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	for i := range saves {
		if step := saves[i].Step; step != nil && step.Name == "await" {
			step.Result, _ = json.Marshal(time.Now().Add(time.Hour))
		}
	}
	return u.Store.Save(ctx, now, saves)
}

func TestAWaitOfAnEarlierVersionEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(untils{newStore(t)}, pawl.Config{})
		approve.Handle(c, approving)
		start(t, c)
		began := time.Now()
		run := add(t, c, approve, []string{"!a"})
		time.Sleep(10 * time.Minute)
		for _, do := range []func(context.Context, pawl.Filter) ([]pawl.ID, error){c.Cancel, c.Retry} {
			_, err := do(t.Context(), pawl.Filter{IDs: []pawl.ID{run.ID}})
			must(t, err)
		}
		signalled(t, run, "none")
		if took := time.Since(began); !about(took, time.Hour) {
			t.Errorf("it took %v; want 1h", took)
		}
	})
}

func TestADeadlineEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, approve, approving)
		start(t, c)
		began := time.Now()
		run := add(t, c, approve, []string{"a"}, pawl.Deadline(began.Add(2*time.Hour)))
		if last := dead(t, run).LastAttempt(); last.Class != pawl.Expired || !about(time.Since(began), 2*time.Hour) {
			t.Errorf("dead of %+v after %v; want expired after 2h", last, time.Since(began))
		}
		if err := run.Signal(t.Context(), "a", "late"); err == nil || !strings.Contains(err.Error(), "has ended") {
			t.Errorf("Signal = %v; want that it has ended", err)
		}
	})
}

func TestATaskThatWaitsIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, approve, approving)
		start(t, c)
		run := add(t, c, approve, []string{"a"})
		idle()
		_, err := c.Cancel(t.Context(), pawl.Filter{Run: run.ID})
		must(t, err)
		if _, err := run.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) {
			t.Errorf("Wait = %v; want ErrCancelled", err)
		}
		_, err = c.Retry(t.Context(), pawl.Filter{Run: run.ID}) // it waits again
		must(t, err)
		idle()
		must(t, run.Signal(t.Context(), "a", "at last"))
		signalled(t, run, "at last")
	})
}

// What is no JSON of the wanted type is nothing that a retry would mend.
func TestASignalOfAnotherType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, approve, approving)
		start(t, c)
		run := add(t, c, approve, []string{"a"})
		idle()
		must(t, run.Signal(t.Context(), "a", 7))
		if last := dead(t, run).LastAttempt(); last.Class != llm.Permanent || !strings.HasPrefix(last.Message, `payload of signal "a": json: `) {
			t.Errorf("dead of %s: %s; want that the payload is no string", last.Class, last.Message)
		}
	})
}

// A signal goes to the one task that can be meant, or nowhere.
func TestWhoGetsASignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, approve, approving)
		start(t, c)
		flow := pawl.Each(approve)
		run, err := flow.Add(t.Context(), c, [][]string{{"a"}, {"b"}, {"b"}})
		must(t, err)
		idle()
		says := func(id pawl.ID, name, want string) {
			t.Helper()
			if err := c.Signal(t.Context(), id, name, "x"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Signal %q = %v; want %q", name, err, want)
			}
		}
		says(pawl.NewID(), "a", "not found")
		says(run.ID, "", "want UTF-8")
		says(run.ID, "b", "2 tasks of run "+run.ID.String()+" wait for it; name one of them: task_")
		says(run.ID, "c", "no task of run "+run.ID.String()+" waits for it now")
		must(t, run.Signal(t.Context(), "a", "by the run"))
		for i, r := range rowsOf(t, c, run.ID, "approve") {
			if r.State == pawl.Blocked {
				must(t, c.Signal(t.Context(), r.ID, "b", fmt.Sprint("by the task ", i)))
			}
		}
		got := result(t, run)
		if len(got) != 3 || got[0][0] != "by the run" || !strings.HasPrefix(got[1][0], "by the task") || !strings.HasPrefix(got[2][0], "by the task") {
			t.Errorf("Wait = %q; want a signal for each", got)
		}
		says(run.ID, "a", "has ended")
	})
}

// Await says at once what is wrong with a call.
func TestAwaitRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, err := pawl.Await[string](t.Context(), "a"); !errors.Is(err, pawl.ErrNoHandler) {
			t.Errorf("Await outside = %v; want ErrNoHandler", err)
		}
		c := newClient(newStore(t), pawl.Config{})
		approve.Handle(c, func(ctx context.Context, t *pawl.Task[[]string]) ([]string, error) {
			_, err := pawl.Await[string](ctx, t.Input[0], pawl.Within(-time.Second))
			return nil, err
		})
		start(t, c)
		for name, want := range map[string]string{"": `the name is ""`, "a": "Within is -1s; want 0 or more"} {
			if last := dead(t, add(t, c, approve, []string{name})).LastAttempt(); !strings.Contains(last.Message, want) {
				t.Errorf("dead of %s; want %q", last.Message, want)
			}
		}
	})
}

// A signal that comes in time leaves nothing that looks like changed code.
func TestAwaitWithinAsksForItsSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		double.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			return pawl.Await[int](ctx, "by", pawl.Within(time.Hour))
		})
		start(t, c)
		run := add(t, c, double, 4)
		idle()
		must(t, run.Signal(t.Context(), "by", 5))
		if got := result(t, run); got != 5 {
			t.Fatalf("Wait = %d; want 5", got)
		}
		if n := row(t, c, run.ID).LastAttempt().Unasked; n != 0 {
			t.Errorf("%d stored steps were not asked for; want none", n)
		}
	})
}
