package storetest

import (
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

var timeRules = []rule{
	{"delay", "a task with a delay is due exactly then, not before", func(t *trial) {
		id := t.put(delay(time.Minute))
		t.in(id, pawl.Scheduled)
		isTime(t, "Due", t.row(id).Due, start.Add(time.Minute))
		isTime(t, "Next", t.none(), start.Add(time.Minute))
		t.pass(time.Minute - time.Millisecond)
		isTime(t, "Next", t.none(), start.Add(time.Minute))
		t.pass(time.Millisecond)
		t.took(t.claim(1), id)
	}},
	{"due in any order", "what is due first starts first, whenever it was added", func(t *trial) {
		late, soon, middle := t.put(delay(3*time.Second)), t.put(delay(time.Second)), t.put(delay(2*time.Second))
		for _, want := range []pawl.ID{soon, middle, late} {
			isTime(t, "Next", t.none(), t.now.Add(time.Second))
			t.pass(time.Second)
			t.took(t.claim(3), want)
		}
	}},
	{"due tasks stand by age", "those that come due together stand in the order in which they were added", func(t *trial) {
		first, second := t.put(delay(2*time.Second)), t.put(delay(time.Second))
		third := t.put()
		t.pass(time.Hour)
		t.took(t.claim(3), first, second, third)
	}},
	{"backoff", "a failed task is due again after its backoff, counted from its end", func(t *trial) {
		id := t.put()
		r := t.take()
		t.pass(time.Second)
		t.finish(r, pawl.Scheduled)
		isTime(t, "Due", t.row(id).Due, start.Add(time.Minute+time.Second))
		isTime(t, "Next", t.none(), start.Add(time.Minute+time.Second))
		t.pass(time.Minute)
		again := t.take()
		is(t, "Attempt", again.Attempt, 2)
		isTime(t, "Due", again.Due, time.Time{})
	}},
	{"no backoff at all", "a delay of nothing is due at once", func(t *trial) {
		id := t.put()
		t.finish(t.take(), pawl.Scheduled, func(f *pawl.Finish) { f.Delay = 0 })
		t.took(t.claim(1), id)
	}},
	{"deadline while pending", "a task whose time has passed is not worth starting, and must not vanish", expires(func(t *trial) pawl.ID {
		return t.put(deadline(t.now.Add(time.Minute)))
	})},
	{"deadline while scheduled", "a deadline counts while a task waits for its time, too", expires(func(t *trial) pawl.ID {
		return t.put(deadline(t.now.Add(time.Minute)), delay(time.Hour))
	})},
	{"deadline while its limit is closed", "a deadline counts while a task waits for its limit, too", expires(func(t *trial) pawl.ID {
		t.configure(pawl.Setting{Limit: "lim", Hold: "bill"})
		return t.put(deadline(t.now.Add(time.Minute)), on("lim"))
	})},
	{"deadline while its queue is paused", "nobody claims from a paused queue, and its deadlines pass all the same", expires(func(t *trial) pawl.ID {
		t.configure(pawl.Setting{Queue: "default", Pause: true})
		return t.put(deadline(t.now.Add(time.Minute)))
	})},
	{"deadline after a failure", "backoff does not prolong a deadline", expires(func(t *trial) pawl.ID {
		id := t.put(deadline(t.now.Add(time.Minute)))
		t.finish(t.take(), pawl.Scheduled, func(f *pawl.Finish) { f.Delay = time.Hour })
		return id
	})},
	{"deadline while it runs", "the worker knows the deadline and stops the task itself: the store must not tear it away", func(t *trial) {
		id := t.put(deadline(t.now.Add(time.Second)))
		r := t.take()
		t.pass(2 * time.Second)
		t.tick()
		t.in(id, pawl.Running)
		t.finish(r, pawl.Succeeded)
		t.in(id, pawl.Succeeded)
	}},
	{"given back after its deadline", "a task that comes back too late is not started once more", func(t *trial) {
		for _, back := range []func(*pawl.TaskRow){
			func(r *pawl.TaskRow) { t.finish(r, pawl.Pending) },
			func(r *pawl.TaskRow) { t.finish(r, pawl.Scheduled) },
			func(*pawl.TaskRow) { t.pass(lease) },
		} {
			id := t.put(deadline(t.now.Add(time.Second)))
			r := t.take()
			t.pass(2 * time.Second)
			t.tick()
			back(r)
			t.none()
			t.in(id, pawl.Dead)
			is(t, "Class", t.row(id).LastAttempt().Class, pawl.Expired)
		}
	}},
	{"the deadline wins", "a task whose delay and deadline are at one time is not started", func(t *trial) {
		id := t.put(delay(time.Minute), deadline(t.now.Add(time.Minute)))
		t.pass(time.Minute)
		t.none()
		t.in(id, pawl.Dead)
	}},
	{"a deadline that has passed", "a task may come too late already", func(t *trial) {
		id := t.put(deadline(t.now.Add(-time.Hour)))
		t.none()
		t.in(id, pawl.Dead)
	}},
	{"no deadline for the ended", "a deadline has nothing to say about what ended in time", func(t *trial) {
		for _, s := range []pawl.State{pawl.Succeeded, pawl.Cancelled} {
			id := t.reach(s, deadline(t.now.Add(time.Minute)))
			t.pass(time.Hour)
			t.tick()
			t.in(id, s)
		}
	}},
	{"a retry drops the deadline", "an operator who retries an expired task wants it done", func(t *trial) {
		id := t.put(deadline(t.now.Add(time.Minute)))
		t.pass(time.Minute)
		t.tick()
		t.one(pawl.Retry, id)
		isTime(t, "Deadline", t.row(id).Deadline, time.Time{})
		t.pass(time.Hour)
		t.took(t.claim(1), id)
	}},
	{"Next is the earliest", "of all that may happen a worker must wake up for the first", func(t *trial) {
		t.put(delay(time.Minute))
		t.put(delay(time.Hour), deadline(start.Add(30*time.Second)))
		isTime(t, "Next", t.none(), start.Add(30*time.Second))
		t.put()
		t.take()
		isTime(t, "Next", t.none(), start.Add(lease))
	}},
	{"no Next", "a worker of an idle store sleeps until an event: nothing polls", func(t *trial) {
		isTime(t, "Next", t.none(), time.Time{})
		t.reach(pawl.Succeeded)
		t.reach(pawl.Cancelled, delay(time.Minute))
		isTime(t, "Next", t.none(), time.Time{})
	}},
	{"the clock of a claim", "workers wait by the store's clock, which the claim tells", func(t *trial) {
		isTime(t, "Now", t.claim(1).Now, t.now)
		t.now = time.Time{}
		before := time.Now().Add(-time.Minute)
		if now := t.claim(1).Now; now.Before(before) || now.After(before.Add(time.Hour)) {
			t.Errorf("Now = %v; want the present", now)
		}
	}},
}

// expires is the case of a task with a deadline in a minute: it becomes a dead
// letter then, exactly, and a claim says when that will be.
func expires(wait func(*trial) pawl.ID) func(*trial) {
	return func(t *trial) {
		id := wait(t)
		before := t.row(id)
		isTime(t, "Next", t.tick().Next, start.Add(time.Minute))
		t.pass(time.Minute - time.Millisecond)
		t.tick()
		t.in(id, before.State)
		t.pass(time.Millisecond)
		t.none()
		r := t.row(id)
		a := r.LastAttempt()
		is(t, "State", r.State, pawl.Dead)
		is(t, "Class", a.Class, pawl.Expired)
		is(t, "attempts", len(r.Attempts), len(before.Attempts)+1)
		is(t, "Used", r.Used, before.Used)
		is(t, "Fingerprint", r.Fingerprint, pawl.Fingerprint(pawl.Expired, "work"))
		isTime(t, "Ended", r.Ended, t.now)
		if !strings.Contains(a.Message, string(before.State)) {
			t.Errorf("Message = %q; want it to say %s", a.Message, before.State)
		}
		if problem := insane(r); problem != "" {
			t.Error(problem)
		}
	}
}
