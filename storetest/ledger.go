package storetest

import (
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// ledgerRules are about the entries of calls.
var ledgerRules = []rule{
	{"an answered call", "what a call has cost can be told to the last token, and for whom it was", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(user("ann"), queue("fast"), on("lim"), tokens(100))
		r := t.take()
		t.call(r, "ask#1/1", 100, priced)
		t.pass(3 * time.Second)
		t.settle(r, pawl.Settlement{
			Key: "ask#1/1", Outcome: pawl.CallAnswered, SentAgo: 2 * time.Second, Waited: time.Second,
			Usage: llm.Usage{Input: 70, Output: 50, CacheRead: 9, CacheWrite: 8, Reasoning: 30}, Paid: 960, CacheSaved: -3,
		})
		e := entryOf(r, "ask#1/1", pawl.EntryAnswered)
		e.At, e.Waited, e.Model, e.Currency = t.now, time.Second, "m1", "USD"
		e.Usage, e.Cost, e.CacheSaved = llm.Usage{Input: 70, Output: 50, CacheRead: 9, CacheWrite: 8, Reasoning: 30}, 960, -3
		t.entries(e)
	}},
	{"calls that gave nothing", "failures and refusals cost time and requests, if not tokens: they are on record, and what was never sent is not", func(t *trial) {
		t.put()
		r := t.take()
		var want []pawl.Entry
		for _, c := range []struct {
			outcome pawl.CallOutcome
			kind    pawl.EntryKind
			class   llm.Class
		}{
			{pawl.CallFailed, pawl.EntryFailed, "transient"}, {pawl.CallNotSent, "", "transient"}, {pawl.CallUnreached, "", "transient"},
			{pawl.CallThrottled, pawl.EntryRefused, "throttled"}, {pawl.CallBlocked, pawl.EntryRefused, "billing"},
		} {
			key := string(c.outcome)
			t.call(r, key, 100, priced)
			t.settle(r, pawl.Settlement{Key: key, Outcome: c.outcome, Class: c.class, Reason: "so", Busy: c.outcome == pawl.CallThrottled})
			if c.kind != "" {
				e := entryOf(r, key, c.kind)
				e.At, e.Class, e.Model = t.now, c.class, "m1"
				want = append(want, e)
			}
			t.pass(time.Second)
		}
		t.entries(want...)
	}},
	{"a call without an answer", "it may be billed, so what was expected of it is on record, at its price", func(t *trial) {
		t.put()
		r := t.take()
		t.call(r, "ask#1/1", 100, priced, chars(400))
		t.settle(r, pawl.Settlement{Key: "ask#1/1", Outcome: pawl.CallUnknown, Class: "transient"})
		e := unknown(r, "ask#1/1", 100, 100)
		e.At, e.Class = t.now, "transient"
		t.entries(e)
		t.finish(r, pawl.Pending)
		t.entries(e)
	}},
	{"a stream that is ended for lack of room", "it pauses the limit as a refusal does, but what had been said by then is billed", func(t *trial) {
		t.put()
		r := t.take()
		t.call(r, "ask#1/1", 100, priced, chars(400))
		t.settle(r, pawl.Settlement{Key: "ask#1/1", Outcome: pawl.CallThrottled, Class: llm.Ambiguous, Reason: "overloaded", Busy: true})
		e := at(t.now, unknown(r, "ask#1/1", 100, 100))
		e.Class = llm.Ambiguous
		t.entries(e)
		t.finish(r, pawl.Pending)
		is(t, "Open", strings.Join(t.row(r.ID).LastAttempt().Open, " "), "ask#1")
	}},
	{"a call of a worker that died", "whoever finds the task of a dead worker records what that may have sent", func(t *trial) {
		t.put()
		r := t.take()
		t.call(r, "ask#1/1", 100, priced)
		t.call(r, "ask#2/1", 50, priced)
		t.settle(r, pawl.Settlement{Key: "ask#2/1", Outcome: pawl.CallUnknown})
		sent := t.now
		t.entries(at(sent, unknown(r, "ask#2/1", 0, 50)))
		t.pass(lease)
		t.tick()
		t.entries(at(sent, unknown(r, "ask#2/1", 0, 50)), at(t.now, unknown(r, "ask#1/1", 0, 100)))
	}},
	{"a call that is open at the end", "an outcome does not tell whether the call that it did not wait for was billed", func(t *trial) {
		t.put()
		r := t.take()
		t.call(r, "ask#1/1", 100, priced)
		t.finish(r, pawl.Dead)
		t.entries(at(t.now, unknown(r, "ask#1/1", 0, 100)))
		is(t, "Open", strings.Join(t.row(r.ID).LastAttempt().Open, " "), "ask#1")
	}},
	{"asked again", "what is paid a second time because an answer was lost can be told from what is asked for the first time", func(t *trial) {
		t.put()
		r := t.take()
		for _, key := range []string{"ask#1/1", "ask#2/1", "ask#3/1"} {
			t.call(r, key, 100, priced)
		}
		t.settle(r, pawl.Settlement{Key: "ask#2/1", Outcome: pawl.CallAnswered})
		t.settle(r, pawl.Settlement{Key: "ask#3/1", Outcome: pawl.CallUnknown})
		t.pass(lease)
		t.tick()
		lost := t.row(r.ID).LastAttempt().Open
		slices.Sort(lost)
		is(t, "Open", strings.Join(lost, " "), "ask#1 ask#3")

		t.pass(time.Second)
		r = t.take()
		for _, key := range []string{"ask#1/2", "ask#2/2", "ask#3/2", "ask#4/2"} {
			t.call(r, key, 100, priced)
			t.settle(r, pawl.Settlement{Key: key, Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 10}, Paid: 150})
		}
		again := map[string]string{}
		for _, e := range t.inLedger(pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryAnswered}}) {
			again[e.Key] = e.Again
		}
		same(t, again, map[string]string{"ask#2/1": "", "ask#1/2": "ask#1/1", "ask#2/2": "", "ask#3/2": "ask#3/1", "ask#4/2": ""})
		is(t, "Usage.Again", t.sums(pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryAnswered}})[0].Again, 2)
	}},
	{"asked again in its attempt", "a call that another model is asked for, or that is sent again before its attempt has ended, may be paid a second time as well", func(t *trial) {
		t.put()
		r := t.take()
		instead := func(steps ...string) func(*pawl.Reservation) {
			return func(v *pawl.Reservation) { v.Instead = steps }
		}
		ends := func(key string, o pawl.CallOutcome, with ...func(*pawl.Reservation)) {
			t.Helper()
			is(t, "OK", t.call(r, key, 100, with...).OK, true)
			t.settle(r, pawl.Settlement{Key: key, Outcome: o})
		}
		ends("a#1/1", pawl.CallUnknown)
		ends("b#1/1", pawl.CallFailed, instead("a#1"))
		ends("c#1/1", pawl.CallUnknown, instead("a#1", "b#1"))
		ends("a#1/1", pawl.CallFailed)
		ends("d#1/1", pawl.CallFailed)
		ends("e#1/1", pawl.CallFailed)
		ends("f#1/1", pawl.CallAnswered, instead("e#1"))
		t.finish(r, pawl.Pending)
		r = t.take()
		ends("b#1/2", pawl.CallFailed, instead("a#1"))
		ends("c#1/2", pawl.CallAnswered, instead("a#1", "b#1"))
		var again []string
		for _, e := range t.inLedger(pawl.LedgerFilter{}) {
			again = append(again, e.Key+" for "+e.Again)
		}
		slices.Sort(again)
		same(t, again, []string{
			"a#1/1 for ", "a#1/1 for a#1/1", "b#1/1 for a#1/1", "b#1/2 for a#1/1", "c#1/1 for a#1/1", "c#1/2 for c#1/1",
			"d#1/1 for ", "e#1/1 for ", "f#1/1 for ",
		})
	}},
	{"settled twice", "a worker that does not know whether a settlement took effect sends it again: it is one call", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(100))
		r := t.take()
		t.call(r, "ask#1/1", 100, priced)
		save := pawl.Save{
			Lease: r.Lease(), Step: &pawl.StepRow{Key: "ask#1", Name: "ask", Result: []byte("{}"), Call: true},
			Settle: &pawl.Settlement{Key: "ask#1/1", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 40}, Paid: 600},
		}
		for range 3 {
			t.must("Save", t.saveAs(save))
		}
		is(t, "entries", len(t.inLedger(pawl.LedgerFilter{})), 1)
		t.pass(time.Hour)
		t.tick()
		t.lost("Save", t.saveAs(save))
		is(t, "entries after the hour", len(t.inLedger(pawl.LedgerFilter{})), 1)
		is(t, "Cost", t.sums(pawl.LedgerFilter{})[0].Sums[pawl.EntryAnswered].Cost, 600)
	}},
	{"reserved again", "a reservation whose answer was lost is asked for again: it is one call, and what was expected of it does not change", func(t *trial) {
		t.put()
		r := t.take()
		for range 3 {
			is(t, "OK", t.call(r, "ask#1/1", 100, priced).OK, true)
		}
		t.finish(r, pawl.Dead)
		t.entries(at(t.now, unknown(r, "ask#1/1", 0, 100)))
	}},
	{"what a claim reserved", "a task that was claimed and made no call has sent none", func(t *trial) {
		t.configure(tokensPerSecond("lim"))
		t.put(on("lim"), tokens(100))
		t.finish(t.take(), pawl.Succeeded)
		t.put(on("lim"), tokens(100))
		t.take()
		t.pass(lease)
		t.tick()
		t.entries()
	}},
	{"without a price", "a model without a price is counted in tokens: its cost is not 0, it is not known", func(t *trial) {
		t.put()
		r := t.take()
		t.call(r, "ask#1/1", 100, func(v *pawl.Reservation) { v.Model = "m0" })
		t.settle(r, pawl.Settlement{Key: "ask#1/1", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 7}})
		e := entryOf(r, "ask#1/1", pawl.EntryAnswered)
		e.At, e.Model, e.Usage = t.now, "m0", llm.Usage{Output: 7}
		t.entries(e)
		is(t, "Unpriced", t.sums(pawl.LedgerFilter{})[0].Unpriced, pawl.Sum{Calls: 1, Usage: e.Usage})
	}},
	{"without a lease", "a worker that lost its task changes nothing, and the ledger has what the one who found it wrote", func(t *trial) {
		t.put()
		r := t.take()
		t.call(r, "ask#1/1", 100, priced)
		t.pass(lease)
		t.tick()
		want := at(t.now, unknown(r, "ask#1/1", 0, 100))
		t.pass(time.Second)
		t.lost("Save", t.saveAs(pawl.Save{Lease: r.Lease(), Settle: &pawl.Settlement{Key: "ask#1/1", Outcome: pawl.CallAnswered}}))
		t.entries(want)
	}},
	{"entries outlive their task", "the bill of a month is asked for when most of its tasks are removed", func(t *trial) {
		id := t.put()
		r := t.take()
		t.call(r, "ask#1/1", 100, priced)
		t.settle(r, pawl.Settlement{Key: "ask#1/1", Outcome: pawl.CallAnswered, Usage: llm.Usage{Output: 40}, Paid: 600})
		t.finish(r, pawl.Succeeded)
		before, sums := t.inLedger(pawl.LedgerFilter{}), t.sums(pawl.LedgerFilter{})
		t.one(pawl.Delete, id)
		same(t, t.inLedger(pawl.LedgerFilter{}), before)
		same(t, t.sums(pawl.LedgerFilter{}), sums)
		t.pass(time.Hour)
		t.tick()
		same(t, t.inLedger(pawl.LedgerFilter{Run: id}), before)
		same(t, t.sums(pawl.LedgerFilter{Run: id}), sums)
	}},
	{"the operation of the attempt", "where a fallback goes on with a task, each call is the operation's that made it", func(t *trial) {
		t.put()
		r := t.take()
		t.call(r, "ask#1/1", 100, priced)
		t.settle(r, pawl.Settlement{Key: "ask#1/1", Outcome: pawl.CallFailed})
		t.finish(r, pawl.Pending, func(f *pawl.Finish) {
			f.Fallback = &pawl.Stage{Operation: "other", Queue: "x", Limit: pawl.NoLimit, MaxAttempts: 2}
		})
		other := ask(1)
		other.Operations = []string{"other"}
		r = t.claimAs(other).Tasks[0]
		t.call(r, "ask#1/2", 100, priced)
		t.settle(r, pawl.Settlement{Key: "ask#1/2", Outcome: pawl.CallAnswered})
		var by []string
		for _, row := range t.sums(pawl.LedgerFilter{}, pawl.ByOperation, pawl.ByQueue) {
			by = append(by, row.Operation+" in "+row.Queue)
		}
		is(t, "operations", strings.Join(by, ", "), "other in x, work in default")
	}},
}

