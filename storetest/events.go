package storetest

import (
	"context"
	"time"

	"github.com/pawlhq/pawl"
)

// eventWait is the longest that a case waits for an event that must come.
const eventWait = 20 * time.Second

// taskEvents are the types that name a task.
var taskEvents = []pawl.EventType{
	pawl.EventAdded, pawl.EventJoined, pawl.EventStarted, pawl.EventStep, pawl.EventRetried, pawl.EventEnded, pawl.EventCancelling,
	pawl.EventBudget,
}

var eventRules = []rule{
	{"the life of a task", "whoever watches sees each thing that happens, once, in order, with what it was", func(t *trial) {
		w := t.watch(pawl.EventFilter{Types: taskEvents})
		n := task(user("u"), identity(1))
		t.add(n)
		t.add(task(identity(1)))
		r := t.take()
		step := pawl.Save{Lease: r.Lease(), Step: &pawl.StepRow{Key: "k#1", Name: "ask", Result: []byte("1")}}
		t.must("Save", t.saveAs(step))
		t.must("Save again", t.saveAs(step))
		t.pass(time.Second)
		t.finish(r, pawl.Scheduled)
		t.pass(time.Minute)
		r = t.take()
		t.one(pawl.Cancel, r.ID)
		t.finish(r, pawl.Succeeded)

		e := pawl.Event{Task: r.ID, Run: r.ID, Operation: "work", Queue: "default", User: "u"}
		at := func(what pawl.EventType, d time.Duration, s pawl.State, attempt int) pawl.Event {
			e := e
			e.Type, e.At, e.State, e.Attempt = what, start.Add(d), s, attempt
			return e
		}
		stepped, retried := at(pawl.EventStep, 0, pawl.Running, 1), at(pawl.EventRetried, time.Second, pawl.Scheduled, 1)
		stepped.Step = "ask"
		retried.Class, retried.Message = "transient", "try again"
		again := time.Minute + time.Second
		t.events(w,
			at(pawl.EventAdded, 0, pawl.Pending, 0),
			at(pawl.EventJoined, 0, pawl.Pending, 0),
			at(pawl.EventStarted, 0, pawl.Running, 1),
			stepped, retried,
			at(pawl.EventStarted, again, pawl.Running, 2),
			at(pawl.EventCancelling, again, pawl.Running, 2),
			at(pawl.EventEnded, again, pawl.Succeeded, 2),
		)
	}},
	{"ends", "dead letters and what was cancelled, lost or expired end or go on with an event like all others", func(t *trial) {
		w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventRetried, pawl.EventEnded}})
		var want []pawl.Event
		expect := func(what pawl.EventType, id pawl.ID, s pawl.State) {
			r := t.row(id)
			last := r.LastAttempt()
			want = append(want, pawl.Event{
				Type: what, At: t.now, Task: id, Run: id, Operation: "work", Queue: "default", State: s, Attempt: r.Attempt,
				Class: last.Class, Message: last.Message,
			})
		}
		dead := t.reach(pawl.Dead)
		expect(pawl.EventEnded, dead, pawl.Dead)
		t.one(pawl.Retry, dead)
		expect(pawl.EventRetried, dead, pawl.Pending)
		t.one(pawl.Cancel, dead)
		expect(pawl.EventEnded, dead, pawl.Cancelled)
		lost := t.reach(pawl.Running)
		t.pass(lease)
		t.tick()
		expect(pawl.EventRetried, lost, pawl.Pending)
		t.one(pawl.Cancel, lost)
		expect(pawl.EventEnded, lost, pawl.Cancelled)
		late := t.put(deadline(t.now.Add(time.Second)))
		t.pass(time.Second)
		t.tick()
		expect(pawl.EventEnded, late, pawl.Dead)
		t.events(w, want...)
	}},
	{"reused", "a result that answers a new task is told as a join", func(t *trial) {
		id := t.reach(pawl.Succeeded, identity(1))
		w := t.watch(pawl.EventFilter{Types: taskEvents})
		t.add(task(identity(1), reuse(time.Hour)))
		t.events(w, pawl.Event{
			Type: pawl.EventJoined, At: t.now, Task: id, Run: id, Operation: "work", Queue: "default", State: pawl.Succeeded, Attempt: 1,
		})
	}},
	{"what follows", "a task that a finish added is added like any other", func(t *trial) {
		id := t.put()
		r := t.take()
		w := t.watch(pawl.EventFilter{Types: taskEvents})
		next := task(inRun(id))
		t.finish(r, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{next} })
		e := pawl.Event{At: t.now, Run: id, Operation: "work", Queue: "default"}
		ended, added := e, e
		ended.Type, ended.Task, ended.State, ended.Attempt = pawl.EventEnded, id, pawl.Succeeded, 1
		added.Type, added.Task, added.State = pawl.EventAdded, next.Row.ID, pawl.Pending
		t.events(w, ended, added)
	}},
	{"nothing happened", "what changed nothing is no event: rejected, repeated, fenced", func(t *trial) {
		n := task(identity(1))
		t.add(n)
		r := t.take()
		f := outcome(r, pawl.Pending)
		t.must("Finish", t.finishAs(f))
		w := t.watch(pawl.EventFilter{Types: taskEvents})
		t.add(n)
		t.add(task(identity(1), duplicates(pawl.Reject)))
		t.must("Finish again", t.finishAs(f))
		r.Attempt = 9
		t.lost("Finish", t.finishAs(outcome(r, pawl.Dead)))
		t.change(pawl.Retry, pawl.Filter{})
		t.events(w)
	}},
	{"filter by type", "a worker must not be woken for what it does not want to know", func(t *trial) {
		w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventEnded}})
		t.reach(pawl.Succeeded)
		id := t.reach(pawl.Cancelled)
		is(t, "types", typesOf(t.seen(w)), "ended ended")
		is(t, "State", t.row(id).State, pawl.Cancelled)
	}},
	{"filter by run", "whoever waits for one run sees that run", func(t *trial) {
		id := t.put()
		w := t.watch(pawl.EventFilter{Run: id, Types: taskEvents})
		t.put()
		other := t.put(inRun(id))
		t.take()
		got := t.seenUntil(w, func(e pawl.Event) bool { return e.Type == pawl.EventStarted })
		if typesOf(got) != "added started" || got[0].Task != other || got[1].Task != id {
			t.Errorf("events = %+v; want added of %s and started of %s", got, other, id)
		}
	}},
	{"all types", "a filter without types selects every type", func(t *trial) {
		w := t.watch(pawl.EventFilter{})
		t.tick()
		t.put()
		seen := map[pawl.EventType]bool{}
		t.seenUntil(w, func(e pawl.Event) bool {
			seen[e.Type] = true
			return seen[pawl.EventReady] && seen[pawl.EventAdded]
		})
	}},
}

