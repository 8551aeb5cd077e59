package engines_test

import (
	"path/filepath"
	"testing"

	"github.com/pawlhq/pawl/bench/engines"
	"github.com/pawlhq/pawl/bench/trial"
)

// TestEnginesOnSQLite keeps the programs from rotting: every engine that needs no
// server does a little of all that is measured.
func TestEnginesOnSQLite(t *testing.T) {
	for _, e := range engines.All {
		if e.Store != engines.SQLite || e.Defaults { // those are slow, and the same code
			continue
		}
		jobs := []trial.Job{{Callers: 1, Seconds: 0.05}, {Callers: 16, Seconds: 0.05}, {Tasks: 300}}
		if !e.Floor {
			jobs = append(jobs, trial.Job{Starts: 3})
		}
		t.Run(e.Name, func(t *testing.T) {
			for _, job := range jobs {
				measure(t, e, job)
			}
		})
	}
}

func measure(t *testing.T, e engines.Engine, job trial.Job) {
	t.Helper()
	q, err := e.Open(t.Context(), filepath.Join(t.TempDir(), "bench.db"))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	r, err := trial.Run(t.Context(), q, job)
	if err != nil {
		t.Fatalf("Run(%+v) = %v", job, err)
	}
	if r.Add1+r.Add16+r.Drain+r.Start50 <= 0 {
		t.Errorf("Run(%+v) = %+v; want a figure", job, r)
	}
	if r.Settings["journal_mode"] != "wal" {
		t.Errorf("journal_mode = %q; want wal", r.Settings["journal_mode"])
	}
	if err := q.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestEveryEngineIsFoundByItsName(t *testing.T) {
	for _, e := range engines.All {
		found, ok := engines.Named(e.Store, e.Name)
		if !ok || found.About != e.About {
			t.Errorf("Named(%q, %q) = %q, %t; want %q: are there two of that name?", e.Store, e.Name, found.About, ok, e.About)
		}
		if (e.Open == nil) != e.Node {
			t.Errorf("%s on %s can be opened: %t; it is for Node: %t", e.Name, e.Store, e.Open != nil, e.Node)
		}
	}
}
