package storetest

import (
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

var finishRules = []rule{
	{"an attempt is recorded", "what an attempt did, used and cost must be there to be read, whatever became of it", func(t *trial) {
		id := t.put()
		r := t.take()
		t.pass(3 * time.Second)
		want := pawl.Attempt{
			Usage: llm.Usage{Input: 1, Output: 2, CacheRead: 3, CacheWrite: 4, Reasoning: 2}, Calls: 20, Saved: 6, Failed: 8, Unknown: 7,
			Class: "transient", Message: "sorry: it's \"broken\" — ü\n", Waited: time.Second, Spared: llm.Usage{Output: 8, Reasoning: 7}, Used: true,
			Cost: 12, Currency: "USD", Models: pawl.ModelSums{
				{Model: "m1", Sum: pawl.Sum{Calls: 4, Usage: llm.Usage{Input: 1, Output: 2, Reasoning: 2}, Cost: 12}, Currency: "USD"},
				{Model: "m0", Sum: pawl.Sum{Calls: 1, Usage: llm.Usage{CacheRead: 3, CacheWrite: 4}}},
			},
		}
		t.finish(r, pawl.Scheduled, func(f *pawl.Finish) { f.Attempt = want })
		row := t.row(id)
		want.Number, want.Worker, want.Started, want.Ended = 1, "w1", start, t.now
		if len(row.Attempts) != 1 {
			t.Fatalf("attempts = %d; want 1", len(row.Attempts))
		}
		same(t, row.Attempts[0], want)
		is(t, "Used", row.Used, 1)
		is(t, "Usage", row.Usage(), want.Usage)
	}},
	{"success", "an output is stored as it is, with the time at which it was there", func(t *trial) {
		id := t.put()
		r := t.take()
		t.pass(time.Second)
		t.finish(r, pawl.Succeeded, func(f *pawl.Finish) { f.Output = []byte(`{ "b":1.0, "a":"é" }`) })
		row := t.row(id)
		is(t, "Output", string(row.Output), `{ "b":1.0, "a":"é" }`)
		isTime(t, "Ended", row.Ended, t.now)
		t.none()
	}},
	{"dead", "a dead letter keeps what is needed to understand it, mend it and run it again", func(t *trial) {
		talkNodes := t.nodes(pawl.Hash{}, "one")
		id := t.put(talk(talkNodes))
		r := t.take()
		t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &pawl.StepRow{Key: "k", Name: "k", Result: []byte("1")}}))
		t.finish(r, pawl.Dead)
		row := t.row(id)
		is(t, "Fingerprint", row.Fingerprint, "f1")
		is(t, "Input", string(row.Input), `{"n":1}`)
		is(t, "Conversation", row.Conversation, talkNodes[0].Hash)
		is(t, "steps", len(row.Steps), 1)
		is(t, "Class", row.LastAttempt().Class, llm.Permanent)
		t.none()
	}},
	{"attempts are bounded", "a task that is throttled all day must not grow without end; how it began is kept", func(t *trial) {
		id := t.put()
		for i := range 60 {
			t.finish(t.take(), pawl.Pending, func(f *pawl.Finish) { f.Attempt.Message = fmt.Sprint(i + 1) })
		}
		r := t.row(id)
		if len(r.Attempts) != 50 {
			t.Fatalf("attempts = %d; want 50", len(r.Attempts))
		}
		is(t, "Number of the first", r.Attempts[0].Number, 1)
		for i, a := range r.Attempts[1:] {
			is(t, "Number", a.Number, 12+i)
			is(t, "Message", a.Message, fmt.Sprint(12+i))
		}
		is(t, "Attempt", r.Attempt, 60)
	}},
	{"not sent", "failures in which nothing was sent are counted in a row, so that they end one day", func(t *trial) {
		id := t.put()
		notSent := func(f *pawl.Finish) { f.NotSent, f.Attempt.Used, f.Delay = true, false, 0 }
		for want := range 3 {
			is(t, "NotSent", t.row(id).NotSent, want)
			t.finish(t.take(), pawl.Scheduled, notSent)
		}
		t.finish(t.take(), pawl.Pending)
		is(t, "NotSent after another failure", t.row(id).NotSent, 0)
	}},
	{"what follows is added with the outcome", "a flow must not stop, nor a step of it be done twice, because a worker died between two writes", func(t *trial) {
		first := t.put(user("a"))
		r := t.take()
		chain := t.nodes(pawl.Hash{}, "question", "answer")
		t.must("Save", t.saveAs(pawl.Save{
			Lease: r.Lease(), Nodes: chain,
			Step: &pawl.StepRow{Key: "ask#1", Name: "ask", Result: []byte("{}"), Head: chain[1].Hash},
		}))
		is(t, "Head", t.row(first).Head, chain[1].Hash)
		next := task(user("a"), inRun(first))
		next.Row.Input, next.Row.Conversation = []byte(`"done"`), chain[1].Hash
		next.Row.Data = pawl.Data{"k": []byte(`"v"`)}
		t.pass(time.Second)
		t.finish(r, pawl.Succeeded, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{next, task(delay(time.Hour), inRun(first))} })
		is(t, "tasks of the run", len(t.list(pawl.Filter{Run: first})), 3)
		got := t.take()
		is(t, "ID", got.ID, next.Row.ID)
		is(t, "Run", got.Run, first)
		is(t, "Input", string(got.Input), `"done"`)
		is(t, "Data", string(got.Data["k"]), `"v"`)
		isTime(t, "Added", got.Added, t.now)
		t.talk(got.Conversation, "question", "answer")
	}},
	{"nothing follows a failure", "the next step of a flow has no input if this one failed", func(t *trial) {
		for _, to := range []pawl.State{pawl.Dead, pawl.Cancelled, pawl.Scheduled, pawl.Pending} {
			id := t.put()
			t.finish(t.take(), to, func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(inRun(id))} })
			is(t, "tasks of the run", len(t.list(pawl.Filter{Run: id})), 1)
			t.change(pawl.Cancel, pawl.Filter{})
		}
	}},
	{"cancelled while it ran", "what was asked to stop is not tried again, however it ended", func(t *trial) {
		for _, to := range []pawl.State{pawl.Cancelled, pawl.Dead, pawl.Scheduled, pawl.Pending} {
			id := t.put()
			r := t.take()
			t.one(pawl.Cancel, id)
			is(t, "Cancelling", t.row(id).Cancelling, true)
			t.in(id, pawl.Running)
			t.finish(r, to)
			row := t.row(id)
			is(t, "State", row.State, pawl.Cancelled)
			if problem := insane(row); problem != "" {
				t.Error(problem)
			}
			t.none()
		}
	}},
	{"finished in spite of being cancelled", "work that is done is not thrown away because the request to stop came late", func(t *trial) {
		id := t.put()
		r := t.take()
		t.one(pawl.Cancel, id)
		t.finish(r, pawl.Succeeded)
		t.in(id, pawl.Succeeded)
		is(t, "Cancelling", t.row(id).Cancelling, false)
	}},
	{"cancelled, and its worker died", "a task that was to stop has stopped when its worker is gone", func(t *trial) {
		id := t.put()
		t.take()
		t.one(pawl.Cancel, id)
		t.pass(lease)
		t.none()
		r := t.row(id)
		is(t, "State", r.State, pawl.Cancelled)
		is(t, "Class", r.LastAttempt().Class, pawl.Lost)
	}},
	{"many in one batch", "a worker records the outcomes of all its handlers in one write", func(t *trial) {
		t.putMany(100)
		var all []pawl.Finish
		for i, r := range t.claim(100).Tasks {
			all = append(all, outcome(r, []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Scheduled, pawl.Pending}[i%4]))
		}
		errs, err := t.store.Finish(t.ctx, t.now, all)
		t.must("Finish", err)
		for i, e := range errs {
			t.must(fmt.Sprintf("Finish %d", i), e)
		}
		for _, s := range []pawl.State{pawl.Succeeded, pawl.Dead, pawl.Scheduled, pawl.Pending} {
			is(t, "tasks that are "+string(s), len(t.list(pawl.Filter{States: []pawl.State{s}})), 25)
		}
	}},
}
