package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
)

// keptRules are about copies of tasks: those that have ended and are not run again,
// and those that begin with the steps of another one.
var keptRules = []rule{
	{"a result that is kept", "what is not run again must be there as if it had run, and nobody may claim it", func(t *trial) {
		t.pass(time.Second)
		origin := pawl.NewID()
		id := t.put(kept, user("u"), func(n *pawl.NewTask) {
			n.Row.Data = pawl.Data{"k": []byte(`"v"`)}
			n.Row.Links = &pawl.Links{Origin: &pawl.Origin{Task: origin, Kept: true}}
		})
		t.none()
		r := t.row(id)
		is(t, "State", r.State, pawl.Succeeded)
		is(t, "Output", string(r.Output), `"copied"`)
		is(t, "Input", string(r.Input), `{"n":1}`)
		is(t, "Data", string(r.Data["k"]), `"v"`)
		is(t, "Attempt", r.Attempt, 0)
		is(t, "attempts", len(r.Attempts), 0)
		is(t, "Origin", *r.Links.Origin, pawl.Origin{Task: origin, Kept: true})
		isTime(t, "Added", r.Added, t.now)
		isTime(t, "Ended", r.Ended, t.now)
		t.sane(id)
		t.found(pawl.Filter{States: []pawl.State{pawl.Succeeded}, User: "u"}, id)
		is(t, "tasks that count as succeeded", t.counts("default")[pawl.Succeeded], 1)
	}},
	{"it does nothing more", "a copy is the end of its own story: no deadline, no cancel, no retry, no signal", func(t *trial) {
		id := t.put(kept, deadline(t.now.Add(time.Second)), delay(time.Second))
		isTime(t, "Next", t.none(), time.Time{})
		t.pass(time.Minute)
		t.tick()
		for _, do := range []pawl.ChangeKind{pawl.Cancel, pawl.Retry, pawl.Signalled} {
			is(t, "changed by "+string(do), len(t.change(do, pawl.Filter{})), 0)
		}
		t.in(id, pawl.Succeeded)
	}},
	{"retention", "a copy is as old as itself", func(t *trial) {
		id := t.put(kept)
		t.pass(time.Hour - time.Second)
		t.found(pawl.Filter{EndedFor: time.Hour})
		t.pass(time.Second)
		is(t, "removed", len(t.change(pawl.Delete, pawl.Filter{EndedFor: time.Hour})), 1)
		t.found(pawl.Filter{IDs: []pawl.ID{id}})
		is(t, "tasks that count as succeeded", t.counts("default")[pawl.Succeeded], 0)
	}},
	{"it answers no other task", "a copy is younger than its result, which must not be passed off as fresh", func(t *trial) {
		t.put(kept, identity(1))
		t.put(identity(1), reuse(time.Hour))
		a, b := task(kept, identity(2)), task(identity(2), reuse(time.Hour))
		is(t, "As", t.add(a, b)[1].As, pawl.AsNew)
	}},
	{"added twice", "a copy that is added again is there", func(t *trial) {
		n := task(kept)
		for range 2 {
			is(t, "Added", t.add(n)[0], pawl.Added{ID: n.Row.ID, Run: n.Row.ID, As: pawl.AsNew})
		}
		is(t, "tasks", len(t.list(pawl.Filter{})), 1)
	}},
	{"beside what runs", "a fork is kept tasks and the first that is not, in one write", func(t *trial) {
		first := task(kept)
		second := task(inRun(first.Row.ID))
		t.add(first, second)
		t.took(t.claim(9), second.Row.ID)
		t.found(pawl.Filter{Run: first.Row.ID}, first.Row.ID, second.Row.ID)
	}},
	{"kept branches", "a parent that runs again finds what its branches gave before, and need not wait for that", func(t *trial) {
		t.put(operation("parent"))
		r := t.begin("parent")
		tasks := branches(r, "a", "b")
		a := task(branch(r, "a"), kept)
		t.add(a)
		t.park(r, tasks)
		t.waits(r.ID, 1)
		t.awaited(a.Row.ID, false)
		t.end("b", pawl.Succeeded)
		t.resumes(r.ID)
	}},
	{"its events", "a copy is told of when it is added, and as what", func(t *trial) {
		w := t.watch(pawl.EventFilter{Types: taskEvents})
		id := t.put(kept)
		t.events(w, pawl.Event{
			Type: pawl.EventAdded, At: t.now, Task: id, Run: id, Operation: "work", Queue: "default", State: pawl.Succeeded,
		})
	}},
	{"with steps", "a task that begins with another one's steps must not do again what they did", func(t *trial) {
		said := t.nodes(pawl.Hash{}, "a", "b")
		begun := []pawl.StepRow{
			{Key: "k#1", Name: "k", Result: []byte("1"), At: start.Add(-time.Hour), Took: time.Second, Attempt: 3},
			{Key: "ask#1", Name: "ask", Result: []byte("{}"), Head: said[1].Hash, At: start.Add(-time.Minute), Call: true, Attempt: 4},
		}
		id := t.put(withSteps(begun, said))
		r := t.take()
		is(t, "ID", r.ID, id)
		is(t, "Head", r.Head, said[1].Hash)
		if len(r.Steps) != 2 {
			t.Fatalf("Steps = %+v; want two", r.Steps)
		}
		for i, s := range r.Steps {
			is(t, "Key", s.Key, begun[i].Key)
			is(t, "Result", string(s.Result), string(begun[i].Result))
			is(t, "Attempt", s.Attempt, begun[i].Attempt)
			is(t, "Took", s.Took, begun[i].Took)
			is(t, "Call", s.Call, begun[i].Call)
			isTime(t, "At", s.At, begun[i].At)
		}
		t.talk(r.Head, "a", "b")
		t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &pawl.StepRow{Key: "k#1", Name: "k", Result: []byte("2")}}))
		row := t.row(id)
		is(t, "steps", len(row.Steps), 2)
		is(t, "Result", string(row.Steps[0].Result), "1")
	}},
	{"never claimed before", "its steps are there to be read before anybody has worked on it", func(t *trial) {
		id := t.put(delay(time.Hour), withSteps([]pawl.StepRow{{Key: "k#1", Name: "k", Result: []byte("1")}}, nil))
		is(t, "steps", len(t.row(id).Steps), 1)
		t.pass(time.Hour)
		is(t, "steps", len(t.take().Steps), 1)
	}},
	{"added again with its steps", "a task that is there has the steps that it has", func(t *trial) {
		n := task(withSteps([]pawl.StepRow{{Key: "k#1", Name: "k", Result: []byte("1")}}, nil))
		t.add(n)
		t.add(n)
		t.add(n, n)
		is(t, "steps", len(t.row(n.Row.ID).Steps), 1)
		is(t, "steps", len(t.take().Steps), 1)
	}},
	{"their conversations stay", "the messages that a copied step stands on are the copy's too, whoever brought them", func(t *trial) {
		first := t.put(talk(t.nodes(pawl.Hash{}, "a")))
		r := t.take()
		said := t.steps(r, r.Conversation, "b")
		t.finish(r, pawl.Succeeded)
		for _, with := range []change{kept, delay(time.Hour)} {
			copied := t.put(withSteps(t.row(first).Steps, nil), with, func(n *pawl.NewTask) { n.Row.Conversation = r.Conversation })
			defer func() {
				t.talk(said[0].Hash, "a", "b")
				t.change(pawl.Cancel, pawl.Filter{IDs: []pawl.ID{copied}})
				t.one(pawl.Delete, copied)
			}()
		}
		t.one(pawl.Delete, first)
		t.talk(said[0].Hash, "a", "b")
	}},
	{"and go with it", "what only a copy needs goes with the copy", func(t *trial) {
		for _, with := range []change{kept, delay(time.Hour)} {
			said := t.nodes(pawl.Hash{}, "a", "b")
			id := t.put(withSteps([]pawl.StepRow{{Key: "ask#1", Name: "ask", Result: []byte("{}"), Head: said[1].Hash}}, said), with)
			t.talk(said[1].Hash, "a", "b")
			is(t, "steps", len(t.list(pawl.Filter{Steps: true})[0].Steps), 1)
			is(t, "steps that nobody asked for", len(t.list(pawl.Filter{})[0].Steps), 0)
			t.change(pawl.Cancel, pawl.Filter{IDs: []pawl.ID{id}})
			t.one(pawl.Delete, id)
			t.forgotten(said[0].Hash)
			t.forgotten(said[1].Hash)
		}
	}},
	{"a new input drops them", "steps that were done for another input are not done for this one", func(t *trial) {
		said := t.nodes(pawl.Hash{}, "a")
		id := t.put(withSteps([]pawl.StepRow{{Key: "ask#1", Name: "ask", Result: []byte("{}"), Head: said[0].Hash}}, said))
		t.one(pawl.Cancel, id)
		_, err := t.store.Change(t.ctx, t.now, pawl.Filter{}, pawl.Change{Do: pawl.Retry, Input: []byte("2")})
		t.must("Change", err)
		r := t.take()
		is(t, "steps", len(r.Steps), 0)
		is(t, "Head", r.Head, pawl.Hash{})
	}},
}

// withSteps has a new task begin with steps, and with the conversation that they have
// reached.
func withSteps(steps []pawl.StepRow, nodes []pawl.Node) change {
	return func(n *pawl.NewTask) {
		n.Row.Steps, n.Nodes = steps, nodes
		for _, s := range steps {
			if !s.Head.IsZero() {
				n.Row.Head = s.Head
			}
		}
	}
}

// counts returns how many tasks of a queue are in each state.
func (t *trial) counts(queue string) map[pawl.State]int {
	t.Helper()
	for _, q := range t.status().Queues {
		if q.Name == queue {
			return q.Counts
		}
	}
	return nil
}
