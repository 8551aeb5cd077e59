package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// failing returns an error for the first n attempts.
func failing[In any](t *pawl.Task[In], n int) error {
	if t.Attempt <= n {
		return fmt.Errorf("attempt %d fails", t.Attempt)
	}
	return nil
}

func TestARetryRepeatsNoStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := map[string]int{}
		count := func(name string, out point) func(context.Context) (point, error) {
			return func(context.Context) (point, error) {
				done[name]++
				return out, nil
			}
		}
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			a, err := pawl.Step(ctx, "a", count("a", point{1, 2}))
			if err != nil {
				return "", err
			}
			if err := failing(task, 1); err != nil {
				return "", err
			}
			b, err := pawl.Step(ctx, "b", count("b", point{3, 4}))
			if err != nil {
				return "", err
			}
			if err := failing(task, 2); err != nil {
				return "", err
			}
			return fmt.Sprint(a, b), nil
		})
		start(t, c)
		run := add(t, c, asks, "x")
		if got := result(t, run); got != "{1 2} {3 4}" || done["a"] != 1 || done["b"] != 1 {
			t.Errorf("Wait = %s, done %v; want {1 2} {3 4}, each once", got, done)
		}
		r := row(t, c, run.ID)
		for i, want := range []int{0, 1, 2} {
			if r.Attempts[i].Saved != want {
				t.Errorf("attempt %d was saved %d steps; want %d", i+1, r.Attempts[i].Saved, want)
			}
		}
		if r.Steps[0].Attempt != 1 || r.Steps[1].Attempt != 2 || r.Steps[0].Call {
			t.Errorf("steps = %+v; want those of attempts 1 and 2, no calls", r.Steps)
		}
	})
}

func TestStepsOfOneNameAreSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			var all []string
			for range 3 {
				out, err := pawl.Step(ctx, "next", func(context.Context) (int, error) { n++; return n, nil })
				if err != nil {
					return "", err
				}
				all = append(all, fmt.Sprint(out))
			}
			return strings.Join(all, " "), failing(task, 2)
		})
		start(t, c)
		if got := result(t, add(t, c, asks, "x")); got != "1 2 3" || n != 3 {
			t.Errorf("Wait = %s after %d steps; want 1 2 3 after 3", got, n)
		}
	})
}

func TestAStepsErrorIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		broken := errors.New("broken")
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			return pawl.Step(ctx, "s", func(context.Context) (string, error) {
				if n++; n < 3 {
					return "half", broken
				}
				return "whole", nil
			})
		})
		start(t, c)
		run := add(t, c, asks, "x")
		if got := result(t, run); got != "whole" || n != 3 {
			t.Errorf("Wait = %s after %d tries; want whole after 3", got, n)
		}
		if r := row(t, c, run.ID); len(r.Steps) != 1 || r.Attempts[0].Message != "broken" {
			t.Errorf("row has %d steps, first attempt %+v; want 1, broken", len(r.Steps), r.Attempts[0])
		}
	})
}

func TestStepOutsideAHandler(t *testing.T) {
	_, err := pawl.Step(t.Context(), "s", func(context.Context) (int, error) {
		t.Error("the step was done")
		return 0, nil
	})
	if !errors.Is(err, pawl.ErrNoHandler) {
		t.Errorf("Step = %v; want ErrNoHandler", err)
	}
}

func TestStepsThatAreNoJSONAreDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if task.Input == "out" {
				_, err := pawl.Step(ctx, "s", func(context.Context) (func(), error) { return func() {}, nil })
				return "", err
			}
			if task.Attempt == 1 {
				_, _ = pawl.Step(ctx, "s", func(context.Context) (string, error) { return "text", nil })
				return "", errors.New("again")
			}
			_, err := pawl.Step(ctx, "s", func(context.Context) (int, error) { return 1, nil })
			return "", err
		})
		start(t, c)
		for in, want := range map[string]string{"out": `result of step "s": json:`, "changed": `stored step "s": json:`} {
			if last := dead(t, add(t, c, asks, in)).LastAttempt(); last.Class != llm.Permanent || !strings.HasPrefix(last.Message, want) {
				t.Errorf("%s: last attempt = %+v; want permanent, %s", in, last, want)
			}
		}
	})
}
