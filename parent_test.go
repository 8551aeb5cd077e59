package pawl_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// A handler that waits for a child gives back what was reserved for its own call:
// else parents would keep their children out for ever.
func TestAParentThatWaitsKeepsNoCallInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent := pawl.Operation[string, string]{Name: "parent"}
		child := pawl.Operation[string, string]{Name: "child"}
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": {InFlight: 1}}})
		child.Handle(c, func(ctx context.Context, tk *pawl.Task[string]) (string, error) { return "c", nil })
		parent.Handle(c, func(ctx context.Context, tk *pawl.Task[string]) (string, error) {
			r, err := child.Add(ctx, c, "x")
			if err != nil {
				return "", err
			}
			return r.Wait(ctx)
		})
		start(t, c)
		r := add(t, c, parent, "a")
		at := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		_, err := r.Wait(ctx)
		if d := time.Since(at); d > time.Minute {
			t.Errorf("parent ended after %v: %v", d, err)
		}
	})
}

// A handler that waits for a child leaves its place at the worker to it.
func TestAParentThatWaitsGivesUpItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent := pawl.Operation[string, string]{Name: "parent", Limit: pawl.NoLimit}
		child := pawl.Operation[string, string]{Name: "child", Limit: pawl.NoLimit}
		c := newClient(newStore(t), pawl.Config{Workers: 1})
		child.Handle(c, func(ctx context.Context, tk *pawl.Task[string]) (string, error) { return "c", nil })
		parent.Handle(c, func(ctx context.Context, tk *pawl.Task[string]) (string, error) {
			r, err := child.Add(ctx, c, "x")
			if err != nil {
				return "", err
			}
			return r.Wait(ctx)
		})
		start(t, c)
		at := time.Now()
		_, err := add(t, c, parent, "a", pawl.Attempts(1)).Wait(context.Background())
		if d := time.Since(at); d > time.Minute {
			t.Errorf("parent ended after %v: %v", d, err)
		}
	})
}
