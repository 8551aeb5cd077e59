package pawl

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
)

// waits lets any number of callers wait for runs with one subscription, which
// lives as long as somebody waits.
type waits struct {
	client *Client
	turn   chan struct{} // holds one: who opens the subscription, which takes as long as the store does

	mu      sync.Mutex
	waiters map[ID]map[chan struct{}]struct{} // by run; each channel holds one signal
	stop    context.CancelFunc                // ends the subscription's goroutine
	done    chan struct{}                     // closed when it has ended
}

// wait returns the output of a run once it has ended.
func (c *Client) wait(ctx context.Context, run ID) (json.RawMessage, error) {
	if a, err := attemptFrom(ctx); err == nil && a.client == c {
		if err := a.park(); err != nil {
			return nil, err
		}
		defer c.parked.Add(-1)
	}
	changed, err := c.waits.enter(ctx, run)
	if err != nil {
		return nil, err
	}
	defer c.waits.leave(run, changed)
	for {
		rows, err := c.store.List(ctx, c.now, Filter{Run: run})
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, ErrNotFound
		}
		if output, ended, err := result(rows); ended {
			return output, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// park gives up the attempt's place and what its claim reserved, while its
// handler waits for a run. The place is taken back without asking: for a moment
// more handlers may run than there are places.
func (a *attempt) park() error {
	if err := a.giveBack(""); err != nil {
		return err
	}
	a.client.parked.Add(1)
	raise(a.client.freed)
	return nil
}

// enter registers a waiter. The subscription sees everything from then on.
func (w *waits) enter(ctx context.Context, run ID) (chan struct{}, error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	changed := make(chan struct{}, 1)
	if w.join(run, changed) {
		return changed, nil
	}
	pumping, cancel := context.WithCancel(context.Background())
	watch, err := w.client.store.Watch(pumping, EventFilter{Types: []EventType{EventEnded}})
	if err != nil {
		cancel()
		return nil, err
	}
	w.mu.Lock()
	w.waiters = map[ID]map[chan struct{}]struct{}{run: {changed: {}}}
	w.stop, w.done = cancel, make(chan struct{})
	go w.pump(pumping, watch, w.done)
	w.mu.Unlock()
	return changed, nil
}

// join registers a waiter with the subscription, if there is one.
func (w *waits) join(run ID, changed chan struct{}) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiters) == 0 {
		return false
	}
	if w.waiters[run] == nil {
		w.waiters[run] = map[chan struct{}]struct{}{}
	}
	w.waiters[run][changed] = struct{}{}
	return true
}

// leave removes a waiter; the last one waits for the subscription to end.
func (w *waits) leave(run ID, changed chan struct{}) {
	w.mu.Lock()
	delete(w.waiters[run], changed)
	if len(w.waiters[run]) == 0 {
		delete(w.waiters, run)
	}
	var done chan struct{}
	if len(w.waiters) == 0 {
		w.stop()
		done = w.done
	}
	w.mu.Unlock()
	if done != nil {
		<-done
	}
}

func (w *waits) pump(ctx context.Context, watch Watch, done chan struct{}) {
	defer close(done)
	defer watch.Close()
	for {
		events, err := watch.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		w.mu.Lock()
		for _, e := range events {
			signal(w.waiters[e.Run])
		}
		if err != nil {
			for _, waiters := range w.waiters {
				signal(waiters)
			}
		}
		w.mu.Unlock()
		if err != nil && !errors.Is(err, ErrMissed) {
			// The store is in trouble; those who wait learn it from their own reads.
			if sleep(ctx, storePause) != nil {
				return
			}
		}
	}
}

func signal(waiters map[chan struct{}]struct{}) {
	for changed := range waiters {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}
