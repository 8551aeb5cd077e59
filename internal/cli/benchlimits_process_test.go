package cli_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/pawlhq/pawl/internal/saturation"
)

// Processes of their own work on the tasks, on one store and one provider, and are
// gone when the command ends. How many of the 15 seconds they take to start is the
// machine's business.
func TestBenchLimitsWithProcesses(t *testing.T) {
	t.Parallel()
	r := pawl(t, nil, "bench", "limits", "--scenario", "share", "--minutes", "5", "--scale", "20", "--processes", "2",
		"--store", "sqlite:"+filepath.Join(t.TempDir(), "bench.db"), "-o", "json")
	if r.code != 0 {
		t.Fatalf("exit code %d, stderr %q; want 0", r.code, r.err)
	}
	var report struct{ Results []saturation.Result }
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Results[0].Rows[0].Figures {
		if f.Name == "done" && f.Value == 0 {
			t.Error("no calls done by two processes; want as many as there is time for")
		}
	}
}
