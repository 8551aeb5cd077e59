package pawl_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

func TestTryGivesAValueOrAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		good, err := pawl.Try(double).Add(t.Context(), c, 4)
		must(t, err)
		if got := result(t, good); got.Value != 8 || got.Failure != nil {
			t.Errorf("Wait = %+v; want 8", got)
		}
		bad, err := pawl.Try(double).Add(t.Context(), c, -4)
		must(t, err)
		got := result(t, bad)
		d := rowsOf(t, c, bad.ID, "double")
		if len(d) != 1 || d[0].State != pawl.Dead || !d[0].Caught() {
			t.Fatalf("%d tasks of double; want a dead letter that is kept", len(d))
		}
		want := &pawl.Failure{Task: d[0].ID, Class: llm.Permanent, Message: "no -4"}
		if diff := cmp.Diff(pawl.Result[int]{Failure: want}, got); diff != "" {
			t.Errorf("result differs (-want +got):\n%s", diff)
		}
		if text, want := got.Failure.Error(), "pawl: "+d[0].ID.String()+": permanent: no -4"; text != want {
			t.Errorf("Error = %q; want %q", text, want)
		}
	})
}

// A dead letter that was tried for may be retried: the run has gone on without it, and
// stays as it is.
func TestWhatWasTriedForIsRetriedForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		run, err := pawl.Try(double).Add(t.Context(), c, -4)
		must(t, err)
		d := result(t, run).Failure.Task
		must(t, c.RetryWith(t.Context(), d, 4))
		idle()
		if r := row(t, c, d); r.State != pawl.Succeeded || string(r.Output) != "8" {
			t.Errorf("the retried task is %s with %s; want 8", r.State, r.Output)
		}
		if got := result(t, run); got.Failure == nil || got.Failure.Task != d {
			t.Errorf("Wait = %+v; want the failure, as before", got)
		}
	})
}

// A failure breaks what is above it, up to the first Try: each level says so, and of what.
func TestAFailureBreaksWhatIsAboveUpToTheFirstTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		flow := pawl.Each(pawl.Try(pawl.Each(pawl.Then(pawl.Each(double), total))))
		run, err := flow.Add(t.Context(), c, [][][]int{{{1}, {2, -2}}, {{3}}})
		must(t, err)
		got := result(t, run)
		if len(got) != 2 || got[1].Failure != nil || !cmp.Equal(got[1].Value, []int{6}) {
			t.Fatalf("Wait = %+v; want a failure and [6]", got)
		}
		outer := row(t, c, got[0].Failure.Task)
		classes := map[llm.Class]int{}
		all, err := c.List(t.Context(), pawl.Filter{Run: run.ID, States: []pawl.State{pawl.Dead}})
		must(t, err)
		for _, r := range all {
			classes[r.LastAttempt().Class]++
		}
		if outer.Operation != "pawl.each" || got[0].Failure.Class != pawl.Broken || classes[pawl.Broken] != 2 || classes[llm.Permanent] != 1 {
			t.Errorf("failure of %s: %+v, dead letters %v; want two broken lists above a permanent failure", outer.Operation, got[0].Failure, classes)
		}
	})
}

func TestWhatIsCancelledFailsATry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		double.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		start(t, c)
		run, err := pawl.Try(double).Add(t.Context(), c, 1)
		must(t, err)
		idle()
		_, err = c.Cancel(t.Context(), pawl.Filter{Run: run.ID, Operation: "double"})
		must(t, err)
		if got := result(t, run); got.Failure == nil || got.Failure.Class != pawl.Stopped || got.Failure.Message != pawl.ErrCancelled.Error() {
			t.Errorf("Wait = %+v; want that it was cancelled", got.Failure)
		}
	})
}

// A deadline is the whole run's: a Try that has passed it does not go on.
func TestATryKeepsNoDeadlineOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		double.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			<-ctx.Done()
			return 0, errors.New("too late")
		})
		start(t, c)
		run, err := pawl.Try(double).Add(t.Context(), c, 1, pawl.Deadline(time.Now().Add(time.Minute)))
		must(t, err)
		if d := dead(t, run); d.ID != run.ID || d.LastAttempt().Class != pawl.Expired {
			t.Errorf("%s is dead of %s; want the Try, expired", d.Operation, d.LastAttempt().Class)
		}
	})
}
