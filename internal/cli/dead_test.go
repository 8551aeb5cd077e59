package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pawlhq/pawl"
)

// states checks in which states the users' tasks are; "" for one that is gone.
func (w *ward) states(want map[string]pawl.State) {
	w.Helper()
	for user, state := range want {
		row, err := w.client.Get(w.Context(), w.tasks[user])
		if state == "" {
			if err == nil {
				w.Errorf("the task of %s is %s; want none", user, row.State)
			}
			continue
		}
		if err != nil || row.State != state {
			w.Errorf("the task of %s: %+v, %v; want it %s", user, row, err, state)
		}
	}
}

func TestDeadRetry(t *testing.T) {
	w := newWard(t)
	w.well("dead retry "+w.id("first"), "1 task pending again")
	w.states(map[string]pawl.State{"first": pawl.Pending, "second": pawl.Dead, "third": pawl.Dead})
	got := decoded[struct {
		Changed []pawl.ID
		Refused []refusal
	}](w, "dead retry --group "+w.group("third"))
	if len(got.Changed) != 1 || got.Changed[0] != w.tasks["third"] || got.Refused == nil || len(got.Refused) != 0 {
		t.Errorf("retry of a group = %+v; want the one task", got)
	}
	w.states(map[string]pawl.State{"second": pawl.Dead, "third": pawl.Pending})
	w.well("dead retry --class permanent --user second", "1 task pending again")
	w.well("dead retry --all", "0 tasks pending again")
}

func TestDeadRetryAll(t *testing.T) {
	w := newWard(t)
	w.well("dead retry --all", "3 tasks pending again")
	w.states(map[string]pawl.State{"first": pawl.Pending, "second": pawl.Pending, "third": pawl.Pending, "patient": pawl.Scheduled})
}

// A few are tried before the rest, the oldest first.
func TestDeadRetryOfAFew(t *testing.T) {
	w := newWard(t)
	w.well("dead retry --all --max 1", "1 task pending again")
	w.states(map[string]pawl.State{"first": pawl.Pending, "second": pawl.Dead, "third": pawl.Dead})
	w.well("dead retry --all --max 5", "2 tasks pending again")
	w.refused("dead retry --all --max=-1", exitUsage, "--max is -1", "1 or more")
	w.refused("dead retry --max 1 "+w.id("first"), exitUsage, "--max is 1", "by filters or --all")
}

func TestDeadRetryWithInput(t *testing.T) {
	w := newWard(t)
	path := filepath.Join(t.TempDir(), "input.json")
	if err := os.WriteFile(path, []byte(`{"n": 5}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.well("dead retry "+w.id("first")+" --input "+path, "1 task pending again")
	row, err := w.client.Get(t.Context(), w.tasks["first"])
	if err != nil || row.State != pawl.Pending || string(row.Input) != `{"n":5}` && string(row.Input) != `{"n": 5}` {
		t.Errorf("the task = %+v, %v; want it pending with the new input", row, err)
	}
	w.refused("dead retry "+w.id("first")+" --input "+path, exitFailed, w.id("first"), "it is pending; want one that is dead or cancelled")

	if err := os.WriteFile(path, []byte(`{"n": 5`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.refused("dead retry "+w.id("second")+" --input "+path, exitUsage, "is not JSON", path)
	w.refused("dead retry "+w.id("second")+" --input "+path+"x", exitUsage, "--input", "no such file")
	w.refused("dead retry --all --input "+path, exitUsage, "exactly one id")
	w.states(map[string]pawl.State{"second": pawl.Dead})
}

// What cannot be changed is named, with the reason, and what can be is.
func TestDeadChangesSaysWhatItCannot(t *testing.T) {
	w := newWard(t)
	none := pawl.NewID().String()
	w.refused("dead retry "+w.id("reader")+" "+none+" "+w.id("first"), exitFailed,
		w.id("reader")+": it is succeeded; want one that is dead or cancelled", none+": there is no such task")
	w.states(map[string]pawl.State{"reader": pawl.Succeeded, "first": pawl.Pending})
	w.refused("dead delete "+w.id("sleeper"), exitFailed, "it is pending")
	w.states(map[string]pawl.State{"sleeper": pawl.Pending})
}

func TestDeadDelete(t *testing.T) {
	w := newWard(t)
	w.refused("dead delete --group "+w.group("first"), exitUsage, "2 dead letters", "--yes")
	w.refused("dead delete --all", exitUsage, "3 dead letters", "--yes")
	w.states(map[string]pawl.State{"first": pawl.Dead, "second": pawl.Dead, "third": pawl.Dead})
	w.well("dead delete "+w.id("third"), "1 task deleted")
	w.states(map[string]pawl.State{"first": pawl.Dead, "third": ""})
	w.well("dead delete --group "+w.group("first")+" --yes", "2 tasks deleted")
	w.states(map[string]pawl.State{"first": "", "second": "", "reader": pawl.Succeeded})
}

func TestSelectionMustBeClear(t *testing.T) {
	w := newWard(t)
	for _, command := range []string{"dead retry", "dead delete", "dead delete --yes"} {
		w.refused(command, exitUsage, "nothing is selected", "--group", "--all")
	}
	for _, command := range []string{"dead retry --all --user first", "dead retry " + w.id("first") + " --all", "dead delete " + w.id("first") + " --class permanent"} {
		w.refused(command, exitUsage, "not several")
	}
	w.refused("dead retry task_1", exitUsage, `"task_1"`)
	w.states(map[string]pawl.State{"first": pawl.Dead})
}
