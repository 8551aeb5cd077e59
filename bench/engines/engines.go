// Package engines holds Pawl, its peers and the raw floor of each store, as the
// queues that package trial measures.
package engines

import (
	"context"
	"runtime/debug"
	"slices"

	"github.com/pawlhq/pawl/bench/trial"
)

// The kinds of store, as the command line names them.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
	Redis    = "redis"
)

// An Engine is Pawl or a peer, with its settings, or a floor.
type Engine struct {
	Name     string // as in the tables
	Store    string
	About    string // the settings
	Module   string // its Go module or its npm package; empty for a floor
	Node     bool   // it is measured by bench/node
	Defaults bool   // with its own defaults: only drained and started
	Polls    bool   // it looks for tasks every half second or more: few are timed on an idle queue
	NoBulk   bool   // it adds one at a time only
	Floor    bool   // the store alone: nothing is started when a task is added
	Open     func(ctx context.Context, url string) (trial.Queue, error)
}

// All is every engine, in the order in which they are measured.
var All = slices.Concat(pawlEngines, riverEngines, nodeEngines, asynqEngines, goqiteEngines, backliteEngines, floors)

// Named returns the engine of that name on that kind of store.
func Named(store, name string) (Engine, bool) {
	for _, e := range All {
		if e.Store == store && e.Name == name {
			return e, true
		}
	}
	return Engine{}, false
}

// Version returns the version of the Go module that this program was built with.
func (e Engine) Version() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil || e.Module == "" {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == e.Module {
			return m.Version
		}
	}
	return ""
}