// rates are 3 for a token of input, and 15 for one of output.
var rates = price.Rates{Input: 3e6, Output: 15e6, CacheRead: 3e5, CacheWrite: 375e4}

func priced(r *pawl.Reservation) { r.Model, r.Rates, r.Currency = "m1", &rates, "USD" }

func chars(n int) func(*pawl.Reservation) {
	return func(r *pawl.Reservation) { r.Size.Chars = n }
}

// call reserves a call of a task's own limit, which is expected to answer with so many
// tokens. Its step is what its key says before the last slash.
func (t *trial) call(r *pawl.TaskRow, key string, tokens int, with ...func(*pawl.Reservation)) pawl.Grant {
	t.Helper()
	step, _, _ := strings.Cut(key, "/")
	v := pawl.Reservation{
		Lease: r.Lease(), Key: key, Step: step, Limit: r.Limit, Size: limit.Size{Output: tokens}, Patience: patience,
	}
	for _, w := range with {
		w(&v)
	}
	return t.reserveAs(v)
}

// entryOf is the entry of a call of a task as it was claimed.
func entryOf(r *pawl.TaskRow, key string, kind pawl.EntryKind) pawl.Entry {
	return pawl.Entry{
		Kind: kind, Task: r.ID, Run: r.Run, Attempt: r.Attempt, Key: key, Calls: 1,
		Operation: r.Operation, Queue: r.Queue, User: r.User, Limit: r.Limit,
	}
}

