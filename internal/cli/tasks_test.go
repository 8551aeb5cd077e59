package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

func TestTasks(t *testing.T) {
	w := newWard(t)
	all := w.well("tasks", "ID", "permanent: n is negative", "transient: no n in the input", "scheduled  in ", "pending", "report")
	if strings.Contains(all, "a second line") {
		t.Errorf("pawl tasks shows more than the first line of an error:\n%s", all)
	}
	for command, want := range map[string][]string{
		"tasks --state dead":                    {"first", "second", "third"},
		"tasks --state dead,scheduled":          {"first", "second", "third", "patient"},
		"tasks --state dead --state pending":    {"first", "second", "third", "sleeper", "orphan"},
		"tasks --class permanent":               {"first", "second"},
		"tasks --queue nightly":                 {"sleeper"},
		"tasks --limit claude --user reader":    {"reader"},
		"tasks --operation flaky":               {"patient"},
		"tasks --user nobody":                   nil,
		"tasks --after " + w.id("sleeper"):      {"orphan"}, // the ids of a run are of when it began
		"tasks --max 1 --state dead":            {"first"},
		"tasks --max 0 --user second":           {"second"},
		"tasks --run " + w.id("reader"):         {"reader"},
		"dead":                                  {"first", "second", "third"},
		"dead --user second":                    {"second"},
		"dead list --group " + w.group("third"): {"third"},
		"dead --class transient":                {"third"},
	} {
		list := decoded[taskList](w, command)
		users := map[string]bool{}
		for _, row := range list.Tasks {
			users[row.User] = true
		}
		if list.Tasks == nil || len(users) != len(want) {
			t.Errorf("pawl %s lists tasks of %v; want %v", command, users, want)
		}
		for _, user := range want {
			if !users[user] {
				t.Errorf("pawl %s lists tasks of %v; want %v", command, users, want)
			}
		}
	}
	w.well("tasks --user nobody", "no tasks\n")
	w.well("tasks --limit 20", `no tasks of the rate limit "20"; how many to list is --max`)
	w.well("tasks --help", "of the rate limit of this name", "--max")
	w.well("dead --user nobody", "no dead letters")
}

// One page after the other shows every task once.
func TestPages(t *testing.T) {
	w := newWard(t)
	all := decoded[taskList](w, "tasks --max 0")
	if !all.After.IsZero() || len(all.Tasks) != 9 {
		t.Fatalf("%d tasks, after %v; want all 9", len(all.Tasks), all.After)
	}
	var ids []pawl.ID
	page := decoded[taskList](w, "tasks --max 4")
	for pages := 1; ; pages++ {
		for _, row := range page.Tasks {
			ids = append(ids, row.ID)
		}
		if page.After.IsZero() {
			break
		}
		w.well("tasks --max 4 --after "+ids[0].String(), "There are more. The next ones: --after task_")
		page = decoded[taskList](w, "tasks --max 4 --after "+page.After.String())
	}
	if len(ids) != len(all.Tasks) {
		t.Fatalf("the pages have %d tasks; want %d", len(ids), len(all.Tasks))
	}
	for i, row := range all.Tasks {
		if ids[i] != row.ID {
			t.Errorf("task %d of the pages is %s; want %s", i, ids[i], row.ID)
		}
	}
}

func TestShow(t *testing.T) {
	w := newWard(t)
	w.well("show "+w.id("reader"), w.id("reader")+"  succeeded", "ask, priority normal, queue agents, limit claude", "1 made, 1 of 4 used",
		"25 in, 10 out", "worker-1", "file", "CONVERSATION", "user\n", "assistant\n", "climbed the stairs", "1 more line (--full)", "OTHER TASKS", "tell")
	if whole := w.well("show --full "+w.id("reader"), `"stop_reason":"end_turn"`); strings.Contains(whole, "more line") {
		t.Errorf("--full leaves something out:\n%s", whole)
	}
	w.well("dead show "+w.id("third"), "dead", "transient: no n in the input", w.group("third"), "1 of 1 used", "INPUT\n  {}")
	w.well("show "+w.id("patient"), "due ", "scheduled in ")
	w.refused("show "+pawl.NewID().String(), exitFailed, "there is no task task_")
	w.refused("show 12", exitUsage, `ID is "12"`, "26 characters")

	got := decoded[whole](w, "show "+w.id("reader"))
	if got.Task.ID.String() != w.id("reader") || got.Task.Steps != nil || got.Usage.Output != 10 || len(got.Conversation) != 2 || len(got.Run) != 1 {
		t.Errorf("show -o json = %+v; want the task, its usage, two messages, and the other task of its run", got)
	}
	if len(got.Steps) != 2 || !got.Steps[0].Call || !strings.Contains(string(got.Steps[0].Result), "end_turn") || string(got.Steps[1].Result) != "7" {
		t.Errorf("steps = %+v; want the call's response and the step's result as JSON", got.Steps)
	}
}

