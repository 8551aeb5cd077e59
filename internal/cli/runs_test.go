package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
	"github.com/pawlhq/pawl/stores"
)

// topic is what the test's flow is about.
type topic struct {
	Name  string `json:"name"`
	Parts []int  `json:"parts"`
}

var (
	outline = pawl.Operation[topic, []int]{Name: "outline", Limit: pawl.NoLimit}
	halve   = pawl.Operation[int, int]{Name: "halve", Attempts: 1, Limit: pawl.NoLimit}
	floor   = pawl.Operation[int, int]{Name: "floor", Limit: pawl.NoLimit}
	drift   = pawl.Operation[int, int]{Name: "drift", Limit: pawl.NoLimit, Backoff: pawl.Backoff{Base: time.Millisecond}}
	report  = pawl.Operation[[]int, string]{Name: "summarize", Limit: "claude"}
	approve = pawl.Operation[string, string]{Name: "approve", Limit: pawl.NoLimit}

	study  = pawl.Then(pawl.Then(outline, pawl.Each(halve)), report)
	vetted = pawl.Then(study, approve)
)

// newFlowWard returns a ward on a SQLite file with a worker for these operations: halve
// fails for good on odd numbers, and approve waits for the signal "ok".
func newFlowWard(t *testing.T) *ward {
	store, err := stores.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "runs.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w := &ward{T: t, store: kept{store}, tasks: map[string]pawl.ID{}}
	w.client = pawl.New(store, pawl.Config{Name: "worker-1", Logger: slog.New(slog.DiscardHandler)})
	sim := httptest.NewServer(llmsim.New(llmsim.Config{}))
	t.Cleanup(sim.Close)
	model := anthropic.New(anthropic.Config{Model: "simulated", BaseURL: sim.URL, MaxTokens: 200})
	outline.Handle(w.client, func(_ context.Context, t *pawl.Task[topic]) ([]int, error) { return t.Input.Parts, nil })
	halve.Handle(w.client, func(_ context.Context, t *pawl.Task[int]) (int, error) {
		if t.Input%2 != 0 {
			return 0, pawl.Permanent(fmt.Errorf("%d is odd", t.Input))
		}
		return t.Input / 2, nil
	})
	floor.Handle(w.client, func(_ context.Context, t *pawl.Task[int]) (int, error) { return t.Input / 2, nil })
	drift.Handle(w.client, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
		if t.Attempt > 1 {
			return 0, nil
		}
		_, err := pawl.Step(ctx, "old", func(context.Context) (int, error) { return 7, nil })
		return 0, errors.Join(err, errors.New("not yet"))
	})
	report.Handle(w.client, func(ctx context.Context, t *pawl.Task[[]int]) (string, error) {
		reply, err := t.Ask(ctx, model, fmt.Sprintf("Summarize %v in two sentences.", t.Input))
		if err != nil {
			return "", err
		}
		return fmt.Sprint(t.Input, ": ", reply.Text()), nil
	})
	approve.Handle(w.client, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		answer, err := pawl.Await[string](ctx, "ok")
		return answer, err
	})
	ctx, stop := context.WithCancel(context.Background())
	var worker sync.WaitGroup
	worker.Go(func() {
		if err := w.client.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); worker.Wait() })
	return w
}

// until waits until a run of the ward is in a state, and nothing of it is under way.
func (w *ward) until(user string, state pawl.State) *pawl.Tree {
	w.Helper()
	deadline := time.Now().Add(patience)
	events := w.client.Events(w.Context(), pawl.EventEnded, pawl.EventRetried, pawl.EventStarted)
	for {
		tree, err := w.client.Tree(w.Context(), w.tasks[user])
		if err != nil {
			w.Fatal(err)
		}
		if tree.State == state && tree.Counts[pawl.Running]+tree.Counts[pawl.Pending] == 0 {
			return tree
		}
		if time.Now().After(deadline) {
			w.Fatalf("the run of %s is %s; want it %s", user, tree.State, state)
		}
		for _, err := range events {
			if err != nil {
				w.Fatal(err)
			}
			break
		}
		events = w.client.Events(w.Context(), pawl.EventEnded, pawl.EventRetried, pawl.EventStarted)
	}
}

