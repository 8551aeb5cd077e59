package storetest

import (
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// savingRules are about the entries of answers that needed no call.
var savingRules = []rule{
	{"what an attempt took", "the calls that a retry did not send again are what a queue is for, and are counted with the tokens that they had cost", func(t *trial) {
		other := pawl.NewID()
		t.put(user("ann"), on("lim"))
		r := t.take()
		savings := []pawl.Saving{
			{Kind: pawl.EntryRetried, Sum: pawl.Sum{Calls: 3, Usage: llm.Usage{Input: 30, Output: 9}, Cost: 225}, Model: "m1", Currency: "USD", Of: r.ID},
			{Kind: pawl.EntryRetried, Sum: pawl.Sum{Calls: 1, Usage: llm.Usage{Output: 4}}, Model: "m0", Of: r.ID},
			{Kind: pawl.EntrySimilar, Sum: pawl.Sum{Calls: 2, Usage: llm.Usage{CacheRead: 70}, Cost: 21}, Model: "m1", Currency: "USD", Of: other, Score: 0.97},
			{Kind: pawl.EntryShadow, Sum: pawl.Sum{Calls: 1, Cost: 5}, Model: "m2", Currency: "USD", Of: other, Score: 0.9},
		}
		f := outcome(r, pawl.Succeeded)
		f.Savings = savings
		for range 2 { // it may be recorded again, by a worker that got no answer
			t.must("Finish", t.finishAs(f))
		}
		t.tick()
		t.must("Finish", t.finishAs(f))
		got := map[pawl.EntryKind]int{}
		for _, e := range t.inLedger(pawl.LedgerFilter{}) {
			got[e.Kind]++
			want := entryOf(r, "", e.Kind)
			for _, s := range savings {
				if s.Kind == e.Kind && s.Model == e.Model {
					want.At, want.Calls, want.Usage, want.Cost, want.Model = t.now, s.Calls, s.Usage, s.Cost, s.Model
					want.Currency, want.Of, want.Score = s.Currency, s.Of, s.Score
				}
			}
			same(t, e, want)
		}
		same(t, got, map[pawl.EntryKind]int{pawl.EntryRetried: 2, pawl.EntrySimilar: 1, pawl.EntryShadow: 1})
		row := t.sums(pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryRetried}}, pawl.ByModel)
		is(t, "rows", len(row), 2)
		is(t, "Sent", row[0].Sent()+row[1].Sent(), 0)
	}},
	{"a joined task", "what a caller did not pay who joined another one's task is what that task has used, which is known when it has ended", func(t *trial) {
		id := t.put(identity(1))
		joined := task(identity(1), user("bob"), on("lim"), queue("slow"))
		t.joins(joined, id)
		at := t.now
		t.pass(time.Second)
		t.savedNothing()
		r := t.take()
		t.paidCall(r, "ask#1/1", 40)
		t.savedNothing()
		t.finish(r, pawl.Scheduled, paid(40))
		t.savedNothing()
		t.pass(time.Minute)
		r = t.take()
		t.paidCall(r, "ask#2/2", 60)
		t.finish(r, pawl.Succeeded, paid(60))
		want := pawl.Entry{
			At: at, Kind: pawl.EntryJoined, Task: joined.Row.ID, Run: id, Of: id, Operation: "work", Queue: "slow", User: "bob", Limit: "lim",
			Model: "m1", Calls: 2, Usage: llm.Usage{Output: 100}, Cost: 1500, Currency: "USD",
		}
		t.saved(want)
		t.pass(time.Hour)
		t.tick()
		t.saved(want)
		row := t.sums(pawl.LedgerFilter{User: "bob"}, pawl.ByRun)
		is(t, "rows", len(row), 1)
		is(t, "Run", row[0].Run, id)
		is(t, "joined", row[0].Sums[pawl.EntryJoined], pawl.Sum{Calls: 2, Usage: llm.Usage{Output: 100}, Cost: 1500})
	}},
	{"each who joins", "three callers who ask for the same thing have saved it twice", func(t *trial) {
		id := t.put(identity(1))
		t.joins(task(identity(1)), id)
		r := t.take()
		t.joins(task(identity(1)), id)
		t.paidCall(r, "ask#1/1", 40)
		t.finish(r, pawl.Succeeded, paid(40))
		is(t, "joined", t.sums(pawl.LedgerFilter{})[0].Sums[pawl.EntryJoined], pawl.Sum{Calls: 2, Usage: llm.Usage{Output: 80}, Cost: 1200})
	}},
	{"a joined task of many", "a caller who joins a task saves what follows it and what its handler adds, and these end later", func(t *trial) {
		id := t.put(identity(1))
		t.joins(task(identity(1)), id)
		r := t.take()
		t.paidCall(r, "ask#1/1", 10)
		t.finish(r, pawl.Succeeded, paid(10), func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(r))} })
		t.savedNothing()
		t.pass(time.Hour)
		t.tick()
		t.savedNothing()
		r = t.take()
		t.paidCall(r, "ask#1/1", 20)
		t.finish(r, pawl.Succeeded, paid(20))
		is(t, "joined", t.joinedSum(), pawl.Sum{Calls: 2, Usage: llm.Usage{Output: 30}, Cost: 450})
		t.pass(time.Hour)
		t.tick()
		is(t, "joined, an hour later", t.joinedSum(), pawl.Sum{Calls: 2, Usage: llm.Usage{Output: 30}, Cost: 450})
	}},
	{"a joined task that fails", "who joined has not paid for the failure either", func(t *trial) {
		id := t.put(identity(1))
		t.joins(task(identity(1)), id)
		r := t.take()
		t.paidCall(r, "ask#1/1", 40)
		t.finish(r, pawl.Dead, paid(40))
		is(t, "joined", t.joinedSum(), pawl.Sum{Calls: 1, Usage: llm.Usage{Output: 40}, Cost: 600})
	}},
	{"a joined task without calls", "work that called no model has saved no call to who joined it", func(t *trial) {
		id := t.put(identity(1))
		t.joins(task(identity(1)), id)
		t.finish(t.take(), pawl.Succeeded)
		t.savedNothing()
		t.pass(time.Hour)
		t.tick()
		t.savedNothing()
	}},
	{"a reused result", "a result that is there is taken without a call: it saves what it had cost", func(t *trial) {
		id := t.put(identity(1))
		r := t.take()
		t.paidCall(r, "ask#1/1", 40)
		t.finish(r, pawl.Succeeded, paid(40))
		t.pass(time.Second)
		n := task(identity(1), reuse(time.Minute), user("bob"))
		is(t, "As", t.add(n)[0].As, pawl.AsReused)
		t.saved(pawl.Entry{
			At: t.now, Kind: pawl.EntryReused, Task: n.Row.ID, Run: id, Of: id, Operation: "work", Queue: "default", User: "bob", Limit: pawl.NoLimit,
			Model: "m1", Calls: 1, Usage: llm.Usage{Output: 40}, Cost: 600, Currency: "USD",
		})
	}},
	{"joined calls of several models", "what joining has saved is asked by model, like what was paid", func(t *trial) {
		id := t.put(identity(1))
		joined := task(identity(1), user("bob"))
		t.joins(joined, id)
		at := t.now
		t.finish(t.take(), pawl.Scheduled, paid(40))
		t.pass(time.Minute)
		t.finish(t.take(), pawl.Succeeded, paidBoth, func(f *pawl.Finish) { f.Attempt.Calls, f.Attempt.Failed = 5, 2 })
		reused := task(identity(1), user("cy"), reuse(time.Hour))
		is(t, "As", t.add(reused)[0].As, pawl.AsReused)
		want := func(n pawl.NewTask, at time.Time, kind pawl.EntryKind) []pawl.Entry {
			free := pawl.Entry{
				At: at, Kind: kind, Task: n.Row.ID, Run: id, Of: id, Operation: "work", Queue: "default", User: n.Row.User, Limit: pawl.NoLimit,
				Model: "m0", Calls: 2, Usage: llm.Usage{Input: 7},
			}
			priced := free
			priced.Model, priced.Calls, priced.Usage, priced.Cost, priced.Currency = "m1", 2, llm.Usage{Output: 60}, 900, "USD"
			return []pawl.Entry{free, priced}
		}
		for range 2 {
			t.saved(append(want(joined, at, pawl.EntryJoined), want(reused, start.Add(time.Minute), pawl.EntryReused)...)...)
			rows := t.sums(pawl.LedgerFilter{Model: "m1", User: "bob"}, pawl.ByModel)
			is(t, "rows", len(rows), 1)
			is(t, "Model", rows[0].Model, "m1")
			same(t, rows[0].Sums, map[pawl.EntryKind]pawl.Sum{pawl.EntryJoined: {Calls: 2, Usage: llm.Usage{Output: 60}, Cost: 900}})
			t.pass(time.Hour)
			t.tick()
		}
	}},
	{"joined calls of a dead worker by model", "the answers that it had stored say which model each is of", func(t *trial) {
		id := t.put(identity(1))
		t.joins(task(identity(1)), id)
		r := t.take()
		for i, model := range []string{"m1", "m2", "m2"} {
			step := t.pay(r, fmt.Sprint("ask#", i), 10)
			step.Model = model
			t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &step}))
		}
		t.pass(lease)
		r = t.take()
		same(t, r.Attempts[0].Models, pawl.ModelSums{
			{Model: "m1", Sum: pawl.Sum{Calls: 1, Usage: llm.Usage{Output: 10}, Cost: 150}, Currency: "USD"},
			{Model: "m2", Sum: pawl.Sum{Calls: 2, Usage: llm.Usage{Output: 20}, Cost: 300}, Currency: "USD"},
		})
		t.finish(r, pawl.Succeeded, paid(60))
		rows := t.sums(pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryJoined}}, pawl.ByModel)
		is(t, "rows", len(rows), 2)
		is(t, "m1", rows[0].Sums[pawl.EntryJoined], pawl.Sum{Calls: 2, Usage: llm.Usage{Output: 70}, Cost: 1050})
		is(t, "m2", rows[1].Sums[pawl.EntryJoined], pawl.Sum{Calls: 2, Usage: llm.Usage{Output: 20}, Cost: 300})
	}},
	{"a reused result that is removed", "what a result had cost is known when it is taken, and saved though it is removed at once", func(t *trial) {
		id := t.put(identity(1))
		r := t.take()
		t.paidCall(r, "ask#1/1", 40)
		t.finish(r, pawl.Succeeded, paid(40))
		is(t, "As", t.add(task(identity(1), reuse(time.Minute)))[0].As, pawl.AsReused)
		t.one(pawl.Delete, id)
		is(t, "reused", t.sums(pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryReused}})[0].Sums[pawl.EntryReused], pawl.Sum{Calls: 1, Usage: llm.Usage{Output: 40}, Cost: 600})
	}},
	{"what saves nothing", "a caller who was rejected, or whose task replaced another one, has saved nothing", func(t *trial) {
		t.put(identity(1))
		is(t, "As", t.add(task(identity(1), duplicates(pawl.Reject)))[0].As, pawl.AsRejected)
		is(t, "As", t.add(task(identity(1), duplicates(pawl.Replace)))[0].As, pawl.AsReplacement)
		r := t.take()
		t.paidCall(r, "ask#1/1", 40)
		t.finish(r, pawl.Succeeded, paid(40))
		t.savedNothing()
	}},
	{"a call of Add is made again", "a task whose addition was not answered is sent again, and has not joined itself", func(t *trial) {
		n := task(identity(1))
		t.add(n)
		t.add(n)
		r := t.take()
		t.paidCall(r, "ask#1/1", 40)
		t.finish(r, pawl.Succeeded, paid(40))
		t.savedNothing()
	}},
	{"a joined task whose calls failed", "a call that would have been refused, failed or lost to who joined has not been paid by anybody", func(t *trial) {
		id := t.put(identity(1))
		t.joins(task(identity(1)), id)
		t.finish(t.take(), pawl.Succeeded, paid(40), func(f *pawl.Finish) {
			f.Attempt.Calls, f.Attempt.Failed, f.Attempt.Unknown = 6, 3, 2
		})
		is(t, "joined", t.joinedSum(), pawl.Sum{Calls: 1, Usage: llm.Usage{Output: 40}, Cost: 600})
	}},
	{"a joined task whose worker died", "who joined has not paid what the dead worker's calls cost either", func(t *trial) {
		id := t.put(identity(1))
		t.joins(task(identity(1)), id)
		r := t.take()
		step := t.pay(r, "ask#1", 40)
		t.must("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Step: &step}))
		t.pass(lease)
		t.finish(t.take(), pawl.Succeeded, paid(60))
		is(t, "joined", t.joinedSum(), pawl.Sum{Calls: 2, Usage: llm.Usage{Output: 100}, Cost: 1500})
	}},
	{"a joined task that is removed", "what joining has saved is known to nobody but the task, and its removal must not lose it", func(t *trial) {
		for n := range 3 {
			id := t.put(identity(byte(1 + n)))
			t.joins(task(identity(byte(1+n)), user("bob")), id)
			other := t.put(identity(9), priority(pawl.Low))
			t.joins(task(identity(9)), other)
			if n > 0 {
				t.tick() // it waits no longer, it is entered
			}
			r := t.take()
			t.finish(r, pawl.Succeeded, paid(40))
			if n > 1 {
				t.tick()
			}
			t.one(pawl.Delete, id)
			t.clear()
		}
		is(t, "joined", t.joinedSum(), pawl.Sum{Calls: 3, Usage: llm.Usage{Output: 120}, Cost: 1800})
		t.pass(time.Hour)
		t.tick()
		is(t, "joined, an hour later", t.joinedSum(), pawl.Sum{Calls: 3, Usage: llm.Usage{Output: 120}, Cost: 1800})
	}},
	{"a task that has just been joined is removed", "who joined it may wait to be entered still when it ends and goes", func(t *trial) {
		id := t.put(identity(1))
		r := t.take()
		t.joins(task(identity(1)), id)
		t.finish(r, pawl.Succeeded, paid(40))
		want := pawl.Sum{Calls: 1, Usage: llm.Usage{Output: 40}, Cost: 600}
		is(t, "joined", t.joinedSum(), want)
		t.one(pawl.Delete, id)
		is(t, "joined, when it is removed", t.joinedSum(), want)
		t.pass(time.Hour)
		t.tick()
		is(t, "joined, an hour later", t.joinedSum(), want)
	}},
	{"a part of what was joined is removed", "old tasks of a run are removed while it goes on: what they have used is saved, and no more is known of it", func(t *trial) {
		id := t.put(identity(1))
		t.joins(task(identity(1)), id)
		r := t.take()
		t.finish(r, pawl.Succeeded, paid(10), func(f *pawl.Finish) { f.Follow = []pawl.NewTask{task(behind(r))} })
		t.savedNothing()
		t.one(pawl.Delete, id)
		want := pawl.Sum{Calls: 1, Usage: llm.Usage{Output: 10}, Cost: 150}
		is(t, "joined", t.joinedSum(), want)
		t.finish(t.take(), pawl.Succeeded, paid(20))
		t.pass(time.Hour)
		t.tick()
		is(t, "joined, when the rest has ended", t.joinedSum(), want)
	}},
	{"savings outlive the task", "what was saved stays saved when the task is removed whose answer it was", func(t *trial) {
		id := t.put(identity(1))
		t.joins(task(identity(1)), id)
		r := t.take()
		t.paidCall(r, "ask#1/1", 40)
		t.finish(r, pawl.Succeeded, paid(40))
		want := t.joinedSum()
		t.pass(time.Hour)
		t.tick()
		t.one(pawl.Delete, id)
		is(t, "joined", t.joinedSum(), want)
	}},
}

