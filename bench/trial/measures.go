package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// adds lets callers add tasks one at a time for a while, and returns how many
// they added a second.
func adds(ctx context.Context, q Queue, callers int, during time.Duration) (float64, error) {
	var (
		added  atomic.Int64
		failed = make(chan error, callers)
		all    sync.WaitGroup
	)
	begun := time.Now()
	for range callers {
		all.Go(func() {
			for time.Since(begun) < during {
				if err := q.Add(ctx, Arg(int(added.Add(1)-1))); err != nil {
					failed <- fmt.Errorf("add with %d callers: %w", callers, err)
					return
				}
			}
		})
	}
	all.Wait()
	n := int(added.Load())
	perSecond := rate(n, begun)
	select {
	case err := <-failed:
		return 0, err
	default:
	}
	left, err := q.Left(ctx)
	if err != nil {
		return 0, fmt.Errorf("count the tasks of %d callers: %w", callers, err)
	}
	if left != n {
		return 0, fmt.Errorf("%d callers added %d tasks, and the store has %d", callers, n, left)
	}
	return perSecond, nil
}

// bulk adds n tasks in batches, and leaves them waiting.
func bulk(ctx context.Context, q Queue, n int) (float64, error) {
	list := List(n)
	begun := time.Now()
	if err := q.AddBulk(ctx, list); err != nil {
		return 0, fmt.Errorf("add %d tasks in bulk: %w", n, err)
	}
	perSecond := rate(n, begun)
	left, err := q.Left(ctx)
	if err != nil {
		return 0, fmt.Errorf("count the tasks added in bulk: %w", err)
	}
	if left != n {
		return 0, fmt.Errorf("added %d tasks in bulk, and the store has %d", n, left)
	}
	return perSecond, nil
}

// drain works off the n tasks that wait. The clock stops when the store shows
// the completion of the last one.
func drain(ctx context.Context, q Queue, n int) (float64, error) {
	var (
		calls   = make([]atomic.Uint32, n)
		left    atomic.Int64
		handled = make(chan struct{})
	)
	left.Store(int64(n))
	begun := time.Now()
	stop, err := q.Work(ctx, func(a Args) {
		if a.N < 0 || a.N >= n || calls[a.N].Add(1) > 1 {
			return // counted below
		}
		if left.Add(-1) == 0 {
			close(handled)
		}
	})
	if err != nil {
		return 0, fmt.Errorf("start the workers: %w", err)
	}
	err = await(ctx, q, handled, &left)
	perSecond := rate(n, begun)
	if err = errors.Join(err, stop()); err != nil {
		return 0, fmt.Errorf("drain %d tasks, %d not handled: %w", n, left.Load(), err)
	}
	for i := range calls {
		if c := calls[i].Load(); c != 1 {
			return 0, fmt.Errorf("drain %d tasks: task %d was handled %d times, want 1", n, i, c)
		}
	}
	return perSecond, nil
}

// stallMost is how long an engine may handle nothing before it is given up.
const stallMost = time.Minute

// await returns once all tasks are handled and the store has nothing left. It
// gives up when waiting, which counts the tasks still to be handled, stands still.
func await(ctx context.Context, q Queue, handled <-chan struct{}, waiting *atomic.Int64) error {
	stalled := time.NewTicker(stallMost)
	defer stalled.Stop()
	for last := waiting.Load(); ; {
		select {
		case <-handled:
			return awaitStored(ctx, q)
		case <-ctx.Done():
			return ctx.Err()
		case <-stalled.C:
			now := waiting.Load()
			if now == last {
				return fmt.Errorf("nothing was handled within %v, and %d tasks wait", stallMost, now)
			}
			last = now
		}
	}
}

func awaitStored(ctx context.Context, q Queue) error {
	ctx, cancel := context.WithTimeoutCause(ctx, stallMost, errors.New("the last completions were not stored"))
	defer cancel()
	for {
		left, err := q.Left(ctx)
		if err != nil || left == 0 {
			return err
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("%d tasks left: %w", left, context.Cause(ctx))
		}
	}
}

// warmUp is how many tasks go first, uncounted: connections open, caches fill.
// With few tasks to time it is as many again.
const warmUp = 50

// starts adds tasks to an idle queue one by one, and returns the median and the
// 99th percentile of the time from the call to the handler's start, in milliseconds.
func starts(ctx context.Context, q Queue, n int) (p50, p99 float64, err error) {
	started := make(chan time.Time, 1)
	stop, err := q.Work(ctx, func(Args) { started <- time.Now() })
	if err != nil {
		return 0, 0, fmt.Errorf("start the workers: %w", err)
	}
	defer func() { err = errors.Join(err, stop()) }()
	var (
		took = make([]float64, 0, n)
		r    = rand.New(rand.NewPCG(3, 4))
	)
	warm := min(warmUp, n)
	for i := range warm + n {
		// A pause of its own each time, so that no poll falls in step with the adds.
		if err := sleep(ctx, 2*time.Millisecond+time.Duration(r.Int64N(int64(8*time.Millisecond)))); err != nil {
			return 0, 0, err
		}
		begun := time.Now()
		if err := q.Add(ctx, Arg(i)); err != nil {
			return 0, 0, fmt.Errorf("add to an idle queue: %w", err)
		}
		select {
		case at := <-started:
			if i >= warm {
				took = append(took, millis(at.Sub(begun)))
			}
		case <-time.After(stallMost):
			return 0, 0, fmt.Errorf("task %d did not start on an idle queue within %v", i, stallMost)
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
	slices.Sort(took)
	return percentile(took, 50), percentile(took, 99), nil
}

// percentile returns the smallest of the sorted values that p percent do not exceed.
func percentile(sorted []float64, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

func millis(d time.Duration) float64 { return d.Seconds() * 1000 }

// rate is n a second.
func rate(n int, since time.Time) float64 { return float64(n) / time.Since(since).Seconds() }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
