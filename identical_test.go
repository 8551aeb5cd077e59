package pawl_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
)

// A flow is another one if a later operation's version is; and a run that died
// answers nobody.
func TestAFlowIsIdenticalInAllItsParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := pawl.Operation[string, string]{Name: "a", Reuse: time.Hour}
		b := pawl.Operation[string, string]{Name: "b", Version: "1"}
		b2 := b
		b2.Version = "2"
		c := newClient(newStore(t), pawl.Config{})
		a.Handle(c, func(ctx context.Context, tk *pawl.Task[string]) (string, error) { return tk.Input, nil })
		b.Handle(c, func(ctx context.Context, tk *pawl.Task[string]) (string, error) {
			if tk.Input == "die" {
				return "", pawl.Permanent(errors.New("no"))
			}
			return "", nil
		})
		start(t, c)
		ctx := context.Background()
		r, err := pawl.Then(a, b).Add(ctx, c, "in")
		must(t, err)
		result(t, r)
		r2, err := pawl.Then(a, b2).Add(ctx, c, "in")
		must(t, err)
		if r2.As != pawl.AsNew {
			t.Errorf("flow with another Version of b: As = %s; want new", r2.As)
		}
		r3, err := pawl.Then(a, b).Add(ctx, c, "die")
		must(t, err)
		_, _ = r3.Wait(ctx)
		r4, err := pawl.Then(a, b).Add(ctx, c, "die")
		must(t, err)
		if r4.As != pawl.AsNew {
			_, err := r4.Wait(ctx)
			t.Errorf("a run that died answers another: As = %s, Wait = %v", r4.As, err)
		}
	})
}

// A caller may use the memory of an input again.
func TestAnInputIsTheTasksOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := pawl.Operation[json.RawMessage, json.RawMessage]{Name: "raw"}
		c := one(t, op, func(ctx context.Context, tk *pawl.Task[json.RawMessage]) (json.RawMessage, error) {
			return tk.Input, nil
		})
		in := json.RawMessage(`"first"`)
		r := add(t, c, op, in)
		copy(in, `"other"`)
		start(t, c)
		if out := result(t, r); string(out) != `"first"` {
			t.Errorf("input became %s", out)
		}
	})
}

// A flow in flight is joined wherever it stands, not only in its first task.
func TestAFlowIsJoinedInItsSecondTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := pawl.Operation[string, string]{Name: "first"}
		second := pawl.Operation[string, string]{Name: "second"}
		c := newClient(newStore(t), pawl.Config{})
		firsts, release := 0, make(chan struct{})
		first.Handle(c, func(context.Context, *pawl.Task[string]) (string, error) {
			firsts++
			return "half", nil
		})
		second.Handle(c, func(context.Context, *pawl.Task[string]) (string, error) {
			<-release
			return "whole", nil
		})
		start(t, c)
		flow := pawl.Then(first, second)
		a, err := flow.Add(context.Background(), c, "in")
		must(t, err)
		idle()
		b, err := flow.Add(context.Background(), c, "in")
		must(t, err)
		if b.As != pawl.AsJoined || b.ID != a.ID {
			t.Errorf("the second Add = %s as %s; want %s, joined", b.ID, b.As, a.ID)
		}
		close(release)
		if out := result(t, b); out != "whole" || firsts != 1 {
			t.Errorf("result = %q after %d calls of the first handler; want whole after 1", out, firsts)
		}
		again, err := flow.Add(context.Background(), c, "in")
		must(t, err)
		if again.As != pawl.AsNew {
			t.Errorf("Add after the run has ended = %s; want new", again.As)
		}
		result(t, again)
	})
}