// paidCall makes a call that is answered with so many tokens, at 15 each.
func (t *trial) paidCall(r *pawl.TaskRow, key string, output int) {
	t.Helper()
	is(t, "OK", t.call(r, key, output, priced).OK, true)
	t.answer(r, key, output)
}

// answer settles a call that was answered with so many tokens, at 15 each.
func (t *trial) answer(r *pawl.TaskRow, key string, output int) {
	t.Helper()
	t.settle(r, pawl.Settlement{
		Key: key, Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: int64(output)}, Paid: price.Money(15 * output),
	})
}

// pay returns the step of a call that was answered with so many tokens, at 15 each.
func (t *trial) pay(r *pawl.TaskRow, key string, output int) pawl.StepRow {
	return pawl.StepRow{
		Key: key, Name: "ask", Result: []byte("{}"), Call: true, Usage: llm.Usage{Output: int64(output)},
		Model: "m1", Cost: price.Money(15 * output), Currency: "USD", Attempt: r.Attempt,
	}
}

// paid is an attempt of one such call.
func paid(output int) func(*pawl.Finish) {
	return func(f *pawl.Finish) {
		usage(output)(f)
		f.Attempt.Cost, f.Attempt.Currency, f.Attempt.Model = price.Money(15*output), "USD", "m1"
	}
}

