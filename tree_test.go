package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/llm"
)

// drawn is a tree in a few words, one line for each task: its branch, operation and
// state, indented by depth.
func drawn(t *pawl.Tree) []string {
	var lines []string
	var line func(depth int, l *pawl.TreeLine)
	line = func(depth int, l *pawl.TreeLine) {
		for i, task := range l.Tasks {
			name := ""
			if i == 0 && l.Name != "" {
				name = l.Name + " "
			}
			lines = append(lines, strings.Repeat("  ", depth)+name+task.Task.Operation+" "+string(task.Task.State))
			for _, b := range task.Branches {
				line(depth+1, b)
			}
		}
		if len(l.Next) > 0 {
			lines = append(lines, strings.Repeat("  ", depth)+"then "+pawl.Outline(l.Next))
		}
	}
	line(0, t.Line)
	for _, l := range t.Loose {
		line(1, l)
	}
	return lines
}

func tree(t *testing.T, c *pawl.Client, id pawl.ID) *pawl.Tree {
	t.Helper()
	got, err := c.Tree(t.Context(), id)
	must(t, err)
	return got
}

func expectDrawn(t *testing.T, got *pawl.Tree, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, drawn(got)); diff != "" {
		t.Errorf("tree differs (-want +got):\n%s", diff)
	}
}

func TestATreeHasAllTasksInTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type both struct {
			Sum   int
			Words []string
		}
		c := combined(t, pawl.Config{})
		start(t, c)
		flow := pawl.Then(fields, pawl.All(
			pawl.Into(func(b *both) *[]string { return &b.Words }, pawl.Each(pawl.Then(double, words))),
			pawl.Into(func(b *both) *int { return &b.Sum }, total),
		))
		run, err := flow.Add(t.Context(), c, "12", pawl.User("u"))
		must(t, err)
		result(t, run)
		got := tree(t, c, run.ID)
		expectDrawn(t, got,
			"fields succeeded",
			"pawl.all succeeded",
			"  Words pawl.each succeeded",
			"    [0] double succeeded",
			"    words succeeded",
			"    [1] double succeeded",
			"    words succeeded",
			"  Sum total succeeded",
		)
		if got.State != pawl.Succeeded || got.Run != run.ID || got.User != "u" || got.Tasks != 8 || got.Counts[pawl.Succeeded] != 8 || got.Ended.IsZero() {
			t.Errorf("run = %+v; want 8 tasks that succeeded", got.Overview)
		}
		if text := pawl.Outline(got.Stages); text != "fields → all(Words: each(double → words), Sum: total)" {
			t.Errorf("stages are %s", text)
		}
		inner := got.Line.Tasks[1].Branches[0].Tasks[0].Branches[0].Tasks[1].Task.ID
		if diff := cmp.Diff(got, tree(t, c, inner)); diff != "" {
			t.Errorf("the tree by a task's id differs:\n%s", diff)
		}
	})
}

func TestATreeSaysWhatComesNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		flow := pawl.Then(pawl.Then(fields, pawl.Each(pawl.Then(double, words))), pawl.Try(pawl.Each(words2)))
		run, err := flow.Add(t.Context(), c, "1")
		must(t, err)
		got := tree(t, c, run.ID)
		expectDrawn(t, got, "fields pending", "then each(double → words) → try(each(shout))")
		if got.State != pawl.Pending || !got.Ended.IsZero() || !got.Started.IsZero() {
			t.Errorf("run = %+v; want it pending", got.Overview)
		}
	})
}

var words2 = pawl.Operation[string, string]{Name: "shout"}

func TestARunIsDeadWhereItWaitsForARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mended := false
		c := one(t, double, func(_ context.Context, t *pawl.Task[int]) (int, error) {
			if t.Input < 0 && !mended {
				return 0, pawl.Permanent(errors.New("below 0"))
			}
			return t.Input, nil
		})
		start(t, c)
		run, err := pawl.Each(pawl.Each(double)).Add(t.Context(), c, [][]int{{1}, {2, -3}})
		must(t, err)
		_, err = run.Wait(t.Context())
		time.Sleep(time.Millisecond + 8*lateness())
		synctest.Wait()
		got := tree(t, c, run.ID)
		expectDrawn(t, got,
			"pawl.each blocked",
			"  [0] pawl.each succeeded",
			"    [0] double succeeded",
			"  [1] pawl.each blocked",
			"    [0] double succeeded",
			"    [1] double dead",
		)
		var d *pawl.DeadError
		if !errors.As(err, &d) || got.State != pawl.Dead || got.Failed != d.Task.ID || got.Ended != d.Task.Ended {
			t.Errorf("Wait = %v and the tree has it %s by %s; want the same dead letter", err, got.State, got.Failed)
		}
		if branches := got.Line.Tasks[0].Branches; branches[0].State != pawl.Succeeded || branches[1].State != pawl.Dead {
			t.Errorf("branches are %s and %s; want succeeded and dead", branches[0].State, branches[1].State)
		}
		mended = true
		_, err = c.Retry(t.Context(), pawl.Filter{IDs: []pawl.ID{got.Failed}})
		must(t, err)
		result(t, run)
		if got = tree(t, c, run.ID); got.State != pawl.Succeeded || !got.Failed.IsZero() || got.Counts[pawl.Dead] != 0 {
			t.Errorf("after the retry the run = %+v; want it succeeded", got.Overview)
		}
	})
}

func TestATriedFailureIsNotTheRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		run, err := pawl.Each(pawl.Try(double)).Add(t.Context(), c, []int{1, -1})
		must(t, err)
		result(t, run)
		got := tree(t, c, run.ID)
		expectDrawn(t, got, "pawl.each succeeded", "  [0] double succeeded", "  [1] double dead")
		if got.State != pawl.Succeeded || got.Counts[pawl.Dead] != 1 || got.Line.Tasks[0].Branches[1].State != pawl.Dead {
			t.Errorf("run = %+v; want it succeeded, with a dead letter", got.Overview)
		}
	})
}

func TestATreeAddsUpWhatWasUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		stop := make(chan struct{})
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			reply, err := task.Ask(ctx, m, task.Input)
			if err != nil {
				return "", err
			}
			if task.Input == "c" {
				<-stop
			}
			return reply.Text(), nil
		})
		start(t, c)
		run, err := pawl.Each(asks).Add(t.Context(), c, []string{"a", "b", "c"})
		must(t, err)
		time.Sleep(time.Millisecond + 8*lateness())
		synctest.Wait()
		got := tree(t, c, run.ID)
		each := got.Line.Tasks[0]
		call, all := llm.Usage{Input: 10, Output: 5}, llm.Usage{Input: 30, Output: 15}
		if got.State != pawl.Running || got.Usage != all || each.Sum != all || each.Usage != (llm.Usage{}) || each.Branches[2].Usage != call || got.Line.Usage != all {
			t.Errorf("usage of the run is %v, of a branch %v; want %v and %v, though one still runs", got.Usage, each.Branches[2].Usage, all, call)
		}
		steps := each.Branches[0].Tasks[0].Steps
		if len(steps) != 1 || steps[0].Number != 1 || steps[0].Name != "ask" || !steps[0].Call || steps[0].Usage != call || !strings.HasPrefix(steps[0].Says, "answer ") {
			t.Errorf("steps = %+v; want the call, with its answer", steps)
		}
		close(stop)
		result(t, run)
		if got = tree(t, c, run.ID); got.Usage != all {
			t.Errorf("usage at the end = %v; want %v", got.Usage, all)
		}
	})
}

func TestATreeSaysWhereTheTimeWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			time.Sleep(time.Second)
			answer, err := pawl.Await[string](ctx, "ok")
			if err == nil {
				time.Sleep(2 * time.Second)
			}
			return answer, err
		})
		run := add(t, c, asks, "x")
		time.Sleep(time.Minute)
		start(t, c)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		got := tree(t, c, run.ID)
		task := got.Line.Tasks[0]
		if w := task.Task.Links.Wait; got.State != pawl.Blocked || w == nil || w.Signal != "ok" || !within(task.Parked, 29*time.Second, 31*time.Second) {
			t.Errorf("task waits for %+v, for %v; want the signal, for 30 s", w, task.Parked)
		}
		must(t, run.Signal(t.Context(), "ok", "yes"))
		result(t, run)
		time.Sleep(time.Hour)
		task = tree(t, c, run.ID).Line.Tasks[0]
		slack := 2*lateness() + time.Second/2
		if !within(task.Queued, time.Minute, time.Minute+slack) || !within(task.Worked, 4*time.Second, 4*time.Second+slack) || !within(task.Parked, 29*time.Second, 31*time.Second) {
			t.Errorf("queued %v, worked %v, parked %v; want 1m, 4s, 30s", task.Queued, task.Worked, task.Parked)
		}
		if len(task.Steps) != 1 || task.Steps[0].Name != "signal:ok" || task.Steps[0].Says != "yes" {
			t.Errorf("steps = %+v; want the signal with its payload", task.Steps)
		}
	})
}

func TestATreeNamesRunsThatItsTasksJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent := pawl.Operation[int, int]{Name: "parent", Limit: pawl.NoLimit}
		c := one(t, double, func(_ context.Context, task *pawl.Task[int]) (int, error) {
			time.Sleep(time.Second)
			return 2 * task.Input, nil
		})
		parent.Handle(c, func(ctx context.Context, task *pawl.Task[int]) (int, error) {
			runs, err := double.AddMany(ctx, c, []int{1, 2})
			if err != nil {
				return 0, err
			}
			outs, err := pawl.WaitAll(ctx, runs)
			if err != nil {
				return 0, err
			}
			return outs[0] + outs[1], nil
		})
		other := add(t, c, double, 1)
		start(t, c)
		run := add(t, c, parent, 0)
		result(t, run)
		got := tree(t, c, run.ID)
		expectDrawn(t, got, "parent succeeded", "  double succeeded")
		joined := got.Line.Tasks[0].Joined
		if len(joined) != 1 || joined[0].Run != other.ID || joined[0].As != pawl.AsJoined {
			t.Errorf("joined = %+v; want run %s", joined, other.ID)
		}
	})
}

func TestATreeShowsWhatIsLeftOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{})
		start(t, c)
		run, err := pawl.Then(fields, pawl.Each(pawl.Then(double, words))).Add(t.Context(), c, "12")
		must(t, err)
		result(t, run)
		each := tree(t, c, run.ID).Line.Tasks[1].Task.ID
		for _, f := range []pawl.Filter{{Operation: "fields"}, {IDs: []pawl.ID{each}}, {Operation: "double"}} {
			_, err := c.Delete(t.Context(), f)
			must(t, err)
		}
		got := tree(t, c, run.ID)
		expectDrawn(t, got, "  words succeeded", "  words succeeded")
		if len(got.Loose) != 2 || got.Line.Tasks == nil {
			t.Errorf("%d loose branches; want 2", len(got.Loose))
		}
		_, err = c.Delete(t.Context(), pawl.Filter{})
		must(t, err)
		if _, err := c.Tree(t.Context(), run.ID); !errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("Tree = %v; want ErrNotFound", err)
		}
	})
}

func TestATreeOfTenThousandBranches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := combined(t, pawl.Config{Workers: 1000})
		in := make([]int, 10_000)
		for i := range in {
			in[i] = i
		}
		in[7], in[9_999] = -1, -1
		run, err := pawl.Each(pawl.Try(double)).Add(t.Context(), c, in)
		must(t, err)
		start(t, c)
		result(t, run)
		got := tree(t, c, run.ID)
		branches := got.Line.Tasks[0].Branches
		if got.Tasks != 10_001 || got.Counts[pawl.Dead] != 2 || len(branches) != 10_000 {
			t.Fatalf("run = %+v with %d branches; want 10,000, two of them dead", got.Overview, len(branches))
		}
		for i, b := range branches {
			if want := fmt.Sprintf("[%d]", i); b.Name != want || (b.State == pawl.Dead) != (in[i] < 0) {
				t.Fatalf("branch %d is %s, %s; want %s", i, b.Name, b.State, want)
			}
		}
	})
}