// watch starts a subscription that the case's end closes.
func (t *trial) watch(f pawl.EventFilter) pawl.Watch {
	t.Helper()
	w, err := t.store.Watch(t.ctx, f)
	t.must("Watch", err)
	t.Cleanup(w.Close)
	return w
}

// next waits for events, as long as they may take.
func (t *trial) next(w pawl.Watch) ([]pawl.Event, error) {
	return nextEvents(t.ctx, w)
}

func nextEvents(ctx context.Context, w pawl.Watch) ([]pawl.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, eventWait)
	defer cancel()
	return w.Next(ctx)
}

// seenUntil reads events up to the one that is the last.
func (t *trial) seenUntil(w pawl.Watch, last func(pawl.Event) bool) []pawl.Event {
	t.Helper()
	var all []pawl.Event
	for {
		events, err := t.next(w)
		if err != nil {
			t.Fatalf("Next after %d events: %v; they were %s", len(all), err, typesOf(all))
		}
		for _, e := range events {
			e.At = e.At.UTC()
			all = append(all, e)
			if last(e) {
				return all
			}
		}
	}
}

// seen returns all events so far of a watch that sees ends: it adds a task, ends
// and deletes it, and reads up to there.
func (t *trial) seen(w pawl.Watch) []pawl.Event {
	t.Helper()
	id := t.put(operation("the last"))
	t.one(pawl.Cancel, id)
	t.one(pawl.Delete, id)
	all := t.seenUntil(w, func(e pawl.Event) bool { return e.Task == id && e.Type == pawl.EventEnded })
	kept := all[:0]
	for _, e := range all {
		if e.Task != id {
			kept = append(kept, e)
		}
	}
	return kept
}

// events checks all events so far of a watch that sees ends.
func (t *trial) events(w pawl.Watch, want ...pawl.Event) {
	t.Helper()
	got := t.seen(w)
	if len(got) == 0 && len(want) == 0 {
		return
	}
	same(t, got, want)
}

func typesOf(events []pawl.Event) string {
	types := ""
	for i, e := range events {
		if i > 0 {
			types += " "
		}
		types += string(e.Type)
	}
	return types
}
