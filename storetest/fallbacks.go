package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// spare is what goes on with a task when its own operation fails for good.
func spare() *pawl.Stage {
	return &pawl.Stage{Operation: "spare", Queue: "x", Limit: "lim", MaxAttempts: 2, Tokens: 7}
}

// handedOver has a task that goes on be that of another operation.
func handedOver(s *pawl.Stage) func(*pawl.Finish) {
	return func(f *pawl.Finish) { f.Fallback = s }
}

// fallbackRules are about tasks that another operation goes on with.
var fallbackRules = []rule{
	{"another operation goes on", "a task that one model fails is done by another one, with all that is there already", func(t *trial) {
		next := *spare()
		next.Operation = "last"
		s := spare()
		s.Fallbacks = []pawl.Fallback{{Stage: next}}
		id := t.put(user("u"), talk(t.nodes(pawl.Hash{}, "a")), func(n *pawl.NewTask) {
			n.Row.Links = &pawl.Links{Fallbacks: []pawl.Fallback{{Stage: *s}}}
			n.Row.Data = pawl.Data{"k": []byte(`"v"`)}
		})
		r := t.take()
		said := t.steps(r, r.Conversation, "b")
		t.finish(r, pawl.Pending, handedOver(s), func(f *pawl.Finish) { f.Attempt.Used = true })
		t.none()
		row := t.row(id)
		is(t, "Operation", row.Operation, "spare")
		is(t, "Queue", row.Queue, "x")
		is(t, "Limit", row.Limit, "lim")
		is(t, "MaxAttempts", row.MaxAttempts, 2)
		is(t, "Used", row.Used, 0)
		is(t, "Size.Output", row.Size.Output, 7)
		is(t, "As of the attempt", row.LastAttempt().As, "work")
		is(t, "Fallbacks", len(row.Links.Fallbacks), 1)
		is(t, "the one that is left", row.Links.Fallbacks[0].Stage.Operation, "last")
		t.sane(id)
		again := t.begin("spare")
		is(t, "ID", again.ID, id)
		is(t, "Attempt", again.Attempt, 2)
		is(t, "User", again.User, "u")
		is(t, "Input", string(again.Input), `{"n":1}`)
		is(t, "Data", string(again.Data["k"]), `"v"`)
		is(t, "steps", len(again.Steps), 1)
		is(t, "Head", again.Head, said[0].Hash)
		t.finish(again, pawl.Succeeded)
		row = t.row(id)
		is(t, "attempts", len(row.Attempts), 2)
		is(t, "As of the last", row.LastAttempt().As, "")
	}},
	{"in the other queue", "it waits where its new operation waits, and is counted there", func(t *trial) {
		t.put()
		t.finish(t.take(), pawl.Pending, handedOver(spare()))
		is(t, "tasks in the old queue", len(t.counts("default")), 0)
		is(t, "pending tasks in the new queue", t.counts("x")[pawl.Pending], 1)
		a := ask(1)
		a.Operations, a.Queues = []string{"work", "spare"}, []string{"default"}
		is(t, "tasks to claim from the old queue", len(t.claimAs(a).Tasks), 0)
		t.configure(pawl.Setting{Queue: "x", Pause: true})
		t.idle("spare")
		t.configure(pawl.Setting{Queue: "x"})
		r := t.begin("spare")
		is(t, "running tasks in the new queue", t.counts("x")[pawl.Running], 1)
		t.finish(r, pawl.Succeeded)
		is(t, "tasks that succeeded there", t.counts("x")[pawl.Succeeded], 1)
		is(t, "tasks in the old queue", len(t.counts("default")), 0)
		t.found(pawl.Filter{Queue: "x", Operation: "spare", Limit: "lim"}, r.ID)
		t.found(pawl.Filter{Operation: "work"})
		t.one(pawl.Delete, r.ID)
		is(t, "tasks in the new queue", len(t.counts("x")), 0)
	}},
	{"on the other limit", "what the old limit was charged for it is given back, and the new one is asked", func(t *trial) {
		t.configure(set("old", limit.Config{InFlight: 1}), set("lim", limit.Config{InFlight: 1, Tokens: 60_000}))
		t.put(on("old"))
		t.finish(t.take(), pawl.Pending, handedOver(spare()))
		is(t, "calls in flight on the old limit", t.limit("old").State.InFlight, 0)
		t.begin("spare")
		is(t, "calls in flight on the new limit", t.limit("lim").State.InFlight, 1)
		t.level("lim", 9993)
		other := t.put(operation("spare"), on("lim"))
		t.idle("spare")
		is(t, "Ahead", t.explain(other).Ahead, 0)
	}},
	{"in its old place", "a task that was first in line is first behind its new operation too", func(t *trial) {
		with := []change{operation("spare"), queue("x"), on("lim")}
		before := t.put(with...)
		id := t.put()
		after := t.put(with...)
		t.finish(t.take(), pawl.Pending, handedOver(spare()))
		is(t, "Ahead", t.explain(id).Ahead, 1)
		a := ask(9)
		a.Operations = []string{"spare"}
		t.took(t.claimAs(a), before, id, after)
	}},
	{"it fails again", "the new operation has attempts of its own, and its failures are its own", func(t *trial) {
		id := t.put()
		t.finish(t.take(), pawl.Pending, handedOver(spare()), func(f *pawl.Finish) { f.Attempt.Used, f.NotSent = true, true })
		is(t, "NotSent", t.row(id).NotSent, 0)
		t.finish(t.begin("spare"), pawl.Scheduled)
		is(t, "Used", t.row(id).Used, 1)
		t.pass(time.Minute)
		t.finish(t.begin("spare"), pawl.Dead)
		t.in(id, pawl.Dead)
		is(t, "groups of the new operation", len(t.groups(pawl.Filter{Operation: "spare"})), 1)
		is(t, "groups of the old one", len(t.groups(pawl.Filter{Operation: "work"})), 0)
		t.one(pawl.Retry, id)
		t.none()
		r := t.begin("spare")
		is(t, "ID", r.ID, id)
		is(t, "attempts", len(r.Attempts), 3)
		is(t, "As of the first", r.Attempts[0].As, "work")
	}},
	{"from one to the next", "fallbacks may have fallbacks, and a task may come back to where it was", func(t *trial) {
		id := t.put()
		t.finish(t.take(), pawl.Pending, handedOver(spare()))
		back := &pawl.Stage{Operation: "work", Queue: "default", Limit: pawl.NoLimit, MaxAttempts: 4}
		t.finish(t.begin("spare"), pawl.Pending, handedOver(back))
		r := t.take()
		is(t, "ID", r.ID, id)
		is(t, "As", r.Attempts[0].As+" "+r.Attempts[1].As, "work spare")
		is(t, "tasks in the queue between", len(t.counts("x")), 0)
		is(t, "running tasks", t.counts("default")[pawl.Running], 1)
	}},
	{"recorded twice", "who asks twice hands over once", func(t *trial) {
		id := t.put()
		f := outcome(t.take(), pawl.Pending)
		f.Fallback = spare()
		errs, err := t.store.Finish(t.ctx, t.now, []pawl.Finish{f, f})
		t.must("Finish", err)
		if errs[0] != nil || errs[1] != nil {
			t.Errorf("Finish = %v; want no error", errs)
		}
		r := t.begin("spare")
		t.must("Finish again", t.finishAs(f))
		t.in(id, pawl.Running)
		is(t, "attempts", len(t.row(id).Attempts), 1)
		t.finish(r, pawl.Succeeded)
	}},
	{"a lost lease hands nothing over", "a worker that is too late has no say in who goes on", func(t *trial) {
		id := t.put()
		r := t.take()
		t.pass(lease)
		t.tick()
		f := outcome(r, pawl.Pending)
		f.Fallback = spare()
		t.lost("Finish", t.finishAs(f))
		is(t, "Operation", t.row(id).Operation, "work")
		is(t, "ID", t.take().ID, id)
	}},
	{"asked to stop", "what was to stop does not go on elsewhere", func(t *trial) {
		id := t.put()
		r := t.take()
		t.one(pawl.Cancel, id)
		t.finish(r, pawl.Pending, handedOver(spare()))
		t.in(id, pawl.Cancelled)
		is(t, "Operation", t.row(id).Operation, "work")
		t.idle("spare")
	}},
	{"a branch", "a branch that another operation goes on with is the same branch", func(t *trial) {
		r := t.parent([]string{"a"}, all)
		t.end("a", pawl.Pending, handedOver(spare()))
		t.waits(r.ID, 1)
		t.end("spare", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"a twin", "who asks for the same thing meanwhile joins it wherever it is", func(t *trial) {
		id := t.put(identity(1))
		t.finish(t.take(), pawl.Pending, handedOver(spare()))
		t.joins(task(identity(1)), id)
		t.finish(t.begin("spare"), pawl.Succeeded)
		is(t, "As", t.add(task(identity(1), reuse(time.Hour)))[0].As, pawl.AsReused)
	}},
	{"many in one batch", "outcomes of all kinds come together, and each task is where it belongs", func(t *trial) {
		t.putMany(60)
		var all []pawl.Finish
		for i, r := range t.claim(60).Tasks {
			f := outcome(r, []pawl.State{pawl.Pending, pawl.Pending, pawl.Succeeded}[i%3])
			if i%3 == 0 {
				f.Fallback = spare()
			}
			all = append(all, f)
		}
		t.finishMany(all)
		is(t, "pending tasks of the old queue", t.counts("default")[pawl.Pending], 20)
		is(t, "pending tasks of the new queue", t.counts("x")[pawl.Pending], 20)
		a := ask(99)
		a.Operations = []string{"spare"}
		is(t, "tasks of the new operation", len(t.claimAs(a).Tasks), 20)
		is(t, "tasks of the old one", len(t.claim(99).Tasks), 20)
	}},
	{"its event", "who watches sees that it is tried again, by the operation that goes on", func(t *trial) {
		id := t.put()
		r := t.take()
		w := t.watch(pawl.EventFilter{Types: taskEvents})
		t.finish(r, pawl.Pending, handedOver(spare()))
		t.events(w, pawl.Event{
			Type: pawl.EventRetried, At: t.now, Task: id, Run: id, Operation: "spare", Queue: "x", State: pawl.Pending, Attempt: 1,
			Class: "throttled", Message: "slow down",
		})
	}},
}
