package inmem

import (
	"context"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// watchMost is how many events a watch keeps for a slow reader.
const watchMost = 1 << 16

// eventSet is a set of event types, a bit each.
type eventSet uint16

var eventBits = map[pawl.EventType]eventSet{
	pawl.EventAdded: 1, pawl.EventJoined: 2, pawl.EventStarted: 4, pawl.EventStep: 8,
	pawl.EventRetried: 16, pawl.EventEnded: 32, pawl.EventReady: 64, pawl.EventCancelling: 128, pawl.EventBudget: 256,
}

const allEvents eventSet = 511

// watch implements [pawl.Watch].
type watch struct {
	store *Store
	types eventSet
	run   pawl.ID
	wake  chan struct{} // holds one signal

	mu     sync.Mutex
	events []pawl.Event
	missed bool
	err    error
}

// Watch implements [pawl.Events].
func (s *Store) Watch(ctx context.Context, f pawl.EventFilter) (pawl.Watch, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	w := &watch{store: s, run: f.Run, wake: make(chan struct{}, 1)}
	for _, t := range f.Types {
		w.types |= eventBits[t]
	}
	if len(f.Types) == 0 {
		w.types = allEvents
	}
	s.watches[w] = struct{}{}
	s.interest |= w.types
	return w, nil
}

// Close implements [pawl.Watch].
func (w *watch) Close() {
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watches, w)
	s.interest = 0
	for other := range s.watches {
		s.interest |= other.types
	}
	w.fail(pawl.ErrClosed)
}

// Next implements [pawl.Watch].
func (w *watch) Next(ctx context.Context) ([]pawl.Event, error) {
	for {
		if events, err := w.take(); len(events) > 0 || err != nil {
			return events, err
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take returns what there is: first that events were missed, then the events,
// then why there will be no more.
func (w *watch) take() ([]pawl.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.missed {
		w.missed = false
		return nil, pawl.ErrMissed
	}
	if events := w.events; len(events) > 0 {
		w.events = nil
		return events, nil
	}
	return nil, w.err
}

func (w *watch) put(e pawl.Event) {
	w.mu.Lock()
	if len(w.events) >= watchMost {
		w.events, w.missed = w.events[:0], true
	}
	w.events = append(w.events, e)
	w.mu.Unlock()
	w.signal()
}

func (w *watch) fail(err error) {
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
	w.signal()
}

func (w *watch) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// emit tells the watches what happened to a task.
func (s *Store) emit(now time.Time, what pawl.EventType, t *task) {
	if s.interest&eventBits[what] == 0 {
		return
	}
	r := &t.row
	e := eventOf(now, what, r)
	if what == pawl.EventRetried || what == pawl.EventEnded {
		last := r.LastAttempt()
		e.Class, e.Message = last.Class, last.Message
	}
	if what == pawl.EventEnded {
		e.Branch = r.Branch()
	}
	s.send(e)
}

func eventOf(now time.Time, what pawl.EventType, r *pawl.TaskRow) pawl.Event {
	return pawl.Event{
		Type: what, At: now, Task: r.ID, Run: r.Run,
		Operation: r.Operation, Queue: r.Queue, User: r.User, State: r.State, Attempt: r.Attempt,
	}
}

func (s *Store) send(e pawl.Event) {
	for w := range s.watches {
		if w.types&eventBits[e.Type] != 0 && (w.run.IsZero() || w.run == e.Run) {
			w.put(e)
		}
	}
}

// ready tells the workers to look again, if one of them found too little.
func (s *Store) ready(now time.Time) {
	if !s.hungry {
		return
	}
	s.hungry = false
	s.send(pawl.Event{Type: pawl.EventReady, At: now})
}
