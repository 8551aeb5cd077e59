// Package table turns the trials of a run into medians, ratios and targets.
package table

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pawlhq/pawl/bench/trial"
)

// A Report is all trials of one run on one kind of store.
type Report struct {
	Store   string   `json:"store"`
	Tasks   int      `json:"tasks"`
	Machine string   `json:"machine"`
	Engines []Engine `json:"engines"` // in the order in which they were measured
}

// An Engine is the trials of one engine, a round each.
type Engine struct {
	Name   string         `json:"name"`
	About  string         `json:"about"`
	Trials []trial.Result `json:"trials"`
}

// New returns an empty report.
func New(store string, tasks int) *Report {
	return &Report{
		Store:   store,
		Tasks:   tasks,
		Machine: machine(),
	}
}

// Add adds a trial of an engine.
func (r *Report) Add(about string, t trial.Result) {
	for i := range r.Engines {
		if r.Engines[i].Name == t.Engine {
			r.Engines[i].Trials = append(r.Engines[i].Trials, t)
			return
		}
	}
	r.Engines = append(r.Engines, Engine{t.Engine, about, []trial.Result{t}})
}

// machine tells where the figures are from.
func machine() string {
	return fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// Save writes figures to a file, as JSON.
func Save(path string, figures any) error {
	text, err := json.MarshalIndent(figures, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("save the figures: %w", err)
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
