package storetest

import (
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

var changeRules = []rule{
	{"what applies to which state", "a change that cannot apply is left out, and the caller learns what was changed", func(t *trial) {
		after := map[pawl.ChangeKind]map[pawl.State]pawl.State{
			pawl.Cancel: {pawl.Scheduled: pawl.Cancelled, pawl.Pending: pawl.Cancelled, pawl.Running: pawl.Running},
			pawl.Retry:  {pawl.Dead: pawl.Pending, pawl.Cancelled: pawl.Pending},
			pawl.Delete: {pawl.Succeeded: "", pawl.Dead: "", pawl.Cancelled: ""},
		}
		for do, becomes := range after {
			for _, s := range []pawl.State{pawl.Scheduled, pawl.Pending, pawl.Running, pawl.Succeeded, pawl.Dead, pawl.Cancelled} {
				id := t.reach(s)
				changed := t.change(do, pawl.Filter{IDs: []pawl.ID{id}})
				to, applies := becomes[s]
				if !applies {
					to = s
				}
				is(t, string(do)+" applies to "+string(s), len(changed) == 1, applies)
				if to == "" {
					is(t, "rows of what was deleted", len(t.list(pawl.Filter{})), 0)
				} else {
					t.in(id, to)
				}
				t.clear()
			}
		}
	}},
	{"with a filter", "an operator retries a group, not a thousand ids", func(t *trial) {
		a := t.deaths(3, "f-a", "permanent")
		t.deaths(2, "f-b", "permanent")
		changed := t.change(pawl.Retry, pawl.Filter{Fingerprint: "f-a"})
		if !slices.Equal(changed, a) {
			t.Errorf("Change = %v; want %v", changed, a)
		}
		is(t, "dead letters left", len(t.list(pawl.Filter{States: []pawl.State{pawl.Dead}})), 2)
	}},
	{"some at a time", "a bound counts what was found, so that a change of many can be made in pages", func(t *trial) {
		all := t.putMany(10)
		changed := t.change(pawl.Cancel, pawl.Filter{Max: 4})
		if !slices.Equal(changed, all[:4]) {
			t.Errorf("Change = %v; want the first four", changed)
		}
		t.took(t.claim(10), all[4:]...)
	}},
	{"cancel what waits", "what is cancelled is not claimed, and has ended now", func(t *trial) {
		id := t.put()
		t.pass(time.Second)
		t.one(pawl.Cancel, id)
		isTime(t, "Ended", t.row(id).Ended, t.now)
		is(t, "attempts", len(t.row(id).Attempts), 0)
		t.none()
	}},
	{"cancel what is scheduled", "its time may come; it stays cancelled", func(t *trial) {
		id := t.put(delay(time.Minute))
		t.one(pawl.Cancel, id)
		t.pass(time.Hour)
		t.none()
		t.in(id, pawl.Cancelled)
		t.one(pawl.Retry, id)
		t.took(t.claim(1), id)
	}},
	{"cancel what runs", "the worker is asked, and asked once", func(t *trial) {
		id := t.reach(pawl.Running)
		r := t.row(id)
		t.one(pawl.Cancel, id)
		is(t, "Beat", t.beat(r), pawl.Beat{Cancelled: true})
		is(t, "tasks cancelled again", len(t.change(pawl.Cancel, pawl.Filter{})), 0)
		is(t, "Beat", t.beat(r), pawl.Beat{Cancelled: true})
	}},
	{"retry starts afresh, with its history", "a retry on request gets all attempts anew and keeps the record of the old ones", func(t *trial) {
		id := t.put()
		for range 2 {
			t.take()
			t.pass(lease)
		}
		t.finish(t.take(), pawl.Dead, func(f *pawl.Finish) { f.NotSent = true })
		t.one(pawl.Retry, id)
		r := t.row(id)
		is(t, "Used", r.Used, 0)
		is(t, "Deaths", r.Deaths, 0)
		is(t, "NotSent", r.NotSent, 0)
		is(t, "Fingerprint", r.Fingerprint, "")
		isTime(t, "Ended", r.Ended, time.Time{})
		is(t, "attempts", len(r.Attempts), 3)
		is(t, "Attempt", t.take().Attempt, 4)
	}},
	{"retry keeps the steps", "what was paid for is not paid again", func(t *trial) {
		id, chain := t.stepped()
		t.one(pawl.Retry, id)
		r := t.take()
		is(t, "steps", len(r.Steps), 1)
		is(t, "Head", r.Head, chain[0].Hash)
	}},
	{"retry with another input", "answers to the old question must not answer the new one", func(t *trial) {
		id, _ := t.stepped()
		changed, err := t.store.Change(t.ctx, t.now, pawl.Filter{IDs: []pawl.ID{id}}, pawl.Change{
			Do: pawl.Retry, Input: []byte(`{"n":12345}`), Identity: pawl.Hash{2},
		})
		t.must("Change", err)
		is(t, "changed", len(changed), 1)
		t.joins(task(identity(2)), id)
		t.put(identity(1), priority(pawl.Low))
		r := t.take()
		is(t, "Input", string(r.Input), `{"n":12345}`)
		is(t, "steps", len(r.Steps), 0)
		is(t, "Head", r.Head, pawl.Hash{})
		is(t, "Chars", r.Size.Chars, len(`{"n":12345}`)-len(`{"n":1}`))
		is(t, "attempts", len(r.Attempts), 1)
	}},
	{"a lease of before a retry", "a worker that was declared dead must not finish what was retried since", func(t *trial) {
		id := t.put()
		old := t.take()
		t.one(pawl.Cancel, id)
		t.pass(lease)
		t.tick()
		t.one(pawl.Retry, id)
		t.lost("Finish", t.finishAs(outcome(old, pawl.Succeeded)))
		t.in(id, pawl.Pending)
	}},
	{"delete", "what is removed is gone: from lists, runs, counts and results", func(t *trial) {
		id := t.reach(pawl.Succeeded, queue("q"))
		kept := t.put(queue("q"), inRun(id))
		t.one(pawl.Delete, id)
		t.found(pawl.Filter{}, kept)
		t.found(pawl.Filter{Run: id}, kept)
		status, err := t.store.Status(t.ctx, t.now)
		t.must("Status", err)
		is(t, "succeeded tasks of q", status.Queues[0].Counts[pawl.Succeeded], 0)
	}},
	{"a deleted task's worker", "what was deleted is not brought back by a late outcome", func(t *trial) {
		id := t.put()
		old := t.take()
		t.one(pawl.Cancel, id)
		t.pass(lease)
		t.tick()
		t.one(pawl.Delete, id)
		fenced(t, old, t.tick)
		t.found(pawl.Filter{})
	}},
}

// stepped returns a dead letter with one step, which took the conversation to the node.
func (t *trial) stepped() (pawl.ID, []pawl.Node) {
	t.Helper()
	id := t.put(identity(1), tokens(1))
	r := t.take()
	chain := t.nodes(pawl.Hash{}, "a")
	t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Nodes: chain, Step: &pawl.StepRow{
		Key: "k", Name: "ask", Result: []byte("1"), Head: chain[0].Hash, Attempt: 1,
	}}))
	t.finish(r, pawl.Dead)
	return id, chain
}
