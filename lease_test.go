package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// deaf is a store whose heartbeats reach nobody and answer nothing.
type deaf struct{ pawl.Store }

func (deaf) Beat(context.Context, time.Time, time.Duration, []pawl.Lease) ([]pawl.Beat, error) {
	return nil, errors.New("no route to host")
}

func TestHeartbeatsKeepALongHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c, other := newClient(store, pawl.Config{Lease: 9 * time.Second}), newClient(store, pawl.Config{})
		handler := func(ctx context.Context, _ *pawl.Task[string]) (string, error) {
			select {
			case <-time.After(time.Hour):
				return "done", nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		}
		o := asks
		o.Timeout = 2 * time.Hour
		o.Handle(c, handler)
		o.Handle(other, handler)
		start(t, c)
		idle()
		run := add(t, other, o, "x")
		idle()
		start(t, other)
		if got := result(t, run); got != "done" {
			t.Errorf("Wait = %s; want done", got)
		}
		if r := row(t, c, run.ID); len(r.Attempts) != 1 || r.Deaths != 0 {
			t.Errorf("attempts = %+v; want one", r.Attempts)
		}
	})
}

// A handler that outlives its lease learns it, and its outcome changes nothing:
// another worker has the task.
func TestFinishAfterLeaseLost(t *testing.T) {
	outcomes := map[string]struct {
		out string
		err error
	}{
		"success":   {"too late", nil},
		"failure":   {"", errors.New("too late")},
		"permanent": {"", pawl.Permanent(errors.New("too late"))},
	}
	for name, outcome := range outcomes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newStore(t)
				slow, other := newClient(deaf{store}, pawl.Config{Name: "slow", Workers: 1}), newClient(store, pawl.Config{Name: "other"})
				var cause error
				var learned, stepped time.Duration
				asks.Handle(slow, func(ctx context.Context, _ *pawl.Task[string]) (string, error) {
					began := time.Now()
					<-ctx.Done()
					learned, cause = time.Since(began), context.Cause(ctx)
					time.Sleep(time.Minute) // and does not care
					if _, err := pawl.Step(ctx, "late", func(context.Context) (int, error) { return 1, nil }); !errors.Is(err, pawl.ErrLeaseLost) {
						t.Errorf("Step = %v; want ErrLeaseLost", err)
					}
					stepped = time.Since(began)
					return outcome.out, outcome.err
				})
				asks.Handle(other, func(context.Context, *pawl.Task[string]) (string, error) {
					time.Sleep(10 * time.Minute)
					return "in time", nil
				})
				run := add(t, other, asks, "x")
				start(t, slow)
				idle()
				start(t, other)
				if got := result(t, run); got != "in time" {
					t.Errorf("Wait = %s; want in time", got)
				}
				if !errors.Is(cause, pawl.ErrLeaseLost) || learned > 14*time.Second || stepped == 0 {
					t.Errorf("the handler learned %v after %v; want ErrLeaseLost within the lease and a heartbeat", cause, learned)
				}
				r := row(t, other, run.ID)
				if len(r.Attempts) != 2 || r.Attempts[0].Class != pawl.Lost || r.Attempts[0].Worker != "slow" || r.Attempts[1].Worker != "other" || len(r.Steps) != 0 {
					t.Errorf("attempts = %+v, %d steps; want slow's lost, other's success, no steps", r.Attempts, len(r.Steps))
				}
			})
		})
	}
}

// A worker whose store answers again after the lease ended learns from the
// answer that the lease is lost.
func TestALeaseThatTheStoreTookBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		c, other := newClient(store, pawl.Config{}), newClient(store, pawl.Config{})
		var cause error
		asks.Handle(c, stuck(&cause))
		start(t, c)
		run := add(t, c, asks, "x")
		idle()
		// A clock of the store that jumps ahead is a lease that ends early.
		claimed, err := store.Claim(t.Context(), time.Now().Add(time.Minute), pawl.Claim{Worker: "thief", Operations: []string{"ask"}, Max: 1, Lease: time.Hour})
		if err != nil || len(claimed.Tasks) != 1 {
			t.Fatalf("Claim = %+v, %v; want the task", claimed, err)
		}
		time.Sleep(5 * time.Second)
		idle()
		if !errors.Is(cause, pawl.ErrLeaseLost) {
			t.Errorf("Cause = %v; want ErrLeaseLost at the next heartbeat", cause)
		}
		if r := row(t, other, run.ID); r.State != pawl.Running || r.Worker != "thief" || r.Attempt != 2 {
			t.Errorf("row = %+v; want the thief's second attempt", r)
		}
	})
}

func TestADeadWorkersTasksAreRecoveredWithinTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &mortal{Store: newStore(t)}
		const lease = 6 * time.Second
		doomed, heir := newClient(store, pawl.Config{Lease: lease, Workers: 40}), newClient(store.Store, pawl.Config{Lease: time.Minute, Workers: 100})
		handler := func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			select {
			case <-time.After(5 * time.Second):
				return task.Input, nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		asks.Handle(doomed, handler)
		asks.Handle(heir, handler)
		start(t, doomed)
		began := time.Now()
		var runs []*pawl.Run[string]
		for i := range 100 {
			runs = append(runs, add(t, heir, asks, fmt.Sprint(i)))
		}
		idle()
		start(t, heir)
		time.Sleep(time.Until(began.Add(4 * time.Second))) // a heartbeat or two
		store.die()
		died := time.Now()
		lost := 0
		for i, run := range runs {
			if got := result(t, run); got != fmt.Sprint(i) {
				t.Errorf("run %d: Wait = %s; want %d", i, got, i)
			}
			for _, a := range row(t, heir, run.ID).Attempts {
				if a.Class == pawl.Lost {
					lost++
					if took := a.Ended.Sub(died); took > lease {
						t.Errorf("task %d was recovered %v after its worker died; want within %v", i, took, lease)
					}
				}
			}
		}
		if lost != 40 {
			t.Errorf("%d attempts were lost; want the 40 of the dead worker", lost)
		}
	})
}

// What a worker could not write while its store was away is written when the
// store is back, if the lease lasts.
func TestOutcomesOutliveAShortOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &mortal{Store: newStore(t)}
		c, other := newClient(store, pawl.Config{}), newClient(store.Store, pawl.Config{})
		m := &model{answer: func(context.Context, int) (*llm.Response, error) {
			store.die()
			return say("paid"), nil
		}}
		asks.Handle(c, asking(m))
		start(t, c)
		run := add(t, other, asks, "x")
		time.Sleep(5 * time.Second)
		store.mu.Lock()
		store.dead = false
		store.mu.Unlock()
		if got := result(t, run); got != "paid" {
			t.Errorf("Wait = %s; want paid", got)
		}
		if r := row(t, other, run.ID); len(r.Attempts) != 1 || m.calls() != 1 {
			t.Errorf("%d attempts, %d calls; want 1, 1", len(r.Attempts), m.calls())
		}
	})
}
