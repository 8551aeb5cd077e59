package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
)

// claims is a store whose claims a test does in its own way.
type claims struct {
	pawl.Store
	claim func(ctx context.Context, ask pawl.Claim, do func() (pawl.Claimed, error)) (pawl.Claimed, error)
}

func (s *claims) Claim(ctx context.Context, now time.Time, ask pawl.Claim) (pawl.Claimed, error) {
	return s.claim(ctx, ask, func() (pawl.Claimed, error) { return s.Store.Claim(ctx, now, ask) })
}

var errBroken = errors.New("connection broken")

// breaking is a store whose first claims that find tasks take effect and fail.
func breaking(t *testing.T, times int) *claims {
	broken := 0
	return &claims{Store: newStore(t), claim: func(_ context.Context, ask pawl.Claim, do func() (pawl.Claimed, error)) (pawl.Claimed, error) {
		claimed, err := do()
		if err == nil && len(claimed.Tasks) > 0 && broken < times {
			broken++
			return pawl.Claimed{}, errBroken
		}
		return claimed, err
	}}
}

// A claim whose answer was lost costs its tasks no attempt and no death, and not
// the rest of the lease either.
func TestClaimWhoseAnswerIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := breaking(t, 3)
		c := newClient(store, pawl.Config{Workers: 5})
		var ran atomic.Int64
		asks.Handle(c, func(context.Context, *pawl.Task[string]) (string, error) {
			ran.Add(1)
			time.Sleep(20 * time.Second) // two leases
			return "done", nil
		})
		var runs []*pawl.Run[string]
		for i := range 5 {
			runs = append(runs, add(t, c, asks, fmt.Sprint(i)))
		}
		began := time.Now()
		start(t, c)
		for _, run := range runs {
			result(t, run)
			r := row(t, c, run.ID)
			if r.Attempt != 1 || r.Deaths != 0 || len(r.Attempts) != 1 {
				t.Errorf("task has had %d claims, %d deaths and attempts %+v; want one good attempt", r.Attempt, r.Deaths, r.Attempts)
			}
		}
		if n, took := ran.Load(), time.Since(began); n != 5 || !within(took, 23*time.Second, 25*time.Second) {
			t.Errorf("%d handlers ran, within %v; want 5 after three pauses of a second", n, took)
		}
	})
}

// What is found again beyond the places that are free now is asked for once more.
func TestClaimsThatAreFoundInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := breaking(t, 1)
		inner := store.claim
		store.claim = func(ctx context.Context, ask pawl.Claim, do func() (pawl.Claimed, error)) (pawl.Claimed, error) {
			if ask.Known == nil {
				ask.Max = 9 // as if more places had been free before
				do = func() (pawl.Claimed, error) { return store.Store.Claim(ctx, time.Time{}, ask) }
			}
			return inner(ctx, ask, do)
		}
		c := newClient(store, pawl.Config{Workers: 3})
		asks.Handle(c, func(context.Context, *pawl.Task[string]) (string, error) { return "done", nil })
		runs, err := asks.AddMany(t.Context(), c, []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"})
		must(t, err)
		began := time.Now()
		start(t, c)
		for _, run := range runs {
			result(t, run)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v; want less than a lease", took)
		}
	})
}

// A task that was cancelled while nobody knew that it ran is stopped at once.
func TestCancelOfATaskWhoseClaimWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := breaking(t, 1)
		c := newClient(store, pawl.Config{})
		asks.Handle(c, func(ctx context.Context, _ *pawl.Task[string]) (string, error) {
			<-ctx.Done()
			return "", context.Cause(ctx)
		})
		run := add(t, c, asks, "x")
		start(t, c)
		time.Sleep(500 * time.Millisecond)
		if r := row(t, c, run.ID); r.State != pawl.Running {
			t.Fatalf("task is %s; want it running without its worker's knowledge", r.State)
		}
		_, err := c.Cancel(t.Context(), pawl.Filter{Run: run.ID})
		must(t, err)
		began := time.Now()
		if _, err := run.Wait(t.Context()); !errors.Is(err, pawl.ErrCancelled) || time.Since(began) > time.Second {
			t.Errorf("Wait = %v after %v; want ErrCancelled within a second", err, time.Since(began))
		}
	})
}

// A claim that is under way when Run's context ends gets its answer, and what it
// took is worked on within the grace period.
func TestDrainWaitsForItsClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &claims{Store: newStore(t), claim: func(ctx context.Context, _ pawl.Claim, do func() (pawl.Claimed, error)) (pawl.Claimed, error) {
			claimed, err := do()
			select {
			case <-time.After(time.Second): // the answer is on its way
				return claimed, err
			case <-ctx.Done():
				return pawl.Claimed{}, ctx.Err()
			}
		}}
		c := newClient(store, pawl.Config{})
		asks.Handle(c, func(context.Context, *pawl.Task[string]) (string, error) { return "done", nil })
		run := add(t, c, asks, "x")
		stop := start(t, c)
		time.Sleep(500 * time.Millisecond)
		stop()
		if r := row(t, c, run.ID); r.State != pawl.Succeeded || r.Attempt != 1 {
			t.Errorf("after the drain the task is %s, attempt %d; want it done", r.State, r.Attempt)
		}
	})
}

// A store that never answers does not hold up a drain.
func TestDrainGivesUpItsClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &claims{Store: newStore(t), claim: func(ctx context.Context, _ pawl.Claim, _ func() (pawl.Claimed, error)) (pawl.Claimed, error) {
			<-ctx.Done()
			return pawl.Claimed{}, ctx.Err()
		}}
		c := newClient(store, pawl.Config{})
		asks.Handle(c, func(context.Context, *pawl.Task[string]) (string, error) { return "", nil })
		stop := start(t, c)
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Run returned after %v; want a few seconds", took)
		}
	})
}