// unknown is the entry of a priced call whose outcome is unknown.
func unknown(r *pawl.TaskRow, key string, input, output int64) pawl.Entry {
	e := entryOf(r, key, pawl.EntryUnknown)
	e.Model, e.Currency, e.Usage = "m1", "USD", llm.Usage{Input: input, Output: output}
	e.Cost = price.Money(3*input + 15*output)
	return e
}

func at(when time.Time, e pawl.Entry) pawl.Entry {
	e.At = when
	return e
}

// inLedger returns all entries that a filter selects, page by page.
func (t *trial) inLedger(f pawl.LedgerFilter) []pawl.Entry {
	t.Helper()
	var all []pawl.Entry
	for {
		page, err := t.store.Entries(t.ctx, t.now, f)
		t.must("Entries", err)
		all = append(all, page.Entries...)
		if page.Next.IsZero() {
			return all
		}
		if !page.Next.After(f.Since) || !page.Next.Equal(page.Next.Truncate(time.Hour)) {
			t.Fatalf("Entries since %v: Next = %v; want the start of a later hour", f.Since, page.Next)
		}
		f.Since = page.Next
	}
}

// entries checks all entries of the ledger.
func (t *trial) entries(want ...pawl.Entry) {
	t.Helper()
	same(t, t.inLedger(pawl.LedgerFilter{}), want)
}

// sums is one call of Usage.
func (t *trial) sums(f pawl.LedgerFilter, by ...pawl.Dimension) []pawl.UsageRow {
	t.Helper()
	rows, err := t.store.Usage(t.ctx, t.now, f, by)
	t.must("Usage", err)
	return rows
}