func TestDeadGroups(t *testing.T) {
	w := newWard(t)
	w.well("dead groups", w.group("first"), "permanent: n is negative", w.group("third"))
	got := decoded[struct{ Groups []pawl.Group }](w, "dead groups")
	if len(got.Groups) != 2 || got.Groups[0].Count != 2 || got.Groups[0].Fingerprint != w.group("second") || got.Groups[1].Count != 1 {
		t.Errorf("groups = %+v; want two of the first cause and one of the other", got.Groups)
	}
	if got := decoded[struct{ Groups []pawl.Group }](w, "dead groups --user third"); len(got.Groups) != 1 || got.Groups[0].Fingerprint != w.group("third") {
		t.Errorf("groups of one user = %+v; want theirs", got.Groups)
	}
	w.well("dead groups --user nobody", "no dead letters")
}

func TestQueues(t *testing.T) {
	w := newWard(t)
	w.well("queues", "nightly  paused", "agents", "SUCCEEDED")
	got := decoded[struct{ Queues []pawl.QueueStatus }](w, "queues")
	if len(got.Queues) != 3 || got.Queues[2].Name != "nightly" || !got.Queues[2].Paused || got.Queues[2].Counts[pawl.Pending] != 2 {
		t.Errorf("queues = %+v; want nightly, paused with two tasks, as the last of three", got.Queues)
	}
	w.well("queues resume nightly", "queue nightly is not paused")
	w.well("queues pause agents", "queue agents is paused")
	got = decoded[struct{ Queues []pawl.QueueStatus }](w, "queues")
	if got.Queues[2].Paused || !got.Queues[0].Paused {
		t.Errorf("queues = %+v; want agents paused, and nightly not", got.Queues)
	}
	w.refused("queues pause nigthly", exitUsage, `no queue "nigthly"`, "agents, default, nightly")
}

func TestLimits(t *testing.T) {
	w := newWard(t)
	w.well("limits", "held", "until it is resumed: the key was refused: 401", "0 of 8", "50/min", "40,000/min", "batch", "open")
	got := decoded[struct{ Limits []limitView }](w, "limits").Limits
	if len(got) != 2 || got[0].Gate != nil || len(got[0].Levels) != 0 {
		t.Fatalf("limits = %+v; want batch, open and without buckets, before claude", got)
	}
	c := got[1]
	if c.Gate == nil || c.Gate.Name != "held" || c.Gate.Reason == "" || !c.Gate.Until.IsZero() || c.Most != 8 || len(c.Levels) != 2 || c.Levels[0].Limit != 50 || c.Levels[0].Per != time.Minute {
		t.Errorf("limit = %+v; want it held, with two buckets", c)
	}
	w.well("limits resume claude", "limit claude is neither held nor paused")
	w.well("limits hold batch --reason maintenance", "limit batch is held")
	got = decoded[struct{ Limits []limitView }](w, "limits").Limits
	if got[0].Gate == nil || got[0].Gate.Reason != "maintenance" || got[1].Gate != nil {
		t.Errorf("limits = %+v; want batch held, and claude open", got)
	}
	w.refused("limits hold batch", exitUsage, "--reason")
	w.refused("limits resume other", exitUsage, `no limit "other"`, "batch, claude")
}

func (w *ward) id(user string) string { return w.tasks[user].String() }

// group returns the fingerprint of a user's dead letter.
func (w *ward) group(user string) string {
	row, err := w.client.Get(w.Context(), w.tasks[user])
	if err != nil {
		w.Fatal(err)
	}
	return row.Fingerprint
}
