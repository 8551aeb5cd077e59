package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Paced is what became of tasks that were added at a steady rate while workers
// were at work. Times are milliseconds from when a task was due to be added to
// the handler's start, so that an engine that falls behind cannot hide it.
type Paced struct {
	Offered float64 `json:"offered"` // tasks a second that were due
	Done    float64 `json:"done"`    // tasks a second that were handled while tasks were being added
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	Last50  float64 `json:"last50"` // of the last tenth
	Last99  float64 `json:"last99"`
	Drain   float64 `json:"drain"` // tasks a second of a drain right after
}

// drainAfter is how many tasks are drained after a steady load: what that load
// left behind in the store slows this down.
const drainAfter = 20_000

// pacedCallers is how many adds may be under way at once.
const pacedCallers = 64

func paced(ctx context.Context, q Queue, perSecond int, during time.Duration) (*Paced, error) {
	p := newPace(perSecond, int(during.Seconds()*float64(perSecond)))
	stop, err := q.Work(ctx, p.handle)
	if err != nil {
		return nil, fmt.Errorf("start the workers: %w", err)
	}
	err = p.add(ctx, q)
	done, took := len(p.waited)-int(p.left.Load()), time.Since(p.begun)
	if err == nil {
		err = await(ctx, q, p.all, &p.left)
	}
	if err = errors.Join(err, stop()); err != nil {
		return nil, fmt.Errorf("%d tasks a second: %w", perSecond, err)
	}
	r := p.result(float64(done) / took.Seconds())
	if _, err := bulk(ctx, q, drainAfter); err != nil {
		return nil, err
	}
	r.Drain, err = drain(ctx, q, drainAfter)
	return r, err
}

// A pace is the steady load: task n is due n intervals after the beginning.
type pace struct {
	begun    time.Time
	interval time.Duration
	next     atomic.Int64
	left     atomic.Int64   // tasks that are not handled
	waited   []atomic.Int64 // nanoseconds from due to started, by task
	all      chan struct{}  // closed once every task was handled
}

func newPace(perSecond, n int) *pace {
	p := &pace{
		begun:    time.Now(),
		interval: time.Second / time.Duration(perSecond),
		waited:   make([]atomic.Int64, n),
		all:      make(chan struct{}),
	}
	p.left.Store(int64(n))
	return p
}

func (p *pace) due(n int) time.Time { return p.begun.Add(time.Duration(n) * p.interval) }

func (p *pace) handle(a Args) {
	if p.waited[a.N].CompareAndSwap(0, int64(max(1, time.Since(p.due(a.N))))) && p.left.Add(-1) == 0 {
		close(p.all)
	}
}

// add adds each task when it is due, or as soon after that as the engine lets it.
func (p *pace) add(ctx context.Context, q Queue) error {
	failed := make(chan error, pacedCallers)
	var callers sync.WaitGroup
	for range pacedCallers {
		callers.Go(func() {
			for n := int(p.next.Add(1) - 1); n < len(p.waited); n = int(p.next.Add(1) - 1) {
				err := sleep(ctx, time.Until(p.due(n)))
				if err == nil {
					err = q.Add(ctx, Arg(n))
				}
				if err != nil {
					failed <- fmt.Errorf("add task %d: %w", n, err)
					return
				}
			}
		})
	}
	callers.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func (p *pace) result(done float64) *Paced {
	waited := make([]float64, len(p.waited))
	for n := range p.waited {
		waited[n] = millis(time.Duration(p.waited[n].Load()))
	}
	last := slices.Clone(waited[len(waited)*9/10:])
	slices.Sort(waited)
	slices.Sort(last)
	return &Paced{
		Offered: 1 / p.interval.Seconds(), Done: done,
		P50: percentile(waited, 50), P99: percentile(waited, 99),
		Last50: percentile(last, 50), Last99: percentile(last, 99),
	}
}
