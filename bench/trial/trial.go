// Package trial measures one engine once: the same measures, taken in the same
// way, for every engine. Each trial runs in a process of its own, so that no
// engine pays for the garbage of another, and its peak memory is its own.
package trial

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Job says what to measure, on a store that is empty. It goes to the measuring
// process as JSON, and engines written for Node read the same.
type Job struct {
	Engine  string  `json:"engine"`
	Store   string  `json:"store"`             // the kind: sqlite, postgres or redis
	URL     string  `json:"url"`               // of the store: a file's path, or a server's address
	Callers int     `json:"callers,omitempty"` // that add one task after the other for Seconds
	Seconds float64 `json:"seconds,omitempty"`
	Tasks   int     `json:"tasks,omitempty"`  // to be added in bulk, and then drained
	Starts  int     `json:"starts,omitempty"` // to be added to an idle queue, one at a time
	Rate    int     `json:"rate,omitempty"`   // tasks a second to be added for Seconds while workers are at work
}

// A Result is what was measured. What was not asked for is zero.
type Result struct {
	Engine   string            `json:"engine"`
	Version  string            `json:"version"`
	Settings map[string]string `json:"settings"`          // what the store said about its durability
	Add1     float64           `json:"add1,omitempty"`    // tasks added a second, one at a time, by 1 caller
	Add16    float64           `json:"add16,omitempty"`   // likewise by 16 callers
	Bulk     float64           `json:"bulk,omitempty"`    // tasks added a second, in batches
	Drain    float64           `json:"drain,omitempty"`   // tasks claimed, handled and stored as completed, a second
	Memory   int64             `json:"memory,omitempty"`  // bytes resident at the peak while that was measured
	Start50  float64           `json:"start50,omitempty"` // milliseconds from the call that adds to the handler's start
	Start99  float64           `json:"start99,omitempty"`
	Paced    *Paced            `json:"paced,omitempty"`
}

// A Queue is an engine under measure. Its store is its own, and empty at first.
type Queue interface {
	// Add adds one task. Many callers use it at once.
	Add(context.Context, Args) error
	// AddBulk adds tasks in batches of the size that suits the engine best.
	AddBulk(context.Context, []Args) error
	// Left counts the tasks whose completion is not stored yet.
	Left(context.Context) (int, error)
	// Work starts workers that call handle once for each task, and returns what
	// stops them and waits for them.
	Work(ctx context.Context, handle func(Args)) (stop func() error, err error)
	// Settings reads back what decides about durability, from the store itself,
	// and fails if it is not as the comparison says.
	Settings(context.Context) (map[string]string, error)
	Close() error
}

// Run measures q as job says. It fails unless the store shows that the engine
// did all that was measured.
func Run(ctx context.Context, q Queue, job Job) (Result, error) {
	r := Result{Engine: job.Engine}
	var err error
	if r.Settings, err = q.Settings(ctx); err != nil {
		return r, fmt.Errorf("read the settings: %w", err)
	}
	during := time.Duration(job.Seconds * float64(time.Second))
	switch {
	case job.Callers == 1:
		r.Add1, err = adds(ctx, q, 1, during)
	case job.Callers == 16:
		r.Add16, err = adds(ctx, q, 16, during)
	case job.Callers != 0:
		err = fmt.Errorf("%d callers; want 1 or 16", job.Callers)
	case job.Tasks > 0:
		if r.Bulk, err = bulk(ctx, q, job.Tasks); err == nil {
			r.Drain, err = drain(ctx, q, job.Tasks)
		}
	case job.Starts > 0:
		r.Start50, r.Start99, err = starts(ctx, q, job.Starts)
	case job.Rate > 0:
		r.Paced, err = paced(ctx, q, job.Rate, during)
	default:
		err = errors.New("the job asks for nothing")
	}
	return r, err
}
