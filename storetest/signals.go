package storetest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
)

// signalRules are about what comes from outside to tasks that wait for it.
var signalRules = []rule{
	{"a signal is a step", "what a signal brought must be there for every attempt after it, as it came", func(t *trial) {
		id := t.put()
		t.pass(time.Second)
		g := pawl.Signal{Name: "approve", ID: "7", Payload: json.RawMessage(`{ "by":"é", "n":1.0 }`)}
		t.signalAs(g, pawl.Filter{IDs: []pawl.ID{id}}, id)
		r := t.take()
		if len(r.Steps) != 1 {
			t.Fatalf("Steps = %+v; want one", r.Steps)
		}
		want := g.Step()
		want.At = t.now
		is(t, "Key", r.Steps[0].Key, want.Key)
		is(t, "Name", r.Steps[0].Name, want.Name)
		is(t, "Result", string(r.Steps[0].Result), string(g.Payload))
		is(t, "Attempt", r.Steps[0].Attempt, 0)
		isTime(t, "At", r.Steps[0].At, t.now)
		is(t, "Signals", r.Links.Signals["approve"], 1)
	}},
	{"it wakes what waits for it", "a handler that waits for a word must not be told by a clock", func(t *trial) {
		id := t.put()
		t.await(t.take(), "go", 0)
		t.in(id, pawl.Blocked)
		t.none()
		t.signal(id, "go", "1")
		r := t.take()
		is(t, "ID", r.ID, id)
		is(t, "steps", len(r.Steps), 1)
		if r.Links.Wait != nil {
			t.Errorf("Wait = %+v; want none", r.Links.Wait)
		}
		t.sane(id)
	}},
	{"and nothing else", "what waits for another word, another task, or its turn, waits on", func(t *trial) {
		other, same := t.put(), t.put()
		for _, r := range t.claim(2).Tasks {
			t.await(r, map[pawl.ID]string{other: "stop", same: "go"}[r.ID], 0)
		}
		parent := t.parent([]string{"a"})
		line := t.put(inLine)
		later := t.put(delay(time.Hour))
		for _, id := range []pawl.ID{other, parent.ID, line, later} {
			before := t.row(id)
			t.signal(id, "go", "1")
			t.in(id, before.State)
			isTime(t, "Due", t.row(id).Due, before.Due)
			t.sane(id)
		}
		t.in(same, pawl.Blocked)
		t.none()
		t.waits(parent.ID, 1)
		t.end("a", pawl.Succeeded)
		is(t, "steps", len(t.resumes(parent.ID).Steps), 1)
	}},
	{"before the wait", "a word that comes early is heard", func(t *trial) {
		id := t.put()
		t.signal(id, "go", "1")
		t.await(t.take(), "go", 0)
		t.in(id, pawl.Pending)
		r := t.take()
		is(t, "steps", len(r.Steps), 1)
		t.await(r, "go", 1) // it has got that one
		t.in(id, pawl.Blocked)
		t.signal(id, "go", "2")
		is(t, "steps", len(t.take().Steps), 2)
	}},
	{"while it runs", "a word that comes between the handler's look and its wait is not lost", func(t *trial) {
		id := t.put()
		r := t.take()
		t.signal(id, "go", "1")
		row := t.row(id)
		is(t, "State", row.State, pawl.Running)
		is(t, "Attempt", row.Attempt, r.Attempt)
		is(t, "Beat.Lost", t.beat(r).Lost, false)
		t.await(r, "go", 0)
		t.in(id, pawl.Pending)
		is(t, "steps", len(t.take().Steps), 1)
	}},
	{"the same one twice", "whoever sends a signal may have to ask twice: one ID is one signal", func(t *trial) {
		id := t.put()
		t.signal(id, "go", "1")
		for range 2 {
			t.signalAs(pawl.Signal{Name: "go", ID: "1", Payload: []byte(`"other"`)}, pawl.Filter{IDs: []pawl.ID{id}})
		}
		t.await(t.take(), "go", 0)
		r := t.take()
		is(t, "steps", len(r.Steps), 1)
		is(t, "Result", string(r.Steps[0].Result), `"1"`)
		t.await(r, "go", 1)
		t.signalAs(pawl.Signal{Name: "go", ID: "1"}, pawl.Filter{IDs: []pawl.ID{id}})
		t.in(id, pawl.Blocked)
	}},
	{"two are two", "each word counts, and the order in which they came is kept", func(t *trial) {
		id := t.put()
		t.signal(id, "go", "b")
		t.signal(id, "go", "a")
		t.signal(id, "stop", "a")
		r := t.take()
		keys := ""
		for _, s := range r.Steps {
			keys += s.Key + " "
		}
		is(t, "steps", keys, "signal:go/b signal:go/a signal:stop/a ")
		is(t, "Signals of go", r.Links.Signals["go"], 2)
		is(t, "Signals of stop", r.Links.Signals["stop"], 1)
		t.await(r, "go", 1)
		t.in(id, pawl.Pending)
		t.await(t.take(), "go", 2)
		t.in(id, pawl.Blocked)
	}},
	{"what has ended hears nothing", "a result does not change because somebody spoke too late", func(t *trial) {
		for _, s := range []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Cancelled} {
			id := t.reach(s)
			before := t.row(id)
			t.signalAs(pawl.Signal{Name: "go", ID: "1"}, pawl.Filter{IDs: []pawl.ID{id}})
			same(t, t.row(id), before)
		}
	}},
	{"to all that a filter selects", "one word may be for a whole run", func(t *trial) {
		first := t.put(operation("other"))
		second, third := t.put(inRun(first)), t.put()
		t.await(t.take(), "go", 0)
		t.signalAs(pawl.Signal{Name: "go", ID: "1"}, pawl.Filter{Run: first}, first, second)
		t.took(t.claim(9), second, third)
	}},
	{"its time is up", "a wait for a word that does not come ends when its handler said, and no sooner", func(t *trial) {
		id := t.put()
		t.await(t.take(), "go", 0, func(f *pawl.Finish) { f.Delay = time.Minute })
		isTime(t, "Next", t.none(), start.Add(time.Minute))
		t.pass(time.Minute - time.Millisecond)
		t.none()
		t.pass(time.Millisecond)
		r := t.take()
		is(t, "ID", r.ID, id)
		is(t, "steps", len(r.Steps), 0)
		t.signal(id, "go", "1")
		t.await(r, "go", 0)
		t.in(id, pawl.Pending)
	}},
	{"an earlier time is forgotten", "what woke in time is not woken again by the clock", func(t *trial) {
		id := t.put()
		t.await(t.take(), "go", 0, func(f *pawl.Finish) { f.Delay = time.Second })
		t.signal(id, "go", "1")
		t.await(t.take(), "go", 1)
		t.pass(time.Hour)
		isTime(t, "Next", t.none(), time.Time{})
		t.in(id, pawl.Blocked)
	}},
	{"the clock of a wait is its own", "another word that comes meanwhile does not put off the end of a wait", func(t *trial) {
		id := t.put()
		t.await(t.take(), "go", 0, func(f *pawl.Finish) { f.Delay = time.Minute })
		t.pass(time.Second)
		t.signal(id, "stop", "1")
		isTime(t, "Next", t.none(), start.Add(time.Minute))
		t.pass(time.Minute - time.Second)
		is(t, "ID", t.take().ID, id)
	}},
	{"a deadline while it waits", "whoever waits for a word has no more time than others", expires(func(t *trial) pawl.ID {
		id := t.put(deadline(t.now.Add(time.Minute)))
		t.await(t.take(), "go", 0)
		return id
	})},
	{"it keeps its place", "a word to a task that waits for a worker does not put it behind others", func(t *trial) {
		first, second := t.put(), t.put()
		t.signal(first, "go", "1")
		t.took(t.claim(2), first, second)
	}},
	{"a retry keeps what it heard", "a dead letter that is tried again finds its signals, like all its steps, unless its input is new", func(t *trial) {
		id := t.put()
		t.signal(id, "go", "1")
		t.finish(t.take(), pawl.Dead)
		t.one(pawl.Retry, id)
		r := t.take()
		is(t, "steps", len(r.Steps), 1)
		t.await(r, "go", 0)
		t.finish(t.take(), pawl.Dead)
		_, err := t.store.Change(t.ctx, t.now, pawl.Filter{}, pawl.Change{Do: pawl.Retry, Input: []byte("2")})
		t.must("Change", err)
		r = t.take()
		is(t, "steps", len(r.Steps), 0)
		t.await(r, "go", 0)
		t.in(id, pawl.Blocked)
		t.signal(id, "go", "1") // which is not stored any more
		is(t, "steps", len(t.take().Steps), 1)
	}},
	{"they go with their task", "a task that was never claimed may have steps, which must not be left behind", func(t *trial) {
		id := t.put()
		t.signal(id, "go", "1")
		t.one(pawl.Cancel, id)
		t.one(pawl.Delete, id)
		n := task()
		n.Row.ID, n.Row.Run = id, id
		t.add(n)
		is(t, "steps of a new task of the id", len(t.take().Steps), 0)
	}},
	{"its event", "whoever watches a task sees what came to it", func(t *trial) {
		id := t.put(user("u"))
		t.await(t.take(), "go", 0)
		w := t.watch(pawl.EventFilter{Types: taskEvents})
		t.signal(id, "go", "1")
		t.signalAs(pawl.Signal{Name: "go", ID: "1"}, pawl.Filter{IDs: []pawl.ID{id}})
		t.events(w, pawl.Event{
			Type: pawl.EventStep, At: t.now, Task: id, Run: id, Operation: "work", Queue: "default", User: "u",
			State: pawl.Pending, Attempt: 1, Step: "signal:go",
		})
	}},
	{"many tasks", "a word to a thousand that wait is one call", func(t *trial) {
		t.putMany(1200)
		var parks []pawl.Finish
		for _, r := range t.claim(1200).Tasks {
			parks = append(parks, waiting(r, "go", 0))
		}
		t.finishMany(parks)
		t.none()
		changed, err := t.store.Change(t.ctx, t.now, pawl.Filter{}, pawl.Change{Do: pawl.Signalled, Signal: pawl.Signal{Name: "go", ID: "1"}})
		t.must("Change", err)
		is(t, "tasks that heard it", len(changed), 1200)
		is(t, "tasks to claim", len(t.claim(2000).Tasks), 1200)
	}},
}

