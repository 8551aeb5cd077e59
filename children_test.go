package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
)

var (
	boss = pawl.Operation[[]int, int]{Name: "boss", Limit: pawl.NoLimit, Timeout: time.Minute}
	hand = pawl.Operation[int, int]{Name: "hand", Limit: pawl.NoLimit, Timeout: -1}
)

// sumOf adds a hand for each number, and waits for the sum of what they give.
func sumOf(ctx context.Context, c *pawl.Client, ins []int, opts ...pawl.Option) (n int, err error) {
	runs, err := hand.AddMany(ctx, c, ins, opts...)
	if err != nil {
		return 0, err
	}
	outs, err := pawl.WaitAll(ctx, runs)
	for _, out := range outs {
		n += out
	}
	return n, err
}

// staff returns a client whose bosses sum up what their hands give: after as many hours
// as the number says, nothing but a failure for numbers below 0.
func staff(t *testing.T, config pawl.Config) *pawl.Client {
	c := newClient(newStore(t), config)
	boss.Handle(c, func(ctx context.Context, t *pawl.Task[[]int]) (int, error) { return sumOf(ctx, c, t.Input) })
	hand.Handle(c, handing)
	return c
}

func handing(ctx context.Context, t *pawl.Task[int]) (int, error) {
	if t.Input < 0 {
		return 0, pawl.Permanent(fmt.Errorf("no %d", t.Input))
	}
	select {
	case <-time.After(time.Duration(t.Input) * time.Hour):
		return 10 * t.Input, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// What a handler adds belongs to its run, and to its user until the same deadline.
func TestChildrenBelongToTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := staff(t, pawl.Config{})
		start(t, c)
		deadline := time.Now().Add(100 * time.Hour)
		run := add(t, c, boss, []int{1, 2}, pawl.User("ann"), pawl.Deadline(deadline))
		if got := result(t, run); got != 30 {
			t.Errorf("Wait = %d; want 30", got)
		}
		children := rowsOf(t, c, run.ID, "hand")
		if len(children) != 2 {
			t.Fatalf("the run has %d children; want 2", len(children))
		}
		for _, r := range children {
			if r.Run != run.ID || r.Parent() != run.ID || r.User != "ann" || !r.Deadline.Equal(deadline) || !r.Caught() {
				t.Errorf("child = %+v, %+v; want the run, user and deadline of its parent", r, r.Links)
			}
		}
	})
}

// Equal inputs are one task, and waited for as one, for as long as it takes.
func TestEqualChildrenAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := staff(t, pawl.Config{})
		start(t, c)
		run := add(t, c, boss, []int{2, 1, 2, 2})
		if got := result(t, run); got != 70 || len(rowsOf(t, c, run.ID, "hand")) != 2 {
			t.Errorf("Wait = %d with %d tasks; want 70 with 2", got, len(rowsOf(t, c, run.ID, "hand")))
		}
	})
}

// A handler that fails after it has added, by itself or with its worker, adds nothing
// twice.
func TestWhatWasAddedIsNotAddedAgain(t *testing.T) {
	for _, keep := range []pawl.Duplicates{pawl.Join, pawl.Keep} {
		t.Run(string(keep), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, doomed, heir := pair(t)
				var attempts atomic.Int64
				for _, c := range []*pawl.Client{doomed, heir} {
					boss.Handle(c, func(ctx context.Context, t *pawl.Task[[]int]) (int, error) {
						if _, err := hand.AddMany(ctx, c, t.Input, keep, pawl.Delay(time.Minute)); err != nil {
							return 0, err
						}
						one, err := hand.Add(ctx, c, 0, keep, pawl.Delay(time.Minute))
						if err != nil {
							return 0, err
						}
						switch attempts.Add(1) {
						case 1:
							return 0, errors.New("it fails after it has added")
						case 2:
							store.die()
							<-ctx.Done()
						}
						return one.Wait(ctx)
					})
					hand.Handle(c, handing)
				}
				start(t, doomed)
				run := add(t, heir, boss, []int{0, 3, 3})
				time.Sleep(5 * time.Second)
				start(t, heir)
				result(t, run)
				want := 2 // equal ones are joined
				if keep == pawl.Keep {
					want = 4
				}
				if n := len(rowsOf(t, heir, run.ID, "hand")); n != want || attempts.Load() < 3 {
					t.Errorf("%d children after %d attempts; want %d after 3", n, attempts.Load(), want)
				}
			})
		})
	}
}