// paidBoth is an attempt of a call of m1 that costs something, and two of m0, which has no
// price.
func paidBoth(f *pawl.Finish) {
	f.Attempt.Usage, f.Attempt.Cost, f.Attempt.Currency = llm.Usage{Input: 7, Output: 20}, 300, "USD"
	f.Attempt.Models = pawl.ModelSums{
		{Model: "m0", Sum: pawl.Sum{Calls: 2, Usage: llm.Usage{Input: 7}}},
		{Model: "m1", Sum: pawl.Sum{Calls: 1, Usage: llm.Usage{Output: 20}, Cost: 300}, Currency: "USD"},
	}
}

// saved checks all entries of savings.
func (t *trial) saved(want ...pawl.Entry) {
	t.Helper()
	var kinds []pawl.EntryKind
	for _, k := range pawl.EntryKinds() {
		if k.IsSaving() {
			kinds = append(kinds, k)
		}
	}
	same(t, t.inLedger(pawl.LedgerFilter{Kinds: kinds}), want)
	sum := pawl.Sum{}
	for _, e := range want {
		sum = sum.Plus(pawl.Sum{Calls: e.Calls, Usage: e.Usage, Cost: e.Cost})
	}
	got := pawl.Sum{}
	for _, row := range t.sums(pawl.LedgerFilter{Kinds: kinds}) {
		for _, s := range row.Sums {
			got = got.Plus(s)
		}
	}
	is(t, "sum of the savings", got, sum)
}

func (t *trial) savedNothing() {
	t.Helper()
	t.saved()
}

// joinedSum is what was saved by joining.
func (t *trial) joinedSum() pawl.Sum {
	t.Helper()
	rows := t.sums(pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryJoined}})
	if len(rows) != 1 {
		t.Fatalf("Usage of what was joined = %+v; want one row", rows)
	}
	return rows[0].Sums[pawl.EntryJoined]
}