func TestRuns(t *testing.T) {
	w := newFlowWard(t)
	w.well("runs", "no runs")
	add(w, study, topic{"even", []int{2, 4}}, "even")
	w.until("even", pawl.Succeeded)
	add(w, study, topic{"odd", []int{2, 3}}, "odd")
	w.until("odd", pawl.Dead)
	add(w, vetted, topic{"vetted", []int{2}}, "vetted")
	w.until("vetted", pawl.Blocked)
	all := w.well("runs", "RUN", "outline → each(", "succeeded   5/5", "dead        3/4")
	if strings.Index(all, w.id("vetted")) > strings.Index(all, w.id("odd")) || strings.Index(all, w.id("odd")) > strings.Index(all, w.id("even")) {
		t.Errorf("runs are not listed newest first:\n%s", all)
	}
	for command, want := range map[string][]string{
		"runs":                            {"vetted", "odd", "even"},
		"runs --state dead":               {"odd"},
		"runs --state blocked,succeeded":  {"vetted", "even"},
		"runs --operation approve":        {"vetted"},
		"runs --user even":                {"even"},
		"runs --max 1":                    {"vetted"},
		"runs --max 0":                    {"vetted", "odd", "even"},
		"runs --before " + w.id("odd"):    {"even"},
		"runs --state running":            nil,
		"runs --max 1 --user even":        {"even"},
		"runs --max 2 --state dead,dead ": {"odd"},
	} {
		list := decoded[runList](w, command)
		var users []string
		for _, r := range list.Runs {
			users = append(users, r.User)
		}
		if list.Runs == nil || strings.Join(users, " ") != strings.Join(want, " ") {
			t.Errorf("pawl %s lists the runs of %v; want %v", command, users, want)
		}
	}
	w.well("runs --max 2", "There are more. The next ones: --before "+w.id("odd"))
	if list := decoded[runList](w, "runs --max 2"); list.Before != w.tasks["odd"] {
		t.Errorf("before = %s; want %s", list.Before, w.id("odd"))
	}
	w.refused("runs --state done", exitUsage, `--state is "done"`, "succeeded")
	w.refused("runs --max=-1", exitUsage, "--max is -1", "0 for all")
	w.refused("runs --before 7", exitUsage, `--before is "7"`)
}

func TestRun(t *testing.T) {
	w := newFlowWard(t)
	add(w, study, topic{"odd", []int{2, 3}}, "odd")
	tree := w.until("odd", pawl.Dead)
	dead := tree.Failed.String()
	w.well("run "+w.id("odd"), w.id("odd")+"  dead", "flow         outline → each(halve) → summarize", "user         odd",
		"3/4, 1 dead, 1 blocked", "each(halve)", "  [0] halve", "  [1] halve", dead, "permanent: 3 is odd", "waits until what failed below it is retried", "then summarize", "pawl dead retry "+dead)
	w.well("run "+dead, w.id("odd")+"  dead")
	add(w, study, topic{"even", []int{2, 4}}, "even")
	w.until("even", pawl.Succeeded)
	plain := w.well("run "+w.id("even"), w.id("even")+"  succeeded", "5/5", " in, ")
	steps := w.well("run --steps "+w.id("even"), "step 1  ask", " tokens  ")
	if strings.Contains(plain, "step 1") || len(steps) <= len(plain) {
		t.Errorf("steps are shown without --steps, or not with it:\n%s%s", plain, steps)
	}
	got := decoded[pawl.Tree](w, "run "+w.id("even"))
	if got.Run != w.tasks["even"] || len(got.Line.Tasks) != 3 || len(got.Line.Tasks[1].Branches) != 2 || len(got.Line.Tasks[2].Steps) != 1 || got.Usage.Total() == 0 || got.Line.Tasks[2].Sum != got.Usage {
		t.Errorf("run -o json = %+v; want three tasks, two branches, one step, and its usage", got)
	}
	none := pawl.NewID().String()
	w.refused("run "+none, exitFailed, "there is no task "+none)
	w.refused("run 12", exitUsage, `ID is "12"`)
}