func TestStagesInWords(t *testing.T) {
	var small = pawl.Operation[int, int]{Name: "small"}
	route := pawl.Operation[int, string]{Name: "route"}
	for want, stages := range map[string][]pawl.Stage{
		"each(try(double))":            pawl.Each(pawl.Try(double)).Stages(),
		"double, else small":           pawl.WithFallback(double, small).Stages(),
		"(double, else small) → small": pawl.Then(pawl.WithFallback(double, small), small).Stages(),
		"route → one of(small, b: double → small, otherwise: double)": pawl.Choose(route,
			pawl.When("small", small), pawl.When("b", pawl.Then(double, small)), pawl.Otherwise(double)).Stages(),
	} {
		if got := pawl.Outline(stages); got != want {
			t.Errorf("Outline = %s; want %s", got, want)
		}
	}
}

// What a run says of its attempts and times, its tasks add up to: a pair of them in a
// Diff says the same as the tree of each.
func TestAttemptsAndTimesAreCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := pawl.Operation[int, int]{Name: "slow", Limit: pawl.NoLimit, Backoff: pawl.Backoff{Base: time.Second}}
		asks := pawl.Operation[[]int, string]{Name: "asks", Limit: pawl.NoLimit}
		c := pawl.New(inmem.New(), pawl.Config{})
		slow.Handle(c, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
			time.Sleep(time.Minute)
			if t.Attempt == 1 && t.Input == 2 {
				return 0, errors.New("not yet")
			}
			return t.Input, nil
		})
		asks.Handle(c, func(ctx context.Context, t *pawl.Task[[]int]) (string, error) {
			child, err := slow.Add(ctx, c, 7)
			if err != nil {
				return "", err
			}
			if _, err := child.Wait(ctx); err != nil {
				return "", err
			}
			return pawl.Await[string](ctx, "ok")
		})
		start(t, c)
		run, err := pawl.Then(pawl.Each(slow), asks).Add(t.Context(), c, []int{1, 2})
		must(t, err)
		time.Sleep(time.Hour)
		must(t, run.Signal(t.Context(), "ok", "yes"))
		result(t, run)
		got := tree(t, c, run.ID)
		list, wait := got.Line.Tasks[0], got.Line.Tasks[1]
		if wait.Task.Attempt < 2 || wait.Attempts != 1 {
			t.Errorf("asks was begun %d times, and %d of them are attempts; want more than one, and one: it waited in the others", wait.Task.Attempt, wait.Attempts)
		}
		if want := wait.Task.Ended.Sub(wait.Began); wait.Took != want || wait.Took <= wait.Worked {
			t.Errorf("asks took %v, %v of it in attempts; want %v, for it has a branch", wait.Took, wait.Worked, want)
		}
		sum := 0
		for _, task := range []*pawl.TreeTask{wait, wait.Branches[0].Tasks[0], list.Branches[0].Tasks[0], list.Branches[1].Tasks[0]} {
			sum += task.Attempts
		}
		if got.Attempts != sum || sum != 5 {
			t.Errorf("the run has %d attempts, its tasks %d; want 5: the list's own are none", got.Attempts, sum)
		}
		for _, p := range pawl.Compare(got, got).Tasks {
			if p.A.Task.Operation == "asks" && (p.A.Attempts != wait.Attempts || p.A.Took != wait.Took) {
				t.Errorf("side by side asks has %d attempts and took %v; in the run %d and %v", p.A.Attempts, p.A.Took, wait.Attempts, wait.Took)
			}
		}
	})
}