// A child that is identical to a task of another run is that task. It is waited for
// though it is not the task's own, and cancelling the run leaves it alone.
func TestAChildIsJoinedToAnotherRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := staff(t, pawl.Config{Workers: 4})
		start(t, c)
		other := add(t, c, hand, 2)
		idle()
		run, cancelled := add(t, c, boss, []int{2, 1}), add(t, c, boss, []int{2, 3})
		time.Sleep(30 * time.Minute)
		_, err := c.Cancel(t.Context(), pawl.Filter{IDs: []pawl.ID{cancelled.ID}})
		must(t, err)
		if got := result(t, run); got != 30 || row(t, c, run.ID).Used != 1 {
			t.Errorf("Wait = %d after %d attempts; want 30 after 1", got, row(t, c, run.ID).Used)
		}
		if got := result(t, other); got != 20 {
			t.Errorf("the other run's Wait = %d; want 20", got)
		}
		if _, err := cancelled.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) {
			t.Errorf("the cancelled run's Wait = %v; want ErrCancelled", err)
		}
		for id, want := range map[pawl.ID]int{run.ID: 1, cancelled.ID: 1} {
			if n := len(rowsOf(t, c, id, "hand")); n != want {
				t.Errorf("run %s has %d children; want %d: the other one was there", id, n, want)
			}
		}
	})
}

// A child that is identical to a task above it would wait for itself. It is a task of its
// own, in this attempt and in all that follow.
func TestAChildIsNotJoinedToWhatWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Workers: 2})
		var tasks sync.Map
		var n atomic.Int64
		double.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			if _, again := tasks.LoadOrStore(t.ID, true); !again {
				n.Add(1)
			}
			if n.Load() == 4 && t.Attempt == 1 { // the first three add themselves again, whenever they run
				time.Sleep(time.Minute)
				return 2 * t.Input, nil
			}
			run, err := double.Add(ctx, c, t.Input)
			if err != nil {
				return 0, err
			}
			return run.Wait(ctx)
		})
		start(t, c)
		run := add(t, c, double, 4)
		if got := result(t, run); got != 8 {
			t.Errorf("Wait = %d; want 8", got)
		}
		if rows, err := c.List(t.Context(), pawl.Filter{Run: run.ID}); err != nil || len(rows) != 4 {
			t.Errorf("the run has %d tasks, %v; want 4", len(rows), err)
		}
	})
}

// Children have children, one below the other, deeper than there are workers.
func TestChildrenOfChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Workers: 1})
		deep := pawl.Operation[int, int]{Name: "deep", Limit: pawl.NoLimit}
		deep.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			if t.Input == 0 {
				time.Sleep(5 * time.Minute)
				return 1, nil
			}
			runs, err := deep.AddMany(ctx, c, []int{t.Input - 1, t.Input - 1}, pawl.Keep)
			if err != nil {
				return 0, err
			}
			outs, err := pawl.WaitAll(ctx, runs)
			if err != nil {
				return 0, err
			}
			return outs[0] + outs[1], nil
		})
		start(t, c)
		run := add(t, c, deep, 5)
		if got := result(t, run); got != 32 {
			t.Errorf("Wait = %d; want 32", got)
		}
		if got := states(t, c, run.ID); got[pawl.Succeeded] != 63 || len(got) != 1 {
			t.Errorf("tasks: %v; want 63 that succeeded", got)
		}
	})
}

// A child that nobody waits for neither holds nor fails its parent, which may have ended
// long before.
func TestAChildThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		boss.Handle(c, func(ctx context.Context, t *pawl.Task[[]int]) (int, error) {
			_, err := hand.AddMany(ctx, c, t.Input)
			return 7, err
		})
		hand.Handle(c, handing)
		start(t, c)
		began := time.Now()
		run := add(t, c, boss, []int{3, -1})
		if got := result(t, run); got != 7 || !about(time.Since(began), 0) {
			t.Errorf("Wait = %d after %v; want 7 at once", got, time.Since(began))
		}
		time.Sleep(4 * time.Hour)
		if got := states(t, c, run.ID); got[pawl.Succeeded] != 2 || got[pawl.Dead] != 1 {
			t.Errorf("tasks: %v; want a dead child, and two that succeeded", got)
		}
		if got := result(t, run); got != 7 {
			t.Errorf("Wait = %d; want 7: the run is what its own line gave", got)
		}
	})
}