// Many branches stand in one line, and those that failed below it.
func TestRunWithManyBranches(t *testing.T) {
	w := newFlowWard(t)
	parts := make([]int, 1000)
	for i := range parts {
		parts[i] = 2 * i
	}
	parts[17], parts[500] = 1, 3
	add(w, study, topic{"many", parts}, "many")
	deadline := time.Now().Add(patience)
	for tree := w.until("many", pawl.Dead); tree.Counts[pawl.Succeeded] < 999 || tree.Counts[pawl.Dead] < 2; tree = w.until("many", pawl.Dead) {
		if time.Now().After(deadline) {
			t.Fatalf("the run's tasks are %v; want 999 succeeded and 2 dead", tree.Counts)
		}
	}
	short := w.well("run "+w.id("many"), "halve × 1,000: 998 succeeded, 2 dead", "[17] halve", "[500] halve", "permanent: 3 is odd")
	if n := strings.Count(short, "\n"); n > 30 || strings.Contains(short, "[18] ") {
		t.Errorf("a run with many branches has %d lines:\n%s", n, short)
	}
	whole := w.well("run --all "+w.id("many"), "[18]  halve"[:4], "[999] halve")
	if n := strings.Count(whole, "\n"); n < 1000 {
		t.Errorf("with --all it has %d lines; want all branches", n)
	}
}

func TestSignal(t *testing.T) {
	w := newFlowWard(t)
	add(w, vetted, topic{"vetted", []int{2}}, "vetted")
	task := w.until("vetted", pawl.Blocked).Line.Tasks[3].Task.ID.String()
	w.well("run "+w.id("vetted"), `waits for signal "ok"`, "→ pawl signal "+task+" ok --data JSON")
	w.well("show "+task, `waits        for signal "ok"`, "→            pawl signal "+task+" ok")
	w.refused("signal "+w.id("vetted")+" no", exitFailed, `signal "no"`, "no task of run")
	w.refused("signal "+w.id("vetted")+" ok --data yes", exitUsage, "--data is not JSON", "quotes")
	w.refused("signal "+w.id("vetted")+" ok --data @none.json", exitUsage, "--data", "no such file")
	w.refused("signal "+pawl.NewID().String()+" ok", exitFailed, "there is no task")
	file := filepath.Join(t.TempDir(), "answer.json")
	if err := os.WriteFile(file, []byte(`"yes, go on"`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.well("signal "+w.id("vetted")+" ok --data @"+file, "signal ok given")
	if got := string(w.until("vetted", pawl.Succeeded).Line.Tasks[3].Task.Output); got != `"yes, go on"` {
		t.Errorf("the handler got %s; want the file's text", got)
	}
	w.well("run --steps "+w.id("vetted"), "signal:ok", "yes, go on")
	w.refused("signal "+task+" ok", exitFailed, "has ended")
}

func TestCancel(t *testing.T) {
	w := newFlowWard(t)
	add(w, vetted, topic{"vetted", []int{2}}, "vetted")
	w.until("vetted", pawl.Blocked)
	other := pawl.NewID().String()
	w.refused("cancel "+w.id("vetted")+" "+other, exitFailed, other+": there is no such run or task")
	w.until("vetted", pawl.Cancelled)
	w.refused("cancel "+w.id("vetted"), exitFailed, "the run has ended")
	w.refused("cancel", exitUsage, "<id>")
	w.refused("cancel x", exitUsage, `ID is "x"`)

	add(w, vetted, topic{"again", []int{4}}, "again")
	task := w.until("again", pawl.Blocked).Line.Tasks[3].Task.ID
	got := decoded[struct {
		Changed []pawl.ID
		Refused []refusal
	}](w, "cancel "+task.String())
	if len(got.Changed) != 1 || got.Changed[0] != task || got.Refused == nil {
		t.Errorf("cancel = %+v; want the one task", got)
	}
	w.until("again", pawl.Cancelled)
}

func TestCancelOfManyAsks(t *testing.T) {
	w := newWard(t)
	if err := w.client.Pause(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	runs, err := counts.AddMany(t.Context(), w.client, make([]map[string]int, manyTasks+1), pawl.Keep, pawl.User("many"))
	if err != nil {
		t.Fatal(err)
	}
	ids := ""
	for _, r := range runs {
		ids += " " + r.ID.String()
	}
	w.refused("cancel"+ids, exitUsage, "this would cancel 51 tasks", "--yes")
	if rows := decoded[taskList](w, "tasks --max 0 --user many --state pending").Tasks; len(rows) != len(runs) {
		t.Errorf("%d tasks are left; want all %d", len(rows), len(runs))
	}
	w.well("cancel -y"+ids, "51 tasks cancelled")
	if rows := decoded[taskList](w, "tasks --max 0 --user many --state cancelled").Tasks; len(rows) != len(runs) {
		t.Errorf("%d tasks are cancelled; want all %d", len(rows), len(runs))
	}
}
