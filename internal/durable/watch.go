package durable

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

var typeBits = map[pawl.EventType]Types{
	pawl.EventAdded: 1, pawl.EventJoined: 2, pawl.EventStarted: 4, pawl.EventStep: 8,
	pawl.EventRetried: 16, pawl.EventEnded: 32, pawl.EventCancelling: 64, pawl.EventBudget: 256,
}

const (
	allTypes  Types = 127 | 256
	readyType Types = 128 // of EventReady, which is a bell and never stored
)

func typesOf(t pawl.EventType) Types {
	if t == pawl.EventReady {
		return readyType
	}
	return typeBits[t]
}

// watches are the subscriptions of one process. Events are in the database, for
// as long as somebody says that he is interested; a bell says when to read them.
//
// While there is a watch, one goroutine listens to what other processes ring and
// another keeps the interest alive.
type watches struct {
	store *Store

	// turn is held by whoever tells the interest, which takes time: a commit that
	// rings must not wait for it. It guards these.
	turn   chan struct{}
	name   string // of this process, as a watcher
	told   Types  // the interest that was told last
	toldAt time.Time

	mu       sync.Mutex
	open     map[*watch]struct{}
	stop     context.CancelFunc // ends the goroutines
	loops    *sync.WaitGroup
	isClosed bool
}

// watch implements [pawl.Watch].
type watch struct {
	of    *watches
	types Types
	run   pawl.ID
	wake  chan struct{} // holds one signal
	at    int64         // position in the events

	mu    sync.Mutex
	heard Bell
	err   error
}

// Watch implements [pawl.Events].
func (s *Store) Watch(ctx context.Context, f pawl.EventFilter) (pawl.Watch, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	w := &watch{of: &s.watches, run: f.Run, wake: make(chan struct{}, 1)}
	for _, t := range f.Types {
		w.types |= typesOf(t)
	}
	if len(f.Types) == 0 {
		w.types = allTypes | readyType
	}
	if err := s.watches.enter(ctx, w); err != nil {
		return nil, s.why(err)
	}
	return w, nil
}

// enter registers a watch. When it returns, everything that happens is seen.
func (ws *watches) enter(ctx context.Context, w *watch) error {
	select {
	case ws.turn <- struct{}{}:
		defer func() { <-ws.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ws.tell(ctx, w.types&allTypes); err != nil {
		return err
	}
	if w.types&allTypes != 0 {
		_, at, err := ws.store.db.Events(ctx, 0)
		if err != nil {
			return err
		}
		w.at = at
		w.heard.Events = true // between there and here nobody rings for it
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.isClosed {
		return pawl.ErrClosed
	}
	if ws.open == nil {
		ws.open = map[*watch]struct{}{}
	}
	ws.open[w] = struct{}{}
	if len(ws.open) == 1 {
		loop, stop := context.WithCancel(context.Background())
		ws.stop, ws.loops = stop, &sync.WaitGroup{}
		ws.loops.Go(func() { ws.listen(loop) })
		ws.loops.Go(func() { ws.renew(loop) })
	}
	return nil
}

// types returns the events that the open watches want.
func (ws *watches) types() (all Types) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.open {
		all |= w.types & allTypes
	}
	return all
}

// tell says which events are of interest, with those of a watch that is to be
// opened, unless that was told lately. The caller has the turn.
func (ws *watches) tell(ctx context.Context, more Types) error {
	types := ws.types() | more
	if ws.name == "" {
		ws.name = pawl.NewID().String()
	}
	fresh := time.Since(ws.toldAt) < InterestTime/3
	if fresh && types&^ws.told == 0 || types == 0 && ws.told == 0 {
		return nil
	}
	if err := ws.store.db.Interest(ctx, ws.name, types); err != nil {
		return err
	}
	ws.told, ws.toldAt = types, time.Now()
	return nil
}

// renew keeps the interest alive.
func (ws *watches) renew(ctx context.Context) {
	tick := time.NewTicker(InterestTime / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		select {
		case ws.turn <- struct{}{}:
		case <-ctx.Done():
			return
		}
		err := ws.tell(ctx, 0)
		<-ws.turn
		if err != nil && ctx.Err() == nil {
			ws.ring(Bell{Ready: true, Events: true}) // readers find out what is wrong
		}
	}
}

// listenPause is how long to wait before listening again after an error.
const listenPause = time.Second

// listen hears what other processes ring.
func (ws *watches) listen(ctx context.Context) {
	for {
		err := ws.store.db.Listen(ctx, ws.ring)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			select {
			case <-time.After(listenPause):
			case <-ctx.Done():
				return
			}
		}
		ws.ring(Bell{Ready: true, Events: true}) // something may have been missed
	}
}

// ring tells the watches of this process.
func (ws *watches) ring(b Bell) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.open {
		w.ring(b)
	}
}

func (w *watch) ring(b Bell) {
	b.Ready = b.Ready && w.types&readyType != 0
	b.Events = b.Events && w.types&allTypes != 0
	if b == (Bell{}) {
		return
	}
	w.mu.Lock()
	w.heard.Ready = w.heard.Ready || b.Ready
	w.heard.Events = w.heard.Events || b.Events
	w.mu.Unlock()
	w.signal()
}

func (w *watch) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Next implements [pawl.Watch].
func (w *watch) Next(ctx context.Context) ([]pawl.Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if events, err := w.take(ctx); len(events) > 0 || err != nil {
			return events, err
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take returns what there is: the events up to now, or why there will be no more.
func (w *watch) take(ctx context.Context) ([]pawl.Event, error) {
	w.mu.Lock()
	heard, err := w.heard, w.err
	w.heard = Bell{}
	w.mu.Unlock()
	var found []pawl.Event
	for heard.Events {
		events, at, failed := w.of.store.db.Events(ctx, w.at)
		if failed != nil && !errors.Is(failed, pawl.ErrMissed) {
			w.ring(heard) // not read: look again
			return nil, w.of.store.why(failed)
		}
		heard.Events = len(events) > 0 || failed != nil // behind what was missed there is more
		w.at = at
		for _, e := range events {
			if typesOf(e.Type)&w.types != 0 && (w.run.IsZero() || w.run == e.Run) {
				found = append(found, e)
			}
		}
		if failed != nil {
			w.ring(heard)
			return nil, failed
		}
	}
	if heard.Ready && w.run.IsZero() {
		found = append(found, pawl.Event{Type: pawl.EventReady, At: time.Now()})
	}
	if len(found) > 0 {
		return found, nil
	}
	return nil, err
}

// Close implements [pawl.Watch].
func (w *watch) Close() {
	w.of.leave(w)
	w.fail(pawl.ErrClosed)
}

func (w *watch) fail(err error) {
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
	w.signal()
}

// leave removes a watch. The last one ends the goroutines and waits for them.
func (ws *watches) leave(w *watch) {
	ws.mu.Lock()
	_, ok := ws.open[w]
	delete(ws.open, w)
	var loops *sync.WaitGroup
	if ok && len(ws.open) == 0 {
		ws.stop()
		loops = ws.loops
	}
	ws.mu.Unlock()
	if loops != nil {
		loops.Wait()
	}
}

// close ends all watches.
func (ws *watches) close() {
	ws.mu.Lock()
	ws.isClosed = true
	open := make([]*watch, 0, len(ws.open))
	for w := range ws.open {
		open = append(open, w)
	}
	ws.mu.Unlock()
	for _, w := range open {
		ws.leave(w)
		w.fail(pawl.ErrClosed)
	}
}