// waiting is the end of an attempt that waits for a signal, of which its handler has
// got so many.
func waiting(r *pawl.TaskRow, name string, after int, with ...func(*pawl.Finish)) pawl.Finish {
	f := outcome(r, pawl.Blocked)
	f.Park = &pawl.Park{Signal: name, After: after}
	for _, w := range with {
		w(&f)
	}
	return f
}

// await ends an attempt that waits for a signal, which must be accepted.
func (t *trial) await(r *pawl.TaskRow, name string, after int, with ...func(*pawl.Finish)) {
	t.Helper()
	t.must("Finish", t.finishAs(waiting(r, name, after, with...)))
}

// signal sends one task a signal, which must be accepted. Its payload is its ID.
func (t *trial) signal(id pawl.ID, name, of string) {
	t.Helper()
	t.signalAs(pawl.Signal{Name: name, ID: of, Payload: fmt.Appendf(nil, "%q", of)}, pawl.Filter{IDs: []pawl.ID{id}}, id)
}

// signalAs sends a signal, and checks which tasks it changes.
func (t *trial) signalAs(g pawl.Signal, f pawl.Filter, want ...pawl.ID) {
	t.Helper()
	changed, err := t.store.Change(t.ctx, t.now, f, pawl.Change{Do: pawl.Signalled, Signal: g})
	t.must("Change", err)
	is(t, "tasks that heard it", fmt.Sprint(changed), fmt.Sprint(append([]pawl.ID{}, want...)))
}
