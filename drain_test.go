package pawl_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

func TestDrainLetsHandlersFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			time.Sleep(20 * time.Second)
			_, err := pawl.Step(ctx, "s", func(context.Context) (int, error) { return 1, ctx.Err() })
			return "finished", err
		})
		stop := start(t, c)
		run := add(t, c, asks, "x")
		idle()
		began := time.Now()
		stop()
		if took := time.Since(began); !about(took, 20*time.Second) {
			t.Errorf("Run returned after %v; want 20s, when the handler had finished", took)
		}
		if got := result(t, run); got != "finished" {
			t.Errorf("Wait = %s; want finished", got)
		}
		late := add(t, c, asks, "late")
		time.Sleep(time.Hour)
		if r := row(t, c, late.ID); r.State != pawl.Pending {
			t.Errorf("a task added later is %s; want pending", r.State)
		}
	})
}

func TestDrainClaimsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Workers: 1})
		asks.Handle(c, func(context.Context, *pawl.Task[string]) (string, error) {
			time.Sleep(20 * time.Second)
			return "", nil
		})
		first, second := add(t, c, asks, "1"), add(t, c, asks, "2")
		stop := start(t, c)
		idle()
		stop()
		if a, b := row(t, c, first.ID).State, row(t, c, second.ID).State; a != pawl.Succeeded || b != pawl.Pending {
			t.Errorf("tasks are %s and %s; want succeeded and pending", a, b)
		}
	})
}

func TestDrainGivesBackWhatDoesNotFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c, other := newClient(store, pawl.Config{Grace: 5 * time.Second}), newClient(store, pawl.Config{})
		var cause error
		asks.Handle(c, stuck(&cause))
		asks.Handle(other, func(_ context.Context, task *pawl.Task[string]) (string, error) { return "other's", nil })
		stop := start(t, c)
		run := add(t, c, asks, "x")
		idle()
		began := time.Now()
		stop()
		if took := time.Since(began); !about(took, 5*time.Second) || !errors.Is(cause, pawl.ErrDraining) {
			t.Errorf("Run returned after %v, the handler's cause is %v; want 5s, ErrDraining", took, cause)
		}
		r := row(t, other, run.ID)
		if last := r.LastAttempt(); r.State != pawl.Pending || r.Used != 0 || last.Class != pawl.Released || last.Used {
			t.Errorf("task is %s after %+v; want pending, released, nothing used", r.State, last)
		}
		start(t, other)
		if got := result(t, run); got != "other's" {
			t.Errorf("Wait = %s; want other's", got)
		}
	})
}

func TestDrainWithoutGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Grace: -1})
		var cause error
		asks.Handle(c, stuck(&cause))
		stop := start(t, c)
		add(t, c, asks, "x")
		idle()
		began := time.Now()
		stop()
		if took := time.Since(began); !about(took, 0) || !errors.Is(cause, pawl.ErrDraining) {
			t.Errorf("Run returned after %v, cause %v; want at once, ErrDraining", took, cause)
		}
	})
}

// A call in flight when the grace period ends may be billed: it is counted, and
// the task starts again without having used an attempt.
func TestDrainDuringACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c, other := newClient(store, pawl.Config{Grace: time.Second}), newClient(store, pawl.Config{})
		m := &model{answer: func(ctx context.Context, n int) (*llm.Response, error) {
			if n > 1 {
				return say("second"), nil
			}
			<-ctx.Done()
			return nil, &llm.Error{Class: llm.Ambiguous, Err: ctx.Err()}
		}}
		asks.Handle(c, asking(m))
		asks.Handle(other, asking(m))
		stop := start(t, c)
		run := add(t, c, asks, "x")
		idle()
		stop()
		if last := row(t, c, run.ID).LastAttempt(); last.Class != pawl.Released || last.Unknown != 1 || last.Used {
			t.Errorf("last attempt = %+v; want released, one call unknown, not used", last)
		}
		start(t, other)
		result(t, run)
	})
}

func TestAHandlerThatIgnoresTheEndMakesRunFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c, other := newClient(store, pawl.Config{Grace: time.Minute}), newClient(store, pawl.Config{})
		release := make(chan struct{})
		asks.Handle(c, func(context.Context, *pawl.Task[string]) (string, error) {
			<-release
			return "late", nil
		})
		asks.Handle(other, asking(&model{}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		run := add(t, c, asks, "x")
		idle()
		began := time.Now()
		cancel()
		if err := <-done; err == nil || err.Error() != "pawl: 1 handlers ignore the end of their context" || !about(time.Since(began), 2*time.Minute) {
			t.Errorf("Run = %v after %v; want an error after 2m", err, time.Since(began))
		}
		start(t, other)
		if got := result(t, run); got != "answer 1" {
			t.Errorf("Wait = %s; want another worker's answer", got)
		}
		close(release)
		idle() // what it returns is refused
	})
}
