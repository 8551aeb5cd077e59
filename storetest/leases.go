package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

var leaseRules = []rule{
	{"a claim leases", "the row that a worker gets is the task as it stands, with the lease that fences it", func(t *trial) {
		id := t.put()
		r := t.take()
		is(t, "ID", r.ID, id)
		is(t, "State", r.State, pawl.Running)
		is(t, "Attempt", r.Attempt, 1)
		is(t, "Worker", r.Worker, "w1")
		isTime(t, "Started", r.Started, t.now)
		isTime(t, "LeaseUntil", r.LeaseUntil, t.now.Add(lease))
		t.none()
	}},
	{"expiry is found by a claim", "no task may hang on a worker that died: whoever asks for work finds it", func(t *trial) {
		id := t.put()
		t.take()
		t.pass(lease - time.Millisecond)
		t.none()
		t.pass(time.Millisecond)
		r := t.take()
		is(t, "ID", r.ID, id)
		is(t, "Attempt", r.Attempt, 2)
	}},
	{"Next tells the lease's end", "a worker that sleeps must wake up when a dead one's task comes free", func(t *trial) {
		t.put()
		t.take()
		isTime(t, "Next", t.none(), t.now.Add(lease))
		t.pass(time.Second)
		t.put()
		t.take()
		isTime(t, "Next", t.none(), start.Add(lease))
	}},
	{"a beat prolongs", "a worker that lives keeps its tasks, however long they take", func(t *trial) {
		t.put()
		r := t.take()
		for range 5 {
			t.pass(lease - time.Second)
			if b := t.beat(r); b != (pawl.Beat{}) {
				t.Fatalf("Beat = %+v; want the lease held", b)
			}
		}
		isTime(t, "LeaseUntil", t.row(r.ID).LeaseUntil, t.now.Add(lease))
		isTime(t, "Next", t.none(), t.now.Add(lease))
		t.pass(lease)
		t.take()
	}},
	{"a beat of another length", "leases are as long as their holder says, and each ends at its own time", func(t *trial) {
		long, short := t.put(), t.put()
		a := ask(1)
		a.Lease = time.Hour
		t.took(t.claimAs(a), long)
		t.took(t.claim(1), short)
		isTime(t, "Next", t.none(), t.now.Add(lease))
		beats, err := t.store.Beat(t.ctx, t.now, time.Minute, []pawl.Lease{{Task: short, Attempt: 1}})
		t.must("Beat", err)
		is(t, "Beat", beats[0], pawl.Beat{})
		t.pass(lease)
		isTime(t, "Next", t.none(), start.Add(time.Minute))
		t.pass(time.Minute - lease)
		t.took(t.claim(2), short)
	}},
	{"a lost lease writes nothing", "a worker that comes back after its lease ended must not undo what another one did", func(t *trial) {
		id := t.put()
		old := t.take()
		t.pass(lease)
		fenced(t, old, t.tick)
		t.in(id, pawl.Pending)
		fenced(t, old, func() pawl.Claimed { return t.claim(1) })
		t.in(id, pawl.Running)
		is(t, "Attempt", t.row(id).Attempt, 2)
	}},
	{"a lease that never was", "a lease is a task and the number of its attempt; nothing else holds", func(t *trial) {
		t.put()
		r := t.take()
		r.Attempt++
		fenced(t, r, t.tick)
		r.ID, r.Attempt = pawl.NewID(), 1
		fenced(t, r, t.tick)
		t.put()
		waiting := t.list(pawl.Filter{States: []pawl.State{pawl.Pending}})[0]
		fenced(t, waiting, t.tick)
	}},
	{"answers are one by one", "one lost lease in a batch must not cost the others their outcome", func(t *trial) {
		t.put()
		lost := t.take()
		t.pass(lease)
		t.one(pawl.Cancel, func() pawl.ID { t.tick(); return lost.ID }())
		t.put()
		held := t.take()
		errs, err := t.store.Finish(t.ctx, t.now, []pawl.Finish{outcome(held, pawl.Succeeded), outcome(lost, pawl.Succeeded)})
		t.must("Finish", err)
		is(t, "answer to the one that is held", errs[0], nil)
		t.lost("answer to the other one", errs[1])
		t.in(held.ID, pawl.Succeeded)
		t.in(lost.ID, pawl.Cancelled)
	}},
	{"a death is recorded", "whoever looks later must see which worker died and when", func(t *trial) {
		id := t.put()
		t.take()
		t.pass(lease)
		t.tick()
		r := t.row(id)
		a := r.LastAttempt()
		is(t, "Class", a.Class, pawl.Lost)
		is(t, "Number", a.Number, 1)
		is(t, "Worker", a.Worker, "w1")
		is(t, "Used", a.Used || r.Used > 0, false)
		is(t, "Deaths", r.Deaths, 1)
		isTime(t, "Started", a.Started, start)
		isTime(t, "Ended", a.Ended, t.now)
		if !strings.Contains(a.Message, "w1") {
			t.Errorf("Message = %q; want the worker's name in it", a.Message)
		}
	}},
	{"a death keeps what was paid", "calls whose answers are stored were paid, though their worker died: what they cost is not lost with it", func(t *trial) {
		id := t.put()
		r := t.take()
		for i, key := range []string{"a#1", "b#1"} {
			step := t.pay(r, key, 10*(i+1))
			is(t, "OK", t.call(r, key+"/1", 10).OK, true)
			t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &step, Settle: &pawl.Settlement{Key: key + "/1", Outcome: pawl.CallAnswered, Usage: step.Usage}}))
		}
		is(t, "OK", t.call(r, "c#1/1", 10).OK, true)
		t.pass(lease)
		t.tick()
		a := t.row(id).LastAttempt()
		is(t, "Calls", a.Calls, 3)
		is(t, "Unknown", a.Unknown, 1)
		is(t, "Usage", a.Usage, llm.Usage{Output: 30})
		is(t, "Cost", a.Cost, 450)
		is(t, "Currency", a.Currency, "USD")
	}},
	{"poisoned", "a task on which three workers in a row died would kill the next one too", func(t *trial) {
		id := t.put()
		for range 3 {
			t.in(id, pawl.Pending)
			t.take()
			t.pass(lease)
			t.tick()
		}
		r := t.row(id)
		is(t, "State", r.State, pawl.Dead)
		is(t, "Class", r.LastAttempt().Class, pawl.Poisoned)
		is(t, "attempts", len(r.Attempts), 3)
		is(t, "Fingerprint", r.Fingerprint, pawl.Fingerprint(pawl.Poisoned, "work"))
		isTime(t, "Ended", r.Ended, t.now)
		t.none()
	}},
	{"the poisoner's lease is lost", "the last worker's outcome was not recorded, so it must not hear that it was", func(t *trial) {
		t.put()
		for range 2 {
			t.take()
			t.pass(lease)
		}
		last := t.take()
		t.pass(lease)
		t.tick()
		t.lost("Finish", t.finishAs(outcome(last, pawl.Succeeded)))
		t.in(last.ID, pawl.Dead)
	}},
	{"lost, then expired", "a worker whose lease ended must not take the deadline's record for its own", func(t *trial) {
		for _, late := range []time.Duration{lease / 2, time.Minute} {
			id := t.put(deadline(t.now.Add(late)))
			old := t.take()
			t.pass(lease)
			t.tick()
			t.pass(time.Minute)
			t.tick()
			t.in(id, pawl.Dead)
			is(t, "Class", t.row(id).LastAttempt().Class, pawl.Expired)
			t.lost("Finish", t.finishAs(outcome(old, pawl.Succeeded)))
			t.in(id, pawl.Dead)
		}
	}},
	{"an outcome resets deaths", "deaths count in a row: a worker that survived the task proves it harmless", func(t *trial) {
		id := t.put()
		die := func() {
			t.take()
			t.pass(lease)
			t.tick()
		}
		die()
		die()
		t.finish(t.take(), pawl.Pending)
		is(t, "Deaths", t.row(id).Deaths, 0)
		die()
		die()
		t.in(id, pawl.Pending)
		die()
		t.in(id, pawl.Dead)
	}},
	{"a stored step resets deaths", "a long task whose workers are killed now and then gets further each time; what kills them stays where it is", func(t *trial) {
		id := t.put()
		die := func(step string) {
			r := t.take()
			if step != "" {
				t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &pawl.StepRow{Key: step, Name: "s", Result: []byte("1"), Attempt: r.Attempt}}))
			}
			t.pass(lease)
			t.tick()
		}
		for i := range 5 {
			die(fmt.Sprint("step:s#", i))
			is(t, "Deaths", t.row(id).Deaths, 1)
		}
		die("")
		t.in(id, pawl.Pending)
		die("")
		t.in(id, pawl.Dead)
		is(t, "Class", t.row(id).LastAttempt().Class, pawl.Poisoned)
		is(t, "Deaths", t.row(id).Deaths, 3)
	}},
}

// fenced checks that whoever has row's lease can write nothing and learns it,
// after something happened.
func fenced(t *trial, row *pawl.TaskRow, happens func() pawl.Claimed) {
	t.Helper()
	happens()
	before := t.list(pawl.Filter{Steps: true})
	t.lost("Save", t.saveAs(pawl.Save{Lease: row.Lease(), Step: &pawl.StepRow{Key: "k", Name: "k", Result: []byte("1")}}))
	t.lost("Reserve", t.reserve(row, "k", 1).Err)
	for _, to := range []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Cancelled, pawl.Scheduled, pawl.Pending} {
		f := outcome(row, to)
		f.Follow = []pawl.NewTask{task()}
		t.lost("Finish", t.finishAs(f))
	}
	is(t, "Beat.Lost", t.beat(row).Lost, true)
	same(t, t.list(pawl.Filter{Steps: true}), before)
}
