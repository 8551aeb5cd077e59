package pawl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	claimMost  = 1000            // tasks of one claim
	claimGrace = 2 * time.Second // for the answer to a claim under way when Run's context ends
	storePause = time.Second     // between tries when the store fails
)

// worker is one call of Client.Run: it claims tasks, runs their handlers and
// records the outcomes.
type worker struct {
	*Client
	operations []string
	outcomes   group[outcome, struct{}]

	ready chan struct{} // holds one signal: there may be something to claim
	began chan struct{} // holds one signal: a handler runs, where none did

	mu      sync.Mutex
	running map[Lease]*attempt
	ended   sync.WaitGroup // of the handlers
}

// Run works on tasks until ctx ends. Then it claims no more, lets the handlers
// finish within Config.Grace, stops those that are left and gives their tasks
// back. It returns nil after such a drain, an error if the client is set up
// wrongly or a handler ignores the end of its context for another grace period.
// Only one Run may be under way.
func (c *Client) Run(ctx context.Context) error {
	w, err := c.newWorker()
	if err != nil {
		return err
	}
	defer func() {
		c.mu.Lock()
		c.running = false
		c.mu.Unlock()
	}()
	watch, err := c.setUp(ctx)
	if err != nil && ctx.Err() != nil {
		return nil // it ended before there was anything to drain
	}
	if err != nil {
		return err
	}

	// The heart beats until the handlers have ended, after ctx.
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	var loops sync.WaitGroup
	loops.Go(func() { w.listen(beating, watch) })
	loops.Go(func() { w.beat(beating) })
	if w.config.Retention != (Retention{}) {
		loops.Go(func() { w.retain(ctx) })
	}
	w.claim(ctx)
	err = w.drain()
	stop()
	loops.Wait()
	watch.Close()
	return err
}

func (c *Client) newWorker() (*worker, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.config.validate(); err != nil {
		return nil, err
	}
	if len(c.problems) > 0 {
		return nil, errors.Join(c.problems...)
	}
	if c.running {
		return nil, errors.New("pawl: Run is under way already")
	}
	if len(c.handlers) == len(fans()) {
		return nil, errors.New("pawl: no operation has a handler; call Handle before Run")
	}
	c.running = true
	w := &worker{
		Client:  c,
		ready:   make(chan struct{}, 1),
		began:   make(chan struct{}, 1),
		running: map[Lease]*attempt{},
	}
	w.outcomes = group[outcome, struct{}]{commit: w.record, most: batchMost}
	for name := range c.handlers {
		w.operations = append(w.operations, name)
	}
	slices.Sort(w.operations)
	return w, nil
}

// setUp sets the configured limits and subscribes to what a worker must know.
func (c *Client) setUp(ctx context.Context) (Watch, error) {
	var settings []Setting
	for name, config := range c.config.Limits {
		settings = append(settings, Setting{Limit: name, Config: &config})
	}
	if len(settings) > 0 {
		if err := c.store.Configure(ctx, c.now, settings); err != nil {
			return nil, fmt.Errorf("set limits: %w", err)
		}
	}
	watch, err := c.store.Watch(ctx, EventFilter{Types: []EventType{EventReady, EventCancelling}})
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	return watch, nil
}

// claim claims tasks for as long as ctx lasts, as many at a time as there are
// free places. It waits without polling: for a place, for an event, or for the
// time that the store named. Then it claims though no place is free, and gets
// nothing: leases end, and deadlines pass, though all workers are busy. So it does
// every 20 seconds, as a sign of life, and takes its leave at the end.
//
// A claim that failed may have taken effect: the next one asks for what this
// worker holds without knowing it, which would wait for its leases to end.
func (w *worker) claim(ctx context.Context) {
	asking, stop := context.WithCancel(context.WithoutCancel(ctx))
	var late sync.WaitGroup
	late.Go(func() {
		wait(asking, ctx.Done(), 0)
		wait(asking, nil, claimGrace)
		stop()
	})
	defer late.Wait()
	defer stop()
	ask := Claim{Worker: w.config.Name, Queues: w.config.Queues, Operations: w.operations, Lease: w.config.Lease}
	failed := false
	var look time.Time // when to claim though nothing calls for it
	for ctx.Err() == nil {
		ask.Max, ask.Known = min(w.free(), claimMost), nil
		if left := time.Until(look); ask.Max == 0 && left > 0 {
			wait(ctx, w.freed, left)
			continue
		}
		if failed {
			ask.Known = w.leases()
		}
		asked := time.Now()
		claimed, err := w.store.Claim(asking, w.now, ask)
		if err != nil {
			failed = true
			w.log.Error("claim tasks", "error", err)
			wait(ctx, nil, storePause)
			continue
		}
		pause := claimed.pause()
		look = time.Now().Add(pause)
		full := len(claimed.Tasks) == ask.Max
		switch {
		case ask.Max == 0:
		case failed:
			failed = w.takeUp(asking, claimed, asked) && full
		default:
			w.start(claimed.Tasks, asked)
		}
		if !full {
			wait(ctx, w.ready, pause)
		}
	}
	ask.Max, ask.Known, ask.Leaving = 0, nil, true
	if _, err := w.store.Claim(asking, w.now, ask); err != nil {
		w.log.Warn("take leave", "error", err)
	}
}

