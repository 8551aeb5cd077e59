package pawl_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// A handler that tries a failed step again has done one step: it is stored where the
// next attempt looks for it.
func TestAStepTriedAgainIsTheSameStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done atomic.Int32
		op := pawl.Operation[string, string]{Name: "x"}
		c := one(t, op, func(ctx context.Context, tk *pawl.Task[string]) (string, error) {
			for try := 0; ; try++ {
				_, err := pawl.Step(ctx, "charge", func(context.Context) (int, error) {
					if tk.Attempt == 1 && try == 0 {
						return 0, errors.New("network")
					}
					done.Add(1)
					return 1, nil
				})
				if err == nil {
					break
				}
			}
			if tk.Attempt == 1 {
				return "", errors.New("later failure")
			}
			return "ok", nil
		})
		start(t, c)
		result(t, add(t, c, op, "a"))
		if n := done.Load(); n != 1 {
			t.Errorf("charged %d times; want 1", n)
		}
	})
}

// An Ask whose context had ended, asked again, is stored where the next attempt
// looks for it.
func TestAnAskThatWasNotSentIsTheSameCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		m := &model{answer: func(ctx context.Context, n int) (*llm.Response, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			sent++
			return say("hi"), nil
		}}
		c := one(t, asks, func(ctx context.Context, tk *pawl.Task[string]) (string, error) {
			if tk.Attempt == 1 {
				short, cancel := context.WithCancel(ctx)
				cancel()
				_, _ = tk.Ask(short, m, "q")
			}
			if _, err := tk.Ask(ctx, m, "q"); err != nil {
				return "", err
			}
			if tk.Attempt == 1 {
				return "", errors.New("later failure")
			}
			return "ok", nil
		})
		start(t, c)
		result(t, add(t, c, asks, "a"))
		if sent != 1 {
			t.Errorf("paid %d times; want 1", sent)
		}
	})
}

// A nil *llm.Error in an error panics when it is read; that is the handler's
// failure, not the process's end.
func TestAnErrorWhoseMethodsPanicIsAPanic(t *testing.T) {
	c := one(t, asks, func(ctx context.Context, tk *pawl.Task[string]) (string, error) {
		var e *llm.Error
		return "", e
	})
	start(t, c)
	dead(t, add(t, c, asks, "a", pawl.Attempts(1)))
}

// A handler that ends its goroutine has failed.
func TestAHandlerThatExitsHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(ctx context.Context, tk *pawl.Task[string]) (string, error) {
			runtime.Goexit()
			return "", nil
		})
		start(t, c)
		r := add(t, c, asks, "a", pawl.Attempts(1))
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		var d *pawl.DeadError
		if _, err := r.Wait(ctx); !errors.As(err, &d) {
			t.Errorf("Wait = %v; want a dead letter", err)
		}
	})
}

// Messages that no Ask stored go along a flow, too.
func TestWhatWasAppendedLastGoesAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := pawl.Operation[string, string]{Name: "a"}
		b := pawl.Operation[string, int]{Name: "b"}
		c := newClient(newStore(t), pawl.Config{})
		a.Handle(c, func(ctx context.Context, tk *pawl.Task[string]) (string, error) {
			return "x", tk.Append(ctx, llm.Text("user", "remember this"))
		})
		b.Handle(c, func(ctx context.Context, tk *pawl.Task[string]) (int, error) {
			m, err := tk.Conversation(ctx)
			return len(m), err
		})
		start(t, c)
		r, err := pawl.Then(a, b).Add(context.Background(), c, "in")
		must(t, err)
		if n := result(t, r); n != 1 {
			t.Errorf("the next task sees %d messages; want 1", n)
		}
	})
}
