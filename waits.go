package pawl

import (
	"context"
	"errors"
	"sync"
)

// waits lets any number of callers wait for lines of tasks with one subscription,
// which lives as long as somebody waits.
type waits struct {
	client *Client
	turn   chan struct{} // holds one: who opens the subscription, which takes as long as the store does

	mu      sync.Mutex
	waiters map[ID]map[*waiter]struct{} // by the first tasks of lines
	count   int
	stop    context.CancelFunc // ends the subscription's goroutine
	done    chan struct{}      // closed when it has ended
}

// waiter waits for lines.
type waiter struct {
	firsts  []ID
	changed chan struct{} // holds one signal: look at hot
	hot     map[ID]bool   // the lines that may have ended; guarded by waits.mu
	all     bool          // any of them may have; likewise
}

// enter registers a waiter. The subscription sees everything from then on.
func (w *waits) enter(ctx context.Context, firsts []ID) (*waiter, error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	me := &waiter{firsts: firsts, changed: make(chan struct{}, 1)}
	if w.join(me) {
		return me, nil
	}
	pumping, cancel := context.WithCancel(context.Background())
	watch, err := w.client.store.Watch(pumping, EventFilter{Types: []EventType{EventEnded}})
	if err != nil {
		cancel()
		return nil, err
	}
	w.mu.Lock()
	w.waiters = map[ID]map[*waiter]struct{}{}
	w.add(me)
	w.stop, w.done = cancel, make(chan struct{})
	go w.pump(pumping, watch, w.done)
	w.mu.Unlock()
	return me, nil
}

// join registers a waiter with the subscription, if there is one.
func (w *waits) join(me *waiter) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count == 0 {
		return false
	}
	w.add(me)
	return true
}

func (w *waits) add(me *waiter) {
	w.count++
	for _, first := range me.firsts {
		if w.waiters[first] == nil {
			w.waiters[first] = map[*waiter]struct{}{}
		}
		w.waiters[first][me] = struct{}{}
	}
}

// leave removes a waiter; the last one waits for the subscription to end.
func (w *waits) leave(me *waiter) {
	w.mu.Lock()
	for _, first := range me.firsts {
		delete(w.waiters[first], me)
		if len(w.waiters[first]) == 0 {
			delete(w.waiters, first)
		}
	}
	var done chan struct{}
	if w.count--; w.count == 0 {
		w.stop()
		done = w.done
	}
	w.mu.Unlock()
	if done != nil {
		<-done
	}
}

// taken returns the lines that may have ended since the last time; nil for any.
func (w *waits) taken(me *waiter) map[ID]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	hot := me.hot
	if me.all {
		hot = nil
	} else if hot == nil {
		hot = map[ID]bool{}
	}
	me.hot, me.all = nil, false
	return hot
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
		for i := range events {
			w.tell(&events[i])
		}
		if err != nil {
			for _, waiters := range w.waiters {
				for me := range waiters {
					me.all = true
					raise(me.changed)
				}
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

// tell tells those who wait for the line of a task that has ended. A failure below a
// run may be the run's.
func (w *waits) tell(e *Event) {
	first := e.Branch
	if first.IsZero() {
		first = e.Run
	}
	w.heat(first)
	if e.State != Succeeded && first != e.Run {
		w.heat(e.Run)
	}
}

func (w *waits) heat(first ID) {
	for me := range w.waiters[first] {
		if me.hot == nil {
			me.hot = map[ID]bool{}
		}
		me.hot[first] = true
		raise(me.changed)
	}
}
