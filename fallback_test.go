package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// fails is an operation that fails as its input says, and leaves a step behind.
func fails(name string) pawl.Operation[string, string] {
	return pawl.Operation[string, string]{Name: name, Limit: pawl.NoLimit, Attempts: 2, Queue: name}
}

func failing3(t *testing.T, names ...string) *pawl.Client {
	c := newClient(newStore(t), pawl.Config{})
	for _, name := range names {
		fails(name).Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			by, err := pawl.Step(ctx, "first", func(context.Context) (string, error) { return name, nil })
			switch {
			case err != nil:
				return "", err
			case t.Input == name || t.Input == "all":
				return "", pawl.Permanent(fmt.Errorf("%s refuses", name))
			case t.Input == name+" for now":
				return "", fmt.Errorf("%s has no time", name)
			}
			return name + ", begun by " + by, nil
		})
	}
	start(t, c)
	return c
}

// Which operation goes on with a task hangs on the class of the failure; what was done
// is not done again, and all attempts are kept.
func TestWhoGoesOnWithATask(t *testing.T) {
	flow := pawl.WithFallback(pawl.WithFallback(fails("a"), fails("b"), llm.Transient), fails("c"), llm.Permanent)
	for _, tc := range []struct {
		in, out string
		as      []string // who made the attempts
	}{
		{"none", "a, begun by a", []string{""}},
		{"a", "c, begun by a", []string{"a", ""}},             // the class is c's
		{"a for now", "b, begun by a", []string{"", "a", ""}}, // after all attempts
	} {
		t.Run(tc.in, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := failing3(t, "a", "b", "c")
				run, err := flow.Add(t.Context(), c, tc.in)
				must(t, err)
				if got := result(t, run); got != tc.out {
					t.Errorf("Wait = %q; want %q", got, tc.out)
				}
				r := row(t, c, run.ID)
				var as []string
				for _, a := range r.Attempts {
					as = append(as, a.As)
				}
				if !cmp.Equal(as, tc.as) || r.Operation != tc.out[:1] || r.Queue != r.Operation {
					t.Errorf("attempts by %q, now %s in queue %s; want %q", as, r.Operation, r.Queue, tc.as)
				}
			})
		})
	}
}

// When the last one fails as well, the task is dead, and a retry goes on with the last.
func TestAFallbackThatDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := failing3(t, "a", "b", "c")
		run, err := pawl.WithFallback(pawl.WithFallback(fails("a"), fails("b")), fails("c")).Add(t.Context(), c, "all")
		must(t, err)
		d := dead(t, run)
		if d.Operation != "c" || len(d.Attempts) != 3 || d.LastAttempt().Message != "c refuses" || d.Attempts[0].As != "a" || d.Attempts[1].As != "b" {
			t.Errorf("dead letter of %s: %+v; want c's after a's and b's", d.Operation, d.Attempts)
		}
		must(t, c.RetryWith(t.Context(), d.ID, "a"))
		if got := result(t, run); got != "c, begun by c" {
			t.Errorf("Wait = %q; want c's, with the steps of the new input", got)
		}
	})
}

// Each operation has all of its own attempts.
func TestAFallbackHasItsOwnAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		var tried []string
		for _, name := range []string{"a", "b"} {
			fails(name).Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
				tried = append(tried, name)
				return "", errors.New("not now")
			})
		}
		start(t, c)
		run, err := pawl.WithFallback(fails("a"), fails("b")).Add(t.Context(), c, "x")
		must(t, err)
		if d := dead(t, run); !cmp.Equal(tried, []string{"a", "a", "b", "b"}) || d.Used != 2 {
			t.Errorf("tried %q, %d used; want each twice", tried, d.Used)
		}
	})
}

// What was cancelled, or has expired, is nobody's.
func TestNoFallbackForWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		fails("a").Handle(c, func(ctx context.Context, _ *pawl.Task[string]) (string, error) {
			<-ctx.Done()
			return "", pawl.Permanent(ctx.Err())
		})
		fails("b").Handle(c, func(ctx context.Context, _ *pawl.Task[string]) (string, error) { return "b", nil })
		start(t, c)
		flow := pawl.WithFallback(fails("a"), fails("b"))
		expired, err := flow.Add(t.Context(), c, "x", pawl.Deadline(time.Now().Add(time.Minute)))
		must(t, err)
		cancelled, err := flow.Add(t.Context(), c, "y")
		must(t, err)
		idle()
		_, err = c.Cancel(t.Context(), pawl.Filter{Run: cancelled.ID})
		must(t, err)
		if _, err := cancelled.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) {
			t.Errorf("Wait = %v; want ErrCancelled", err)
		}
		if d := dead(t, expired); d.Operation != "a" || d.LastAttempt().Class != pawl.Expired {
			t.Errorf("%s is dead of %s; want a, expired", d.Operation, d.LastAttempt().Class)
		}
	})
}
