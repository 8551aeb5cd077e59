package storetest

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// againRules are about calls that are made a second time because nobody knows
// whether the first one took effect.
var againRules = []rule{
	{"add", "the connection may break after the commit: adding again must not make two tasks", func(t *trial) {
		n := task(user("a"))
		t.add(n)
		t.pass(time.Second)
		a := t.add(n)[0]
		is(t, "ID", a.ID, n.Row.ID)
		is(t, "Run", a.Run, n.Row.Run)
		is(t, "As", a.As, pawl.AsNew)
		rows := t.list(pawl.Filter{})
		is(t, "tasks", len(rows), 1)
		isTime(t, "Added", rows[0].Added, start)
		is(t, "tasks to claim", len(t.claim(10).Tasks), 1)
	}},
	{"add in one batch", "a client that coalesces callers may send the same task twice at once", func(t *trial) {
		n := task(identity(1))
		for i, a := range t.add(n, n) {
			if a.ID != n.Row.ID {
				t.Errorf("Add %d = %+v; want %s", i, a, n.Row.ID)
			}
		}
		is(t, "tasks to claim", len(t.claim(10).Tasks), 1)
	}},
	{"add beside a twin of its own run", "a task that is added again, together with one that it would replace if it were new, is as it was", func(t *trial) {
		n := task(identity(1), duplicates(pawl.Replace))
		t.add(n)
		before := t.list(pawl.Filter{})
		t.add(task(identity(1), inRun(n.Row.ID), duplicates(pawl.Reject)), n)
		same(t, t.list(pawl.Filter{}), before)
	}},
	{"add of what has moved on", "a task that runs already is not pending once more", func(t *trial) {
		n := task()
		t.add(n)
		r := t.take()
		is(t, "ID", t.add(n)[0].ID, n.Row.ID)
		t.in(n.Row.ID, pawl.Running)
		t.finish(r, pawl.Succeeded)
		is(t, "ID", t.add(n)[0].ID, n.Row.ID)
		t.in(n.Row.ID, pawl.Succeeded)
	}},
	{"finish", "an outcome is recorded exactly once, even if its worker has to ask twice", func(t *trial) {
		for _, to := range []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Scheduled, pawl.Pending} {
			id := t.put()
			f := outcome(t.take(), to)
			if to == pawl.Succeeded {
				f.Follow = []pawl.NewTask{task(operation("next"), inRun(id))}
			}
			t.must("Finish", t.finishAs(f))
			before := t.list(pawl.Filter{})
			f.Output, f.Attempt.Message = []byte(`"other"`), "other"
			t.pass(time.Second)
			t.must("Finish again", t.finishAs(f))
			same(t, t.list(pawl.Filter{}), before)
			t.change(pawl.Cancel, pawl.Filter{})
		}
	}},
	{"finish after another attempt began", "what was recorded stays recorded: a late repetition is no lost lease", func(t *trial) {
		id := t.put()
		first := outcome(t.take(), pawl.Pending)
		t.must("Finish", t.finishAs(first))
		second := t.take()
		t.must("Finish again", t.finishAs(first))
		t.in(id, pawl.Running)
		t.finish(second, pawl.Succeeded)
		t.must("Finish again", t.finishAs(first))
		t.in(id, pawl.Succeeded)
		is(t, "attempts", len(t.row(id).Attempts), 2)
	}},
	{"finish twice in one batch", "a batch may hold what an earlier one did, and itself twice", func(t *trial) {
		id := t.put()
		f := outcome(t.take(), pawl.Succeeded)
		errs, err := t.store.Finish(t.ctx, t.now, []pawl.Finish{f, f})
		t.must("Finish", err)
		if errs[0] != nil || errs[1] != nil {
			t.Errorf("Finish = %v; want no error", errs)
		}
		is(t, "attempts", len(t.row(id).Attempts), 1)
	}},
	{"save", "a step is stored once: the first result is the one that everybody gets", func(t *trial) {
		id := t.put()
		r := t.take()
		step := pawl.StepRow{Key: "k#1", Name: "k", Result: []byte("1"), Attempt: 1, Took: time.Second}
		t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &step}))
		other := step
		other.Result, other.Head = []byte("2"), pawl.Hash{9}
		t.must("Save again", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &other}))
		steps := t.row(id).Steps
		if len(steps) != 1 || string(steps[0].Result) != "1" {
			t.Fatalf("Steps = %+v; want one with the first result", steps)
		}
		isTime(t, "At", steps[0].At, t.now)
		is(t, "Took", steps[0].Took, time.Second)
		is(t, "Head", t.row(id).Head, pawl.Hash{})
	}},
	{"reserve", "a call that is reserved twice under one key is one call, and is charged once", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(100))
		r := t.take()
		for range 3 {
			is(t, "OK", t.reserve(r, "a", 300).OK, true)
			is(t, "OK", t.reserve(r, "b", 400).OK, true)
		}
		t.level("lim", 300)
		is(t, "InFlight", t.limit("lim").State.InFlight, 2)
	}},
	{"settle", "a settlement that is repeated must not refund twice", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(600))
		r := t.take()
		t.reserve(r, "a", 600)
		for range 3 {
			t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 500}})
		}
		t.level("lim", 500)
		is(t, "InFlight", t.limit("lim").State.InFlight, 0)
	}},
	{"retry gets its steps back", "work that is done stays done: the next attempt finds it", func(t *trial) {
		id := t.put()
		r := t.take()
		for _, key := range []string{"b", "a", "c"} {
			step := pawl.StepRow{
				Key: key, Name: key, Result: []byte(key), Call: true, Usage: llm.Usage{Input: 7}, Model: "m1", Cost: 21, Currency: "USD", Attempt: 1,
			}
			t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &step}))
		}
		t.finish(r, pawl.Pending)
		again := t.take()
		is(t, "ID", again.ID, id)
		keys := ""
		for _, s := range again.Steps {
			keys += s.Key
		}
		is(t, "steps, oldest first", keys, "bac")
		is(t, "Usage", again.Steps[0].Usage, llm.Usage{Input: 7})
		is(t, "Model", again.Steps[0].Model, "m1")
		is(t, "Cost", again.Steps[0].Cost, 21)
		is(t, "Currency", again.Steps[0].Currency, "USD")
		is(t, "Call", again.Steps[0].Call, true)
	}},
}
