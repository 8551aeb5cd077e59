package pawl_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
)

// forked returns the result of a fork of a run.
func forked[Out any](t *testing.T, run *pawl.Run[Out], from string, variants ...pawl.Variant) []Out {
	t.Helper()
	forks, err := run.Fork(t.Context(), from, variants...)
	must(t, err)
	outs := make([]Out, len(forks))
	for i, f := range forks {
		outs[i] = result(t, f)
	}
	return outs
}

func TestAForkKeepsWhatCameBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		calls := map[string]int{}
		for _, o := range []pawl.Operation[string, string]{{Name: "a"}, {Name: "b"}, {Name: "c"}} {
			o.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
				calls[o.Name]++
				first, err := pawl.Step(ctx, "first", func(context.Context) (string, error) {
					calls[o.Name+" first"]++
					return o.Name + fmt.Sprint(calls[o.Name]), nil
				})
				if err != nil {
					return "", err
				}
				second, err := pawl.Step(ctx, "second", func(context.Context) (string, error) {
					calls[o.Name+" second"]++
					return first + "'", nil
				})
				return t.Input + " " + second, err
			})
		}
		start(t, c)
		op := func(name string) pawl.Operation[string, string] { return pawl.Operation[string, string]{Name: name} }
		run, err := pawl.Then(pawl.Then(op("a"), op("b")), op("c")).Add(t.Context(), c, "in")
		must(t, err)
		if got := result(t, run); got != "in a1' b1' c1'" {
			t.Fatalf("Wait = %s", got)
		}
		got := append(forked(t, run, "b"), forked(t, run, "b/second")...)
		got = append(got, forked(t, run, "b/2", pawl.Variant{"temperature": json.RawMessage("0")})...)
		got = append(got, forked(t, run, "b", pawl.Variant{"input": json.RawMessage(`"other"`)})...)
		got = append(got, forked(t, run, "")...)
		want := []string{"in a1' b2' c2'", "in a1' b1' c3'", "in a1' b1' c4'", "other b5' c5'", "in a2' b6' c6'"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("forks differ (-want +got):\n%s", diff)
		}
		if calls["a"] != 2 || calls["b first"] != 4 || calls["b second"] != 6 {
			t.Errorf("calls = %v; want what was kept not to be done again", calls)
		}
		if _, err := run.Fork(t.Context(), "b/third"); err == nil || !strings.Contains(err.Error(), `has no step "third"; it has 1 (first) or 2 (second)`) {
			t.Errorf("Fork at a step that is not there = %v", err)
		}
		if _, err := run.Fork(t.Context(), "d"); err == nil || !strings.Contains(err.Error(), `it has no task "d"; it has a, b or c`) {
			t.Errorf("Fork at a task that is not there = %v", err)
		}
	})
}

func TestAForkInsideABranchKeepsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		run, err := pawl.Then(pawl.Each(pawl.Then(double, double)), total).Add(t.Context(), c, []int{1, 2, 3})
		must(t, err)
		if got := result(t, run); got != 24 {
			t.Fatalf("Wait = %d; want 24", got)
		}
		rows, err := c.List(t.Context(), pawl.Filter{Run: run.ID})
		must(t, err)
		at := ""
		for _, r := range rows {
			if r.Operation == "double" && string(r.Input) == "4" {
				at = r.ID.String()
			}
		}
		if diff := cmp.Diff([]int{216}, forked(t, run, at, pawl.Variant{"input": json.RawMessage("100")})); diff != "" {
			t.Errorf("fork differs (-want +got):\n%s", diff)
		}
	})
}

func TestAForkInsideWhatAHandlerAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		planner := pawl.Operation[int, int]{Name: "planner", Limit: pawl.NoLimit}
		doubled := map[int]int{}
		planner.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			sum := 0
			for i := range t.Input {
				run, err := double.Add(ctx, c, i)
				if err != nil {
					return 0, err
				}
				out, err := run.Wait(ctx)
				if err != nil {
					return 0, err
				}
				out, err = pawl.Step(ctx, "use", func(context.Context) (int, error) {
					doubled[i]++
					return out, nil
				})
				if err != nil {
					return 0, err
				}
				sum += out
			}
			return sum, nil
		})
		start(t, c)
		run := add(t, c, planner, 4)
		if got := result(t, run); got != 12 {
			t.Fatalf("Wait = %d; want 12", got)
		}
		rows, err := c.List(t.Context(), pawl.Filter{Run: run.ID})
		must(t, err)
		at := ""
		for _, r := range rows {
			if r.Operation == "double" && string(r.Input) == "2" {
				at = r.ID.String()
			}
		}
		if diff := cmp.Diff([]int{208}, forked(t, run, at, pawl.Variant{"input": json.RawMessage("100")})); diff != "" {
			t.Errorf("fork differs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[int]int{0: 1, 1: 1, 2: 2, 3: 2}, doubled); diff != "" {
			t.Errorf("steps done differ (-want +got):\n%s", diff)
		}
	})
}

// What forks do is nobody's duplicate: else the variants of a comparison would take
// each other's results, and runs of today those of an experiment.
func TestAForkSharesNothingWithOtherRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		var done atomic.Int64
		look := pawl.Operation[string, string]{Name: "look", Limit: pawl.NoLimit, Reuse: time.Hour}
		plan := pawl.Operation[string, string]{Name: "plan", Limit: pawl.NoLimit}
		look.Handle(c, func(context.Context, *pawl.Task[string]) (string, error) {
			return fmt.Sprint(done.Add(1)), nil
		})
		plan.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			run, err := look.Add(ctx, c, t.Input)
			if err != nil {
				return "", err
			}
			return run.Wait(ctx)
		})
		start(t, c)
		run := add(t, c, plan, "x")
		if got := result(t, run); got != "1" {
			t.Fatalf("Wait = %s; want 1", got)
		}
		got := forked(t, run, "", nil, pawl.Variant{"model": json.RawMessage(`"m"`)})
		slices.Sort(got)
		if diff := cmp.Diff([]string{"2", "3"}, got); diff != "" {
			t.Errorf("forks differ (-want +got):\n%s", diff)
		}
		if got := result(t, add(t, c, look, "x")); got != "1" {
			t.Errorf("a run of its own gave %s; want 1, that of the run that is no fork", got)
		}
	})
}
