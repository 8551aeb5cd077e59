package storetest

import (
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// seldom is how old a store's note of a worker may be.
const seldom = pawl.WorkerTime / 3

// busy is the claim of a worker that has no place left.
var busy = ask(0)

var workerRules = []rule{
	{"a claim of none does what is due", "when all workers are busy, time goes on for the tasks all the same", func(t *trial) {
		lost := t.put()
		t.take()
		due := t.put(delay(lease))
		late := t.put(deadline(t.now.Add(lease)))
		t.pass(lease - time.Millisecond)
		t.took(t.claimAs(busy))
		t.in(lost, pawl.Running)
		t.in(due, pawl.Scheduled)
		t.in(late, pawl.Pending)
		t.pass(time.Millisecond)
		t.took(t.claimAs(busy))
		t.in(lost, pawl.Pending)
		t.in(due, pawl.Pending)
		t.in(late, pawl.Dead)
		is(t, "Class", t.row(lost).LastAttempt().Class, pawl.Lost)
		is(t, "Class", t.row(late).LastAttempt().Class, pawl.Expired)
		t.took(t.claim(9), lost, due)
	}},
	{"a claim of none takes none", "a worker without a place would hold what it took from those who have one", func(t *trial) {
		id := t.put(on("a"))
		missed := t.put(queue("x"))
		a := ask(1)
		a.Queues = []string{"x"}
		t.took(t.claimAs(a), missed)
		none := busy
		none.Known = []pawl.Lease{} // not even what it does not know of
		t.took(t.claimAs(none))
		t.in(id, pawl.Pending)
		t.took(t.claim(1), id)
	}},
	{"a claim of none tells when", "a worker without a place must come back when something falls due", func(t *trial) {
		isTime(t, "Next of an empty store", t.claimAs(busy).Next, time.Time{})
		t.put(on("a"))
		t.put(on("held"))
		t.configure(pawl.Setting{Limit: "held", Hold: "bill"})
		isTime(t, "Next while all waits for a place", t.claimAs(busy).Next, time.Time{})
		t.put(delay(time.Hour))
		isTime(t, "Next before a delay ends", t.claimAs(busy).Next, start.Add(time.Hour))
		t.put(delay(time.Hour), deadline(start.Add(time.Minute)))
		isTime(t, "Next before a deadline", t.claimAs(busy).Next, start.Add(time.Minute))
		t.take()
		isTime(t, "Next before a lease ends", t.claimAs(busy).Next, start.Add(lease))
	}},
	{"a claim that is served in full tells when", "a worker that has filled its last place sleeps until something falls due", func(t *trial) {
		t.put()
		isTime(t, "Next", t.claim(1).Next, t.now.Add(lease))
		t.pass(time.Second)
		t.put()
		isTime(t, "Next", t.claim(1).Next, start.Add(lease))
		t.put(delay(time.Second))
		t.put()
		isTime(t, "Next", t.claim(1).Next, start.Add(2*time.Second))
	}},
	{"who claims is listed", "an operator must see which workers there are, and what they work on", func(t *trial) {
		t.workers()
		t.claimAs(pawl.Claim{Worker: "w2", Operations: []string{"other", "work"}, Queues: []string{"x", "default"}, Max: 1, Lease: lease})
		t.pass(time.Second)
		t.claimAs(busy)
		t.workers(
			pawl.WorkerStatus{Name: "w1", Operations: []string{"work"}, Seen: start.Add(time.Second)},
			pawl.WorkerStatus{Name: "w2", Operations: []string{"other", "work"}, Queues: []string{"x", "default"}, Seen: start},
		)
	}},
	{"any name", "a worker may be called as its operator likes", func(t *trial) {
		a := busy
		a.Worker, a.Operations = `ann's "w" [1], ü%_\`, []string{`"work", at last`}
		t.claimAs(a)
		t.workers(pawl.WorkerStatus{Name: a.Worker, Operations: a.Operations, Seen: start})
	}},
	{"who falls silent is not listed", "a worker that was killed says nothing any more", func(t *trial) {
		t.claimAs(busy)
		t.pass(pawl.WorkerTime)
		t.listed("w1")
		t.pass(time.Millisecond)
		t.listed()
		other := busy
		other.Worker = "w2"
		t.claimAs(other)
		t.listed("w2")
		t.claimAs(busy)
		t.listed("w1", "w2")
	}},
	{"who goes on claiming is listed", "a worker counts as alive for as long as it claims three times in WorkerTime", func(t *trial) {
		t.claimAs(busy)
		for i := range 20 {
			t.pass(seldom)
			t.listed("w1")
			t.claimAs(ask(i % 2))
			if age := t.now.Sub(t.status().Workers[0].Seen); age >= seldom {
				t.Errorf("Seen is %v ago after a claim; want less than %v", age, seldom)
			}
		}
	}},
	{"what changes is noted at once", "a worker of the same name that starts with other handlers does other work", func(t *trial) {
		t.claimAs(busy)
		a := busy
		a.Operations = []string{"other"}
		t.claimAs(a)
		t.workers(pawl.WorkerStatus{Name: "w1", Operations: []string{"other"}, Seen: start})
		a.Queues = []string{"x"}
		t.claimAs(a)
		t.workers(pawl.WorkerStatus{Name: "w1", Operations: []string{"other"}, Queues: []string{"x"}, Seen: start})
	}},
	{"what is noted is the store's own", "a caller may use its slices again", func(t *trial) {
		a := busy
		a.Operations, a.Queues = []string{"work"}, []string{"x"}
		t.claimAs(a)
		a.Operations[0], a.Queues[0] = "other", "y"
		t.workers(pawl.WorkerStatus{Name: "w1", Operations: []string{"work"}, Queues: []string{"x"}, Seen: start})
	}},
	{"who takes leave is not listed", "a worker that is stopped is gone at once, though its last handlers go on", func(t *trial) {
		t.put()
		r := t.take()
		other := busy
		other.Worker = "w2"
		t.claimAs(other)
		leave := busy
		leave.Leaving = true
		for range 2 { // the second time as after a lost answer
			t.claimAs(leave)
			t.listed("w2")
		}
		is(t, "Beat", t.beat(r), pawl.Beat{})
		t.finish(r, pawl.Succeeded)
		t.listed("w2")
		t.claimAs(busy)
		t.listed("w1", "w2")
	}},
}

func (t *trial) status() pawl.Status {
	t.Helper()
	status, err := t.store.Status(t.ctx, t.now)
	t.must("Status", err)
	return status
}

// workers checks which workers are listed, and what of each.
func (t *trial) workers(want ...pawl.WorkerStatus) {
	t.Helper()
	same(t, t.status().Workers, want)
}

// listed checks the names of the workers that are listed.
func (t *trial) listed(want ...string) {
	t.Helper()
	var names []string
	for _, w := range t.status().Workers {
		names = append(names, w.Name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("workers are %q; want %q", names, want)
	}
}
