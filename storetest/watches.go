package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// hints are what a worker watches. A store may send more of them than are needed.
var hints = []pawl.EventType{pawl.EventReady}

var watchRules = []rule{
	{"ready after a hungry claim", "a worker that found too little sleeps; what there is to do must wake it, whatever brought it", func(t *trial) {
		held := pawl.Setting{Limit: "held", Hold: "budget"}
		for name, arrive := range map[string]func(){
			"an added task":     func() { t.put() },
			"a scheduled task":  func() { t.put(delay(time.Hour)) },
			"a retry":           func() { t.one(pawl.Retry, t.list(pawl.Filter{States: []pawl.State{pawl.Dead}})[0].ID) },
			"a task given back": func() { t.finish(t.list(pawl.Filter{States: []pawl.State{pawl.Running}})[0], pawl.Pending) },
			"a backoff":         func() { t.finish(t.list(pawl.Filter{States: []pawl.State{pawl.Running}})[0], pawl.Scheduled) },
			"a limit resumed":   func() { t.configure(pawl.Setting{Limit: "held", Resume: true}) },
			"a queue resumed":   func() { t.configure(pawl.Setting{Queue: "default"}) },
		} {
			t.reach(pawl.Dead)
			t.reach(pawl.Running)
			t.configure(held)
			w := t.watch(pawl.EventFilter{Types: hints})
			t.none()
			arrive()
			if got := t.seenUntil(w, func(pawl.Event) bool { return true }); !got[0].Task.IsZero() {
				t.Errorf("after %s came %+v; want a hint without a task", name, got[0])
			}
			w.Close()
			t.clear()
		}
	}},
	{"ready when a place comes free", "a limit of calls in flight opens when a call ends, and nobody knows when that is", func(t *trial) {
		t.configure(set("lim", limit.Config{InFlight: 1}))
		for _, end := range []func(*pawl.TaskRow){
			func(r *pawl.TaskRow) { t.finish(r, pawl.Succeeded) },
			func(r *pawl.TaskRow) {
				t.reserve(r, "a", 1)
				t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered})
			},
		} {
			t.put(on("lim"))
			t.put(on("lim"))
			r := t.take()
			w := t.watch(pawl.EventFilter{Types: hints})
			t.none()
			end(r)
			t.seenUntil(w, func(pawl.Event) bool { return true })
			w.Close()
			t.clear()
		}
	}},
	{"ready after a call was turned away", "a call that waits for a place is as hungry as a claim", func(t *trial) {
		t.configure(set("lim", limit.Config{InFlight: 1}))
		t.put(on("lim"))
		r := t.take()
		t.reserve(r, "a", 1)
		t.wantGrant(t.reserve(r, "b", 1), false, 0, "in flight")
		w := t.watch(pawl.EventFilter{Types: hints})
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered})
		t.seenUntil(w, func(pawl.Event) bool { return true })
	}},
	{"looking wakes nobody", "whoever finds nothing sleeps until a hint; if that hint came from looking, workers would look for ever", func(t *trial) {
		t.configure(set("lim", limit.Config{InFlight: 1}))
		t.putMany(2, on("lim"))
		r := t.take()
		t.reserve(r, "a", 1)
		w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventReady, pawl.EventEnded}})
		for range 50 {
			t.none()
			t.wantGrant(t.reserve(r, "b", 1), false, 0, "in flight")
			is(t, "Beat", t.beat(r), pawl.Beat{})
		}
		if n := len(t.seen(w)); n > 10 {
			t.Errorf("%d hints after 50 claims, calls and beats that changed nothing; want hardly any", n)
		}
	}},
	{"all after Watch", "whoever watches first and looks then misses nothing", func(t *trial) {
		t.putMany(3)
		w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventAdded}})
		want := t.putMany(2000)
		for i := 0; i < len(want); {
			events, err := t.next(w)
			t.must("Next", err)
			for _, e := range events {
				if e.Task != want[i] {
					t.Fatalf("event %d is of %s; want %s", i, e.Task, want[i])
				}
				i++
			}
		}
	}},
	{"each watch sees all", "watches are apart: what one has read another one reads too", func(t *trial) {
		a := t.watch(pawl.EventFilter{Types: taskEvents})
		b := t.watch(pawl.EventFilter{Types: taskEvents})
		t.reach(pawl.Succeeded)
		is(t, "events of a", typesOf(t.seen(a)), "added started ended")
		a.Close()
		t.reach(pawl.Cancelled)
		is(t, "events of b", len(t.seen(b)), 3+2+2)
	}},
	{"a slow reader", "a reader that sleeps must not hold up the store, nor go on as if nothing were missing", func(t *trial) {
		w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventRetried, pawl.EventEnded}})
		t.putMany(1000)
		written := 0
		for range 50 {
			for _, do := range []pawl.ChangeKind{pawl.Cancel, pawl.Retry} {
				written += len(t.change(do, pawl.Filter{}))
			}
		}
		last := t.put()
		t.one(pawl.Cancel, last)
		read, missed := t.drain(w, last)
		if missed == (read == written) {
			t.Errorf("read %d of %d events, ErrMissed %v; want all of them or ErrMissed", read, written, missed)
		}
		end := t.reach(pawl.Cancelled)
		if read, missed := t.drain(w, end); read != 0 || missed {
			t.Errorf("then %d events, ErrMissed %v; want the watch to go on", read, missed)
		}
	}},
	{"close wakes", "whoever waits for an event must be able to stop", func(t *trial) {
		w := t.watch(pawl.EventFilter{})
		ended := make(chan error)
		go func() {
			_, err := t.next(w)
			ended <- err
		}()
		w.Close()
		if err := <-ended; !errors.Is(err, pawl.ErrClosed) {
			t.Errorf("Next of a closed watch = %v; want ErrClosed", err)
		}
		w.Close()
		t.put()
	}},
	{"the context wakes", "a wait ends with its context; the watch does not", func(t *trial) {
		w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventEnded}})
		ctx, cancel := context.WithCancel(t.ctx)
		ended := make(chan error)
		go func() {
			_, err := w.Next(ctx)
			ended <- err
		}()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Next = %v; want context.Canceled", err)
		}
		t.reach(pawl.Cancelled)
		is(t, "events", typesOf(t.seen(w)), "ended")
	}},
	{"watching moves no clock", "a watch is started without a time, so nothing may fall due by it", func(t *trial) {
		id := t.reach(pawl.Running)
		t.watch(pawl.EventFilter{})
		t.in(id, pawl.Running)
	}},
}

// drain reads up to a task's end, and returns how many events came before it and
// whether some were missed.
func (t *trial) drain(w pawl.Watch, last pawl.ID) (read int, missed bool) {
	t.Helper()
	for {
		events, err := t.next(w)
		if errors.Is(err, pawl.ErrMissed) {
			missed = true
			continue
		}
		t.must("Next", err)
		for _, e := range events {
			if e.Task == last && e.Type == pawl.EventEnded {
				return read, missed
			}
			read++
		}
	}
}
