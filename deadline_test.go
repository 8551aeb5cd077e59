package pawl_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// stuck waits for its context's end and returns its error.
func stuck(cause *error) func(context.Context, *pawl.Task[string]) (string, error) {
	return func(ctx context.Context, _ *pawl.Task[string]) (string, error) {
		<-ctx.Done()
		*cause = context.Cause(ctx)
		return "", ctx.Err()
	}
}

func TestTimeoutEndsTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		o := asks
		o.Timeout, o.Attempts = time.Minute, 2
		c := one(t, o, stuck(&cause))
		start(t, c)
		d := dead(t, add(t, c, o, "x"))
		if !errors.Is(cause, pawl.ErrTimeout) {
			t.Errorf("Cause = %v; want ErrTimeout", cause)
		}
		for _, a := range d.Attempts {
			if a.Class != llm.Transient || !a.Used || a.Ended.Sub(a.Started) != time.Minute || a.Message != "pawl: attempt timed out: context deadline exceeded" {
				t.Errorf("attempt = %+v; want a transient one of 1m that says why", a)
			}
		}
	})
}

func TestTimeoutIsTheContextsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := asks
		deadlines := map[string]time.Time{}
		handler := func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if at, ok := ctx.Deadline(); ok {
				deadlines[task.Input] = at
			}
			return "", ctx.Err()
		}
		c := newClient(newStore(t), pawl.Config{})
		o.Handle(c, handler)
		never := o
		never.Name, never.Timeout = "never", -1
		never.Handle(c, handler)
		start(t, c)
		added := map[string]time.Time{}
		for name, deadline := range map[string]time.Duration{"default": 0, "deadline": time.Minute, "timeout": time.Hour} {
			now := time.Now()
			added[name] = now
			var opts []pawl.Option
			if deadline > 0 {
				opts = append(opts, pawl.Deadline(now.Add(deadline)))
			}
			result(t, add(t, c, o, name, opts...))
		}
		result(t, add(t, c, never, "never"))
		want := map[string]time.Duration{"default": 10 * time.Minute, "deadline": time.Minute, "timeout": 10 * time.Minute}
		for name, d := range want {
			if got := deadlines[name].Sub(added[name]); !about(got, d) {
				t.Errorf("%s: Deadline is in %v; want %v", name, got, d)
			}
		}
		if at, ok := deadlines["never"]; ok {
			t.Errorf("never: Deadline = %v; want none", at)
		}
	})
}

func TestTimeoutOfACallInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := asks
		o.Timeout, o.Attempts = time.Minute, 1
		m := &model{answer: func(ctx context.Context, _ int) (*llm.Response, error) {
			<-ctx.Done()
			return nil, &llm.Error{Class: llm.Ambiguous, Err: ctx.Err()}
		}}
		c := one(t, o, asking(m))
		start(t, c)
		last := dead(t, add(t, c, o, "x")).LastAttempt()
		if last.Class != llm.Ambiguous || last.Unknown != 1 || last.Calls != 1 {
			t.Errorf("last attempt = %+v; want ambiguous, with one unknown call", last)
		}
	})
}

func TestDeadlineWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		asks.Handle(c, asking(&model{}))
		deadline := pawl.Deadline(time.Now().Add(time.Minute))
		must(t, c.Pause(t.Context(), "default"))
		pending := add(t, c, asks, "pending", deadline)
		scheduled := add(t, c, asks, "scheduled", deadline, pawl.Delay(time.Hour))
		began := time.Now()
		start(t, c)
		for run, want := range map[*pawl.Run[string]]string{pending: "deadline passed while pending", scheduled: "deadline passed while scheduled"} {
			d := dead(t, run)
			if last := d.LastAttempt(); last.Class != pawl.Expired || last.Message != want || d.Ended.Sub(began) != time.Minute {
				t.Errorf("ended after %v with %+v; want 1m, %s", d.Ended.Sub(began), last, want)
			}
		}
	})
}

func TestDeadlineWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		c := one(t, asks, stuck(&cause))
		start(t, c)
		began := time.Now()
		d := dead(t, add(t, c, asks, "x", pawl.Deadline(began.Add(time.Minute))))
		last := d.LastAttempt()
		if !errors.Is(cause, pawl.ErrExpired) || last.Class != pawl.Expired || !strings.HasPrefix(last.Message, "pawl: deadline passed: ") || d.Ended.Sub(began) != time.Minute {
			t.Errorf("cause %v, ended after %v with %+v; want ErrExpired after 1m", cause, d.Ended.Sub(began), last)
		}
	})
}

func TestDeadlineBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(context.Context, *pawl.Task[string]) (string, error) {
			return "", pawl.RetryAfter(errors.New("later"), time.Hour)
		})
		start(t, c)
		d := dead(t, add(t, c, asks, "x", pawl.Deadline(time.Now().Add(time.Minute))))
		if d.LastAttempt().Class != pawl.Expired || len(d.Attempts) != 2 || d.Used != 1 || d.Ended.Sub(d.Added) != time.Minute {
			t.Errorf("dead after %v with %+v; want expired after 1m", d.Ended.Sub(d.Added), d.Attempts)
		}
	})
}

// A worker that dies at the deadline cannot end the task; the store does.
func TestDeadlinePassedWhileItsWorkerWasDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &mortal{Store: newStore(t)}
		worker, other := newClient(store, pawl.Config{}), newClient(store.Store, pawl.Config{})
		var cause error
		asks.Handle(worker, stuck(&cause))
		asks.Handle(other, asking(&model{}))
		start(t, worker)
		run := add(t, other, asks, "x", pawl.Deadline(time.Now().Add(5*time.Second)))
		idle()
		store.die()
		start(t, other)
		d := dead(t, run)
		if last := d.LastAttempt(); last.Class != pawl.Expired || d.Ended.Sub(d.Added) > 11*time.Second {
			t.Errorf("ended after %v with %+v; want expired when the lease ended", d.Ended.Sub(d.Added), last)
		}
	})
}