// A handler that returns the failure of its child is dead of it; a retry of either
// brings both back, and the run goes on.
func TestADeadChildBreaksItsParent(t *testing.T) {
	for _, name := range []string{"retry of the child", "retry of the parent", "retry of the child with another input"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(newStore(t), pawl.Config{})
				var mended atomic.Bool
				boss.Handle(c, func(ctx context.Context, t *pawl.Task[[]int]) (int, error) { return sumOf(ctx, c, t.Input) })
				hand.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
					if t.Input < 0 && mended.Load() {
						return 5, nil
					}
					return handing(ctx, t)
				})
				start(t, c)
				run := add(t, c, boss, []int{1, -1})
				d := dead(t, run)
				if last := d.LastAttempt(); d.ID != run.ID || last.Class != pawl.Broken || !strings.Contains(last.Message, "(hand) is dead: permanent: no -1") {
					t.Fatalf("%s (%s) is dead: %+v; want the boss, broken, and why", d.ID, d.Operation, last)
				}
				groups, err := c.Groups(t.Context(), pawl.Filter{})
				must(t, err)
				if len(groups) != 2 {
					t.Errorf("dead letters: %+v; want the parent's beside the child's", groups)
				}
				child := rowsOf(t, c, run.ID, "hand")[0]
				for _, r := range rowsOf(t, c, run.ID, "hand") {
					if r.State == pawl.Dead {
						child = r
					}
				}
				want := 15
				switch name {
				case "retry of the child":
					mended.Store(true)
					_, err = c.Retry(t.Context(), pawl.Filter{IDs: []pawl.ID{child.ID}})
				case "retry of the parent":
					mended.Store(true)
					_, err = c.Retry(t.Context(), pawl.Filter{IDs: []pawl.ID{run.ID}})
				default:
					want = 30
					err = c.RetryWith(t.Context(), child.ID, 2)
				}
				must(t, err)
				if got := result(t, run); got != want || len(rowsOf(t, c, run.ID, "hand")) != 2 {
					t.Errorf("Wait = %d; want %d, with the same children", got, want)
				}
			})
		})
	}
}

// hasty is a store whose changes are followed by a moment in which all workers run.
type hasty struct{ pawl.Store }

func (h hasty) Change(ctx context.Context, now time.Time, f pawl.Filter, c pawl.Change) ([]pawl.ID, error) {
	ids, err := h.Store.Change(ctx, now, f, c)
	time.Sleep(time.Second)
	return ids, err
}

// What is retried runs at once, before the retry has come to all that belongs to it: so
// it begins with what the others wait for.
func TestARetryBeginsBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(hasty{newStore(t)}, pawl.Config{})
		middle := pawl.Operation[[]int, int]{Name: "middle", Limit: pawl.NoLimit}
		var mended atomic.Bool
		hand.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			if mended.Load() {
				return 3, nil
			}
			return handing(ctx, t)
		})
		middle.Handle(c, func(ctx context.Context, t *pawl.Task[[]int]) (int, error) { return sumOf(ctx, c, t.Input) })
		boss.Handle(c, func(ctx context.Context, t *pawl.Task[[]int]) (int, error) {
			run, err := middle.Add(ctx, c, t.Input)
			if err != nil {
				return 0, err
			}
			return run.Wait(ctx)
		})
		start(t, c)
		run := add(t, c, boss, []int{-1, -2})
		dead(t, run)
		mended.Store(true)
		ids, err := c.Retry(t.Context(), pawl.Filter{IDs: []pawl.ID{run.ID}})
		must(t, err)
		if got := result(t, run); got != 6 || len(ids) != 4 {
			t.Errorf("Wait = %d after %d tasks were retried; want 6 after 4", got, len(ids))
		}
	})
}

// A handler may make do without a child that failed, whichever it was.
func TestAParentMakesDoWithoutAChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		boss.Handle(c, func(ctx context.Context, t *pawl.Task[[]int]) (int, error) {
			n, err := sumOf(ctx, c, t.Input)
			var dead *pawl.DeadError
			if errors.As(err, &dead) {
				return -1, nil
			}
			return n, err
		})
		hand.Handle(c, handing)
		start(t, c)
		for _, in := range [][]int{{-1}, {2, -1}, {-1, 2}} {
			if got := result(t, add(t, c, boss, in)); got != -1 {
				t.Errorf("%v: Wait = %d; want -1", in, got)
			}
		}
	})
}

func TestCancelTakesChildrenAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := staff(t, pawl.Config{Workers: 1})
		start(t, c)
		run := add(t, c, boss, []int{1, 2, 3})
		time.Sleep(time.Minute)
		_, err := c.Cancel(t.Context(), pawl.Filter{IDs: []pawl.ID{run.ID}})
		must(t, err)
		idle()
		if got := states(t, c, run.ID); got[pawl.Cancelled] != 4 {
			t.Errorf("tasks: %v; want all 4 cancelled", got)
		}
		if _, err := run.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) {
			t.Errorf("Wait = %v; want ErrCancelled", err)
		}
	})
}

// What a handler adds may replace what is in flight, or be turned away by it: once, however
// often the handler runs.
func TestChildrenAndTheirDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		parent := pawl.Operation[pawl.Duplicates, string]{Name: "parent", Limit: pawl.NoLimit}
		parent.Handle(c, func(ctx context.Context, t *pawl.Task[pawl.Duplicates]) (string, error) {
			run, err := hand.Add(ctx, c, 1, t.Input)
			switch {
			case errors.Is(err, pawl.ErrDuplicate):
				return "rejected", nil
			case err != nil:
				return "", err
			case t.Attempt < 3:
				return "", errors.New("again")
			}
			out, err := run.Wait(ctx)
			return fmt.Sprint(run.As, out), err
		})
		hand.Handle(c, handing)
		start(t, c)
		first := add(t, c, hand, 1)
		idle()
		if got := result(t, add(t, c, parent, pawl.Reject)); got != "rejected" {
			t.Errorf("Reject: Wait = %s; want rejected", got)
		}
		if got := result(t, add(t, c, parent, pawl.Replace)); got != "replacement10" {
			t.Errorf("Replace: Wait = %s; want replacement10", got)
		}
		if _, err := first.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) {
			t.Errorf("the replaced one: Wait = %v; want ErrCancelled", err)
		}
	})
}

// A handler may wait for a run that is none of its own, however long that takes.
func TestAHandlerWaitsForAnotherRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Workers: 1})
		waiter := pawl.Operation[pawl.ID, int]{Name: "waiter", Limit: pawl.NoLimit, Timeout: time.Minute}
		waiter.Handle(c, func(ctx context.Context, t *pawl.Task[pawl.ID]) (int, error) {
			return pawl.RunOf[int](c, t.Input).Wait(ctx)
		})
		hand.Handle(c, handing)
		late := add(t, c, hand, 1, pawl.Delay(2*time.Hour))
		bad := add(t, c, hand, -1, pawl.Delay(time.Hour))
		start(t, c)
		runs := []*pawl.Run[int]{add(t, c, waiter, late.ID), add(t, c, waiter, bad.ID), add(t, c, waiter, pawl.NewID())}
		if got := result(t, runs[0]); got != 10 || row(t, c, runs[0].ID).Used != 1 {
			t.Errorf("Wait = %d; want 10, with one attempt used", got)
		}
		if last := dead(t, runs[1]).LastAttempt(); last.Class != pawl.Broken {
			t.Errorf("dead of %+v; want broken", last)
		}
		if last := dead(t, runs[2]).LastAttempt(); !strings.Contains(last.Message, "task not found") {
			t.Errorf("dead of %+v; want that there is no such task", last)
		}
	})
}

// A flow that a handler adds is one child: a line of tasks, with branches of its own.
func TestAHandlerAddsFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{Workers: 1, Patience: time.Second})
		agent := pawl.Operation[[]int, []int]{Name: "agent", Limit: pawl.NoLimit}
		flow := pawl.Then(pawl.Each(pawl.Then(double, double), pawl.AtOnce(1)), total)
		agent.Handle(c, func(ctx context.Context, t *pawl.Task[[]int]) ([]int, error) {
			runs, err := flow.AddMany(ctx, c, [][]int{t.Input, {}, t.Input[1:]})
			if err != nil {
				return nil, err
			}
			return pawl.WaitAll(ctx, runs)
		})
		start(t, c)
		run := add(t, c, agent, []int{1, 2, 3})
		if got := result(t, run); !cmp.Equal(got, []int{24, 0, 20}) {
			t.Errorf("Wait = %v; want 24, 0, 20", got)
		}
		// A failure in it is the handler's business, and not the run's.
		failing := add(t, c, agent, []int{1, -2})
		if d := dead(t, failing); d.ID != failing.ID || d.LastAttempt().Class != pawl.Broken {
			t.Errorf("%s is dead: %+v; want the agent, broken", d.Operation, d.LastAttempt())
		}
	})
}
