package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

var sort = pawl.Operation[int, string]{Name: "sort", Limit: pawl.NoLimit}

// sorting returns a client whose operation sort says "large", "small" or "odd one".
func sorting(t *testing.T) *pawl.Client {
	c := combined(t, pawl.Config{})
	sort.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (string, error) {
		if err := t.Append(ctx, llm.Text("user", "Sorted.")); err != nil {
			return "", err
		}
		switch {
		case t.Input > 9:
			return "large", t.SetData("size", t.Input)
		case t.Input == 7:
			return "odd one", nil
		}
		return "small", nil
	})
	start(t, c)
	return c
}

// A way gets the input that was sorted, not what the sorting returned; what follows
// gets what the way returned.
func TestAWayGetsTheInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sorting(t)
		flow := pawl.Then(pawl.Choose(sort, pawl.When("large", pawl.Then(double, double)), pawl.Otherwise(double)), words)
		for in, want := range map[int]string{10: "n40", 1: "n2", 7: "n14"} {
			run, err := flow.Add(t.Context(), c, in)
			must(t, err)
			if got := result(t, run); got != want {
				t.Errorf("%d: Wait = %s; want %s", in, got, want)
			}
			for _, r := range rowsOf(t, c, run.ID, "words") {
				if !r.Parent().IsZero() {
					t.Errorf("%d: words has parent %s; want it in the run's own line", in, r.Parent())
				}
			}
		}
	})
}

// A way goes on with the conversation and the data as the sorting left them.
func TestAWayGoesOnWithTheConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		sort.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (string, error) {
			return "it", errors.Join(t.Append(ctx, llm.Text("user", "Sorted.")), t.SetData("size", t.Input))
		})
		words.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (string, error) {
			talk, err := t.Conversation(ctx)
			return fmt.Sprint(texts(talk), string(t.Data()["size"]), string(t.Data()["own"])), err
		})
		start(t, c)
		run, err := pawl.Choose(sort, pawl.When("it", words)).Add(t.Context(), c, 3,
			pawl.Messages{llm.Text("user", "Hello.")}, pawl.Data{"own": json.RawMessage("1")})
		must(t, err)
		if got, want := result(t, run), "[user: Hello. user: Sorted.]31"; got != want {
			t.Errorf("Wait = %s; want %s", got, want)
		}
	})
}

// A name that no way has is a failure for good of what said it: mended and retried, the
// run goes on.
func TestANameWithoutAWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sorting(t)
		flow := pawl.Each(pawl.Choose(sort, pawl.When("large", double), pawl.When("small", double)))
		run, err := flow.Add(t.Context(), c, []int{1, 7, 10})
		must(t, err)
		d := dead(t, run)
		if last := d.LastAttempt(); d.Operation != "sort" || last.Class != llm.Permanent || last.Message != `choice of sort is "odd one"; want one of "large" or "small"` {
			t.Errorf("dead letter = %s, %s: %s; want that of sort", d.Operation, last.Class, last.Message)
		}
		must(t, c.RetryWith(t.Context(), d.ID, 8))
		if got := result(t, run); !cmp.Equal(got, []int{2, 16, 20}) {
			t.Errorf("Wait = %v; want 2, 16, 20", got)
		}
	})
}

// Ways may be flows of all kinds, and end a branch or a run.
func TestWaysNest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sorting(t)
		inner := pawl.Choose(sort, pawl.When("small", pawl.Then(double, double)), pawl.Otherwise(double))
		flow := pawl.Each(pawl.Choose(sort, pawl.When("small", inner), pawl.When("large", pawl.Then(inner, inner)), pawl.Otherwise(inner)))
		run, err := flow.Add(t.Context(), c, []int{1, 10, 7, 2})
		must(t, err)
		if got := result(t, run); !cmp.Equal(got, []int{4, 40, 14, 8}) {
			t.Errorf("Wait = %v; want 4, 40, 14, 8", got)
		}
	})
}
