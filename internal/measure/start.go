package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// idle is the pause before each task of Start: by then the one before is stored,
// and the worker waits.
const idle = 5 * time.Millisecond

// Latency is how long tasks took, each alone.
type Latency struct {
	Tasks int           `json:"tasks"`
	P50   time.Duration `json:"p50"` // in nanoseconds
	P99   time.Duration `json:"p99"`
	Most  time.Duration `json:"most"`
}

// Start adds n tasks one at a time to a queue on which an idle worker waits, and
// measures from the call of Add to the first line of the handler.
func (m *Meter) Start(ctx context.Context, n int) (Latency, error) {
	if n < 1 {
		return Latency{}, fmt.Errorf("measure: start %d tasks; want 1 or more", n)
	}
	started := make(chan time.Time, 1)
	c := m.client(8)
	m.op.Handle(c, func(context.Context, *pawl.Task[Input]) (struct{}, error) {
		started <- time.Now()
		return struct{}{}, nil
	})
	working, stop := context.WithCancel(ctx)
	alive, died := context.WithCancelCause(ctx)
	var worker sync.WaitGroup
	worker.Go(func() { died(cmp.Or(c.Run(working), errEnded)) })
	took, err := m.startEach(alive, n, started)
	stop()
	worker.Wait()
	if cause := context.Cause(alive); err == nil && !errors.Is(cause, errEnded) {
		err = cause
	}
	if err != nil {
		return Latency{}, fmt.Errorf("add and start: %w", err)
	}
	slices.Sort(took)
	return Latency{n, percentile(took, 50), percentile(took, 99), took[n-1]}, nil
}

var errEnded = errors.New("measure: the worker has ended")

// startEach returns how long each task took to start, while ctx lasts.
func (m *Meter) startEach(ctx context.Context, n int, started <-chan time.Time) ([]time.Duration, error) {
	took := make([]time.Duration, 0, n)
	for _, in := range m.inputs(n) {
		if err := pause(ctx, idle); err != nil {
			return nil, err
		}
		began := time.Now()
		run, err := m.op.Add(ctx, m.adder, in)
		if err != nil {
			return nil, err
		}
		if err := isNew(run); err != nil {
			return nil, err
		}
		select {
		case at := <-started:
			took = append(took, at.Sub(began))
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(stallMost):
			return nil, fmt.Errorf("measure: %s did not start within %v", run.ID, stallMost)
		}
	}
	return took, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// percentile returns the smallest of the sorted values that p percent do not exceed.
func percentile(sorted []time.Duration, p float64) time.Duration {
	at := int(math.Ceil(p/100*float64(len(sorted)))) - 1
	return sorted[max(at, 0)]
}
