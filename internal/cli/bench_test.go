package cli

import (
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/measure"
)

func TestBench(t *testing.T) {
	w := newWard(t)
	a := w.pawl("bench", "--tasks", "200", "--rounds", "2", "--backlog", "10001", "-o", "json")
	if a.code != exitOK || !strings.Contains(a.err, "round 2 of 2: add, 16 callers: ") {
		t.Fatalf("exit code %d, stderr %q; want 0 and the progress", a.code, a.err)
	}
	w.states(map[string]pawl.State{"first": pawl.Dead, "reader": pawl.Succeeded, "sleeper": pawl.Pending})
	for _, q := range decoded[struct{ Queues []pawl.QueueStatus }](w, "queues").Queues {
		if q.Name == measure.Queue && len(q.Counts) > 0 {
			t.Errorf("the measurement left tasks behind: %v", q.Counts)
		}
	}
	if a := w.pawl("bench", "--tasks", "200", "--rounds", "1", "--dedup"); a.code != exitOK || !strings.Contains(a.out, "add in batches of 1,000") {
		t.Errorf("exit code %d, stdout\n%s\nstderr %s; want 0 and a table", a.code, a.out, a.err)
	}
}

func TestBenchLeavesOthersAlone(t *testing.T) {
	w := newWard(t)
	theirs := pawl.Operation[string, string]{Name: "theirs", Queue: measure.Queue}
	add(w, theirs, "x", "other")
	w.refused("bench --tasks 100", exitFailed, "pawl-bench is in use", `"theirs"`)
	w.states(map[string]pawl.State{"other": pawl.Pending})
}

func TestBenchFlags(t *testing.T) {
	w := newWard(t)
	w.refused("bench --tasks 1", exitUsage, "--tasks is 1", "100 to 10,000,000")
	w.refused("bench --rounds 0", exitUsage, "--rounds is 0", "1 to 100")
	w.refused("bench --workers 0", exitUsage, "--workers is 0", "1 to 100,000")
	w.refused("bench --backlog 5", exitUsage, "--backlog is 5", "more than 10,000")
}
