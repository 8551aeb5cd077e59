package measure

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

const (
	fillBatch   = 1000
	sampleEvery = 20 * time.Millisecond
	stallMost   = time.Minute // how long no task may be handled
)

// Drained is how fast waiting tasks were handled, and with how much memory.
type Drained struct {
	Rate
	Waiting  int   `json:"waiting"`  // tasks that waited at the start
	Resident int64 `json:"resident"` // the most bytes of this process that were in memory
}

// Drain adds tasks until so many wait, and then measures how the first n of them
// are claimed, handled by a handler that does nothing, and their outcomes stored,
// by one worker with so many places. The time is that of the worker from its
// start to its end: a few tasks more than n may be handled, and count.
//
// n == waiting drains the queue; a smaller n compares backlogs.
func (m *Meter) Drain(ctx context.Context, waiting, n, workers int) (Drained, error) {
	if n < 1 || n > waiting {
		return Drained{}, fmt.Errorf("measure: drain %d of %d tasks; want 1 or more, and no more than wait", n, waiting)
	}
	for left := waiting; left > 0; left -= fillBatch {
		if err := m.addMany(ctx, m.inputs(min(left, fillBatch)), fillBatch); err != nil {
			return Drained{}, fmt.Errorf("fill the queue: %w", err)
		}
	}
	debug.FreeOSMemory() // what filling took is not the worker's

	var handled count
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c := m.client(workers)
	m.op.Handle(c, func(context.Context, *pawl.Task[Input]) (struct{}, error) {
		if handled.Add(1) == int64(n) {
			stop(errDone)
		}
		return struct{}{}, nil
	})
	var resident int64
	var watch sync.WaitGroup
	watch.Go(func() { resident = observe(ctx, &handled, stop) })
	began := time.Now()
	err := c.Run(ctx)
	took := time.Since(began)
	stop(nil)
	watch.Wait()
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, errDone) {
		err = cause
	}
	if err != nil {
		return Drained{}, fmt.Errorf("drain: %w", err)
	}
	done := int(handled.Load())
	return Drained{rate(done, took), waiting, resident}, m.check(context.WithoutCancel(ctx), waiting-done)
}

var errDone = errors.New("measure: all is handled")

// observe returns the most memory that was resident until ctx ended, and stops a
// drain that does not move.
func observe(ctx context.Context, handled *count, stop context.CancelCauseFunc) int64 {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	most, last, moved := Resident(), handled.Load(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return max(most, Resident())
		case now := <-tick.C:
			most = max(most, Resident())
			if n := handled.Load(); n != last {
				last, moved = n, now
			} else if now.Sub(moved) > stallMost {
				stop(fmt.Errorf("measure: %d tasks were handled, and none in the last %v", n, stallMost))
			}
		}
	}
}

// check returns an error if the store does not hold the outcomes of all tasks but
// those left: then the figure is worth nothing.
func (m *Meter) check(ctx context.Context, left int) error {
	status, err := m.adder.Status(ctx)
	if err != nil {
		return err
	}
	for _, q := range status.Queues {
		if q.Name != Queue {
			continue
		}
		waiting := q.Counts[pawl.Pending] + q.Counts[pawl.Scheduled] + q.Counts[pawl.Running]
		if waiting != left || q.Counts[pawl.Dead] > 0 {
			return fmt.Errorf("measure: after the drain the queue has %v; want %d that wait and none dead", q.Counts, left)
		}
	}
	return nil
}