// pause returns how long after c to claim again, though nothing calls for it.
func (c *Claimed) pause() time.Duration {
	if c.Next.IsZero() {
		return presence
	}
	return min(max(c.Next.Sub(c.Now), time.Microsecond), presence)
}

// takeUp starts what a claim gave that was made after one had failed: some tasks
// may be ours since then, so that it is time for a heartbeat. It reports whether
// there may be more of these.
func (w *worker) takeUp(ctx context.Context, claimed Claimed, asked time.Time) (more bool) {
	rows := claimed.Tasks
	if last := len(rows) - 1; last >= 0 {
		more = rows[last].Started.Before(claimed.Now) // what is claimed now comes last
	}
	// A worker of the same name may have left what this one has no handler for.
	rows = slices.DeleteFunc(rows, func(r *TaskRow) bool { return w.handlers[r.Operation] == nil })
	w.start(rows, asked)
	held := make([]Lease, len(rows))
	for i, r := range rows {
		held[i] = r.Lease()
	}
	w.beatMany(ctx, held)
	return more
}

// wait waits for a signal, for a pause if it is not 0, or for the end of ctx.
func wait(ctx context.Context, signal <-chan struct{}, pause time.Duration) {
	select {
	case <-signal: // as for busy workers, which then need no timer
		return
	default:
	}
	var timeout <-chan time.Time
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-signal:
	case <-timeout:
	case <-ctx.Done():
	}
}

func raise(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// free returns how many places are free. None are while handlers that waited for a
// run, and have taken their places back, are too many.
func (w *worker) free() int {
	return max(w.config.Workers-w.busy()+int(w.parked.Load()), 0)
}

func (w *worker) busy() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.running)
}

// listen turns the store's events into signals.
func (w *worker) listen(ctx context.Context, watch Watch) {
	for {
		events, err := watch.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, e := range events {
			if e.Type == EventCancelling {
				w.stop(Lease{e.Task, e.Attempt}, ErrCancelled)
				continue
			}
			w.wake()
		}
		if err == nil {
			continue
		}
		w.wake()
		if !errors.Is(err, ErrMissed) {
			w.log.Error("watch events", "error", err)
			wait(ctx, nil, storePause)
		}
	}
}

// wake makes the claim loop and the calls that wait for a limit look again.
func (w *worker) wake() {
	raise(w.ready)
	w.gates.open()
}

// beat prolongs the leases of the running handlers, three times within a lease,
// and stops those whose lease is lost. It sleeps while nothing runs.
func (w *worker) beat(ctx context.Context) {
	for ctx.Err() == nil {
		if w.busy() == 0 {
			wait(ctx, w.began, 0)
			continue
		}
		wait(ctx, nil, w.config.Lease/3)
		if ctx.Err() != nil {
			return
		}
		held := w.leases()
		for batch := range slices.Chunk(held, batchMost) {
			w.beatMany(ctx, batch)
		}
	}
}

func (w *worker) leases() []Lease {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := make([]Lease, 0, len(w.running))
	for l := range w.running {
		held = append(held, l)
	}
	return held
}

func (w *worker) beatMany(ctx context.Context, held []Lease) {
	asked := time.Now()
	ctx, cancel := context.WithTimeout(ctx, w.config.Lease/3)
	defer cancel()
	beats, err := w.store.Beat(ctx, w.now, w.config.Lease, held)
	if err != nil {
		w.log.Error("heartbeat", "error", err)
		w.stopOverdue(held)
		return
	}
	for i, b := range beats {
		switch {
		case b.Lost:
			w.stop(held[i], ErrLeaseLost)
		case b.Cancelled:
			w.stop(held[i], ErrCancelled)
		default:
			w.prolong(held[i], asked)
		}
	}
}

func (w *worker) prolong(l Lease, asked time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.running[l]; a != nil {
		a.beaten = asked
	}
}

// stopOverdue stops the handlers whose lease must have ended by this machine's
// own clock, when the store cannot be asked.
func (w *worker) stopOverdue(held []Lease) {
	for _, l := range held {
		w.mu.Lock()
		a := w.running[l]
		overdue := a != nil && time.Since(a.beaten) >= w.config.Lease
		w.mu.Unlock()
		if overdue {
			w.stop(l, ErrLeaseLost)
		}
	}
}

func (w *worker) stop(l Lease, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.running[l]; a != nil {
		a.cancel(cause)
	}
}

// drain waits for the handlers to end: for the grace period as they like, then
// with their contexts ended.
func (w *worker) drain() error {
	ended := make(chan struct{})
	go func() {
		w.ended.Wait()
		close(ended)
	}()
	grace := max(w.config.Grace, 0)
	if over(ended, grace) {
		return nil
	}
	w.mu.Lock()
	for _, a := range w.running {
		a.cancel(ErrDraining)
	}
	w.mu.Unlock()
	if over(ended, max(grace, defaultGrace)) {
		return nil
	}
	return fmt.Errorf("pawl: %d handlers ignore the end of their context", w.busy())
}

func over(ended <-chan struct{}, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	default:
	}
	select {
	case <-ended:
		return true
	case <-timer.C:
		return false
	}
}
