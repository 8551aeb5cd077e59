package pawl_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
)

// A line whose beginning was removed and is added again leads to what is left of it:
// whoever waits for the line learns how that stands, and does not wait for ever.
func TestALineThatIsAddedAgainLeadsToWhatIsLeftOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Patience: time.Second})
		first := pawl.Operation[int, int]{Name: "first", Limit: pawl.NoLimit}
		second := pawl.Operation[int, int]{Name: "second", Limit: pawl.NoLimit}
		parent := pawl.Operation[string, int]{Name: "parent", Limit: pawl.NoLimit}
		first.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			time.Sleep(time.Minute)
			return t.Input, ctx.Err()
		})
		second.Handle(c, func(context.Context, *pawl.Task[int]) (int, error) {
			return 0, pawl.Permanent(errors.New("no"))
		})
		parent.Handle(c, func(ctx context.Context, _ *pawl.Task[string]) (int, error) {
			run, err := pawl.Then(first, second).Add(ctx, c, 1)
			if err != nil {
				return 0, err
			}
			return run.Wait(ctx)
		})
		start(t, c)
		run := add(t, c, parent, "one")
		dead(t, run)
		begun := rowsOf(t, c, run.ID, "first")
		if ids, err := c.Delete(t.Context(), pawl.Filter{IDs: []pawl.ID{begun[0].ID}}); err != nil || len(ids) != 1 {
			t.Fatalf("Delete = %v, %v; want the one", ids, err)
		}
		must(t, c.RetryWith(t.Context(), run.ID, "two"))
		time.Sleep(time.Hour)
		if r := row(t, c, run.ID); r.State != pawl.Dead || r.LastAttempt().Class != pawl.Broken {
			t.Errorf("the task is %s after %+v; want it dead of what is left of the line", r.State, r.LastAttempt())
		}
	})
}
