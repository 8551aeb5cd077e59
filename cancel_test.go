package pawl_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

func TestCancelOfWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c, other := newClient(store, pawl.Config{}), newClient(store, pawl.Config{})
		var cause error
		asks.Handle(c, stuck(&cause))
		start(t, c)
		run := add(t, other, asks, "x")
		idle()
		began := time.Now()
		if ids, err := other.Cancel(t.Context(), pawl.Filter{User: ""}); err != nil || len(ids) != 1 {
			t.Errorf("Cancel = %v, %v; want the task", ids, err)
		}
		if ids, err := other.Cancel(t.Context(), pawl.Filter{}); err != nil || len(ids) != 0 {
			t.Errorf("second Cancel = %v, %v; want none", ids, err)
		}
		if _, err := run.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) || !errors.Is(cause, pawl.ErrCancelled) {
			t.Errorf("Wait = %v, the handler's cause %v; want ErrCancelled", err, cause)
		}
		if took := time.Since(began); !about(took, 0) {
			t.Errorf("it took %v; want an event, not a heartbeat", took)
		}
		if last := row(t, c, run.ID).LastAttempt(); last.Class != pawl.Stopped || last.Used {
			t.Errorf("last attempt = %+v; want stopped, not used", last)
		}
	})
}

func TestASuccessBeatsACancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(ctx context.Context, _ *pawl.Task[string]) (string, error) {
			<-ctx.Done()
			return "done all the same", nil
		})
		start(t, c)
		run := add(t, c, asks, "x")
		idle()
		if _, err := c.Cancel(t.Context(), pawl.Filter{}); err != nil {
			t.Fatal(err)
		}
		if got := result(t, run); got != "done all the same" {
			t.Errorf("Wait = %s; want the output", got)
		}
	})
}

func TestCancelOfWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran atomic.Int32
		c := one(t, asks, func(context.Context, *pawl.Task[string]) (string, error) {
			return "", pawl.RetryAfter(errors.New("no"), time.Duration(ran.Add(1))*time.Hour)
		})
		backoff := add(t, c, asks, "backoff", pawl.User("u"))
		delayed := add(t, c, asks, "delayed", pawl.User("u"), pawl.Delay(time.Hour))
		start(t, c)
		idle()
		must(t, c.Pause(t.Context(), "default"))
		pending := add(t, c, asks, "pending", pawl.User("u"))
		if ids, err := c.Cancel(t.Context(), pawl.Filter{User: "u"}); err != nil || len(ids) != 3 {
			t.Errorf("Cancel = %v, %v; want 3", ids, err)
		}
		must(t, c.Resume(t.Context(), "default"))
		time.Sleep(24 * time.Hour)
		for _, run := range []*pawl.Run[string]{backoff, delayed, pending} {
			if _, err := run.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) {
				t.Errorf("Wait = %v; want ErrCancelled", err)
			}
		}
		if ran.Load() != 1 {
			t.Errorf("%d attempts; want 1", ran.Load())
		}
	})
}

// A call that waits for its limit, or for its answer, ends with its task.
func TestCancelOfACallThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &model{answer: func(ctx context.Context, _ int) (*llm.Response, error) {
			<-ctx.Done()
			return nil, &llm.Error{Class: llm.Ambiguous, Err: ctx.Err()}
		}}
		c := one(t, asks, asking(slow))
		start(t, c)
		run := add(t, c, asks, "in flight")
		idle()
		if _, err := c.Cancel(t.Context(), pawl.Filter{}); err != nil {
			t.Fatal(err)
		}
		if _, err := run.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) {
			t.Errorf("Wait = %v; want ErrCancelled", err)
		}
		r := row(t, c, run.ID)
		if last := r.LastAttempt(); last.Class != pawl.Stopped || last.Unknown != 1 {
			t.Errorf("last attempt = %+v; want stopped, its call unknown", last)
		}
		s, err := c.Status(t.Context())
		must(t, err)
		if s.Limits[0].State.InFlight != 0 {
			t.Errorf("%d calls in flight; want 0", s.Limits[0].State.InFlight)
		}
	})
}

// A worker that dies on a task that was asked to stop leaves it cancelled.
func TestCancelOfADeadWorkersTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, doomed, heir := pair(t)
		var cause error
		asks.Handle(doomed, stuck(&cause))
		asks.Handle(heir, asking(&model{}))
		start(t, doomed)
		run := add(t, heir, asks, "x")
		idle()
		store.die()
		if _, err := heir.Cancel(t.Context(), pawl.Filter{}); err != nil {
			t.Fatal(err)
		}
		start(t, heir)
		if _, err := run.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) {
			t.Errorf("Wait = %v; want ErrCancelled", err)
		}
	})
}

func TestPauseAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		wentOn := make(chan time.Time, 1)
		c := one(t, asks, func(_ context.Context, task *pawl.Task[string]) (string, error) {
			switch task.Input {
			case "running":
				<-release
			case "waiting":
				wentOn <- time.Now()
			}
			return task.Input, nil
		})
		start(t, c)
		running := add(t, c, asks, "running")
		idle()
		must(t, c.Pause(t.Context(), "default"))
		waiting, elsewhere := add(t, c, asks, "waiting"), add(t, c, asks, "elsewhere", pawl.Queue("other"))
		if got := result(t, elsewhere); got != "elsewhere" {
			t.Errorf("Wait = %s; want the other queue to go on", got)
		}
		close(release)
		if got := result(t, running); got != "running" {
			t.Errorf("Wait = %s; want what ran to go on", got)
		}
		time.Sleep(time.Hour)
		if r := row(t, c, waiting.ID); r.State != pawl.Pending {
			t.Errorf("task is %s; want pending", r.State)
		}
		s, err := c.Status(t.Context())
		must(t, err)
		if q := s.Queues[0]; q.Name != "default" || !q.Paused || q.Counts[pawl.Pending] != 1 || q.Counts[pawl.Succeeded] != 1 || len(q.Counts) != 2 {
			t.Errorf("queue = %+v; want it paused, one pending and one succeeded", q)
		}
		began := time.Now()
		must(t, c.Resume(t.Context(), "default"))
		result(t, waiting) // which may hear of it late
		if took := (<-wentOn).Sub(began); !about(took, 0) {
			t.Errorf("it went on after %v; want at once", took)
		}
	})
}
