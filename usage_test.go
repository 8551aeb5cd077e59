package pawl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/price"
)

// entries returns the ledger, without what differs from run to run.
func entries(t *testing.T, c *pawl.Client, f pawl.LedgerFilter) []pawl.Entry {
	t.Helper()
	var all []pawl.Entry
	for e, err := range c.Entries(t.Context(), f) {
		must(t, err)
		all = append(all, e)
	}
	return all
}

// usage returns the sums of the ledger.
func usage(t *testing.T, c *pawl.Client, by ...pawl.Dimension) []pawl.UsageRow {
	t.Helper()
	var all []pawl.UsageRow
	for r, err := range c.Usage(t.Context(), pawl.LedgerFilter{}, by...) {
		must(t, err)
		all = append(all, r)
	}
	return all
}

var byChance = cmpopts.IgnoreFields(pawl.Entry{}, "At", "Task", "Run", "Key", "Waited", "Of", "Again")

func TestEachCallIsInTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := &llm.Error{Class: llm.Transient, Status: 500, Message: "internal error"}
		m := &model{answer: failFirst(1, broken)}
		c := newClient(newStore(t), pawl.Config{Prices: testPrices})
		asks.Handle(c, asking(m))
		start(t, c)
		run := add(t, c, asks, "hello", pawl.User("ann"))
		result(t, run)
		got := entries(t, c, pawl.LedgerFilter{})
		one := pawl.Entry{Kind: pawl.EntryFailed, Attempt: 1, Operation: "ask", Queue: "default", User: "ann", Limit: "default", Model: "test", Class: llm.Transient, Calls: 1}
		two := one
		two.Kind, two.Attempt, two.Class = pawl.EntryAnswered, 2, ""
		two.Usage, two.Cost, two.Currency = llm.Usage{Input: 10, Output: 5}, 20_000, "EUR"
		if diff := cmp.Diff([]pawl.Entry{one, two}, got, byChance); diff != "" {
			t.Errorf("the ledger (-want +got):\n%s", diff)
		}
		if r := row(t, c, run.ID); r.LastAttempt().Cost != 20_000 {
			t.Errorf("the attempt cost %v; want 0.00002", r.LastAttempt().Cost)
		}
		_, err := c.Delete(t.Context(), pawl.Filter{})
		must(t, err)
		rows := usage(t, c, pawl.ByUser, pawl.ByModel)
		want := []pawl.UsageRow{
			{UsageKey: pawl.UsageKey{User: "ann", Model: "test"}, Sums: map[pawl.EntryKind]pawl.Sum{pawl.EntryFailed: {Calls: 1}}},
			{UsageKey: pawl.UsageKey{User: "ann", Model: "test", Currency: "EUR"}, Sums: map[pawl.EntryKind]pawl.Sum{
				pawl.EntryAnswered: {Calls: 1, Usage: llm.Usage{Input: 10, Output: 5}, Cost: 20_000},
			}},
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("after the task is deleted (-want +got):\n%s", diff)
		}
	})
}

func TestAModelWithoutAPriceIsCountedInTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Prices: &price.Table{Date: "2026-01-01", Currency: "EUR", Models: map[string]price.Rates{"another": {Input: 1}}}})
		asks.Handle(c, asking(&model{}))
		start(t, c)
		result(t, add(t, c, asks, "hello"))
		rows := usage(t, c)
		if len(rows) != 1 || rows[0].Currency != "" || rows[0].Unpriced != (pawl.Sum{Calls: 1, Usage: llm.Usage{Input: 10, Output: 5}}) {
			t.Errorf("Usage = %+v; want one call that is unpriced", rows)
		}
	})
}

func TestARetrySavesWhatItTakesFromTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, fails := &model{}, true
		c := newClient(newStore(t), pawl.Config{Prices: testPrices})
		asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			for _, q := range []string{"one", "two"} {
				if _, err := t.Ask(ctx, m, q); err != nil {
					return "", err
				}
			}
			if fails {
				fails = false
				return "", errors.New("the file is not there yet")
			}
			return "done", nil
		})
		start(t, c)
		run := add(t, c, asks, "x")
		result(t, run)
		saved := entries(t, c, pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryRetried}})
		want := []pawl.Entry{{
			Kind: pawl.EntryRetried, Attempt: 2, Operation: "ask", Queue: "default", Limit: "default", Model: "test", Calls: 2,
			Usage: llm.Usage{Input: 20, Output: 10}, Cost: 40_000, Currency: "EUR",
		}}
		if diff := cmp.Diff(want, saved, byChance); diff != "" || m.calls() != 2 {
			t.Errorf("%d calls; savings (-want +got):\n%s", m.calls(), diff)
		}
	})
}

// asBefore is a store whose steps are as earlier versions wrote them: with what a call did
// cost in its result.
type asBefore struct{ pawl.Store }

func (b asBefore) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	for i := range saves {
		s := *saves[i].Step
		paid := fmt.Appendf(nil, `{"paid":{"model":%q,"currency":%q,"cost":%s}}`, s.Model, s.Currency, s.Cost)
		s.Result = append(paid, bytes.TrimPrefix(s.Result, []byte("{}"))...)
		s.Model, s.Currency, s.Cost = "", "", 0
		saves[i].Step = &s
	}
	return b.Store.Save(ctx, now, saves)
}

func TestARetrySavesWhatAnEarlierVersionPaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(asBefore{newStore(t)}, pawl.Config{Prices: testPrices})
		asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			if _, err := t.Ask(ctx, &model{}, "one"); err != nil || t.Attempt > 1 {
				return "done", err
			}
			return "", errors.New("the file is not there yet")
		})
		start(t, c)
		result(t, add(t, c, asks, "x"))
		saved := entries(t, c, pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryRetried}})
		want := []pawl.Entry{{
			Kind: pawl.EntryRetried, Attempt: 2, Operation: "ask", Queue: "default", Limit: "default", Model: "test", Calls: 1,
			Usage: llm.Usage{Input: 10, Output: 5}, Cost: 20_000, Currency: "EUR",
		}}
		if diff := cmp.Diff(want, saved, byChance); diff != "" {
			t.Errorf("savings (-want +got):\n%s", diff)
		}
	})
}

// A handler that goes on after a wait takes its own answers up again: nobody would have
// paid for these twice.
func TestAWaitSavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := newClient(newStore(t), pawl.Config{Prices: testPrices})
		asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			if _, err := t.Ask(ctx, m, "may I?"); err != nil {
				return "", err
			}
			return pawl.Await[string](ctx, "approval")
		})
		start(t, c)
		run := add(t, c, asks, "x")
		idle()
		must(t, c.Signal(t.Context(), run.ID, "approval", "yes"))
		result(t, run)
		if saved := entries(t, c, pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryRetried}}); len(saved) > 0 {
			t.Errorf("savings: %+v; want none", saved)
		}
	})
}

func TestWhatIsJoinedOrReusedIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: func(ctx context.Context, n int) (*llm.Response, error) {
			time.Sleep(time.Second)
			return say("yes"), nil
		}}
		c := newClient(newStore(t), pawl.Config{Prices: testPrices})
		asks.Handle(c, asking(m))
		start(t, c)
		first := add(t, c, asks, "x")
		second := add(t, c, asks, "x")
		if kinds := kindsOf(entries(t, c, pawl.LedgerFilter{})); len(kinds) > 0 {
			t.Errorf("entries before the end: %v; want none: nobody knows what is saved", kinds)
		}
		result(t, first)
		result(t, second)
		third := add(t, c, asks, "x", pawl.Reuse(time.Hour))
		result(t, third)
		want := []pawl.EntryKind{pawl.EntryAnswered, pawl.EntryJoined, pawl.EntryReused}
		got := entries(t, c, pawl.LedgerFilter{})
		kinds := kindsOf(got)
		slices.Sort(kinds)
		if !slices.Equal(kinds, want) || m.calls() != 1 {
			t.Fatalf("entries %v after %d calls; want %v after 1", kinds, m.calls(), want)
		}
		for _, e := range got {
			if e.Calls != 1 || e.Usage != (llm.Usage{Input: 10, Output: 5}) || e.Cost != 20_000 || e.Currency != "EUR" || e.Model != "test" {
				t.Errorf("%s: %+v; want what the one call of model test used, in euros", e.Kind, e)
			}
		}
	})
}

func kindsOf(entries []pawl.Entry) []pawl.EntryKind {
	var kinds []pawl.EntryKind
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestCallsThatWaitInsteadOfBeingRefusedAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": {Requests: 60}}})
		asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			for range 20 {
				if _, err := t.Ask(ctx, &model{}, "again"); err != nil {
					return "", err
				}
			}
			return "done", nil
		})
		start(t, c)
		result(t, add(t, c, asks, "x"))
		rows := usage(t, c)
		if len(rows) != 1 || rows[0].Sent() != 20 || rows[0].Waited < 5 || rows[0].Waited > 15 {
			t.Errorf("Usage = %+v; want 20 calls, most of which waited", rows)
		}
	})
}

// A call that goes to another model, for the first one's answer was lost within the
// attempt, may be paid twice as well.
func TestACallThatFallsBackSaysForWhich(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &model{answer: failFirst(9, &llm.Error{Class: llm.Ambiguous})}
		second := &model{answer: failFirst(1, &llm.Error{Class: llm.Transient, Status: 503})}
		c := newClient(newStore(t), pawl.Config{Prices: testPrices})
		asks.Handle(c, asking(pawl.ModelWithFallback(first, second)))
		start(t, c)
		result(t, add(t, c, asks, "x"))
		var got []string
		for _, e := range entries(t, c, pawl.LedgerFilter{}) {
			got = append(got, fmt.Sprintf("%d: %s, again %v", e.Attempt, e.Kind, e.Again != ""))
		}
		want := []string{"1: unknown, again false", "1: failed, again true", "2: unknown, again true", "2: answered, again true"}
		if !slices.Equal(got, want) {
			t.Errorf("entries: %q; want %q", got, want)
		}
	})
}

// hung is a store whose first write of an answer does not come back.
type hung struct {
	pawl.Store
	once sync.Once
}

func (h *hung) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	h.once.Do(func() { <-ctx.Done() })
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return h.Store.Save(ctx, now, saves)
}

// An answer that the store did not take in time was sent: the attempt does not ask for it
// again, and the next one says that it may be paid twice.
func TestACallWhoseAnswerIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := newClient(&hung{Store: newStore(t)}, pawl.Config{Prices: testPrices})
		asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (out string, err error) {
			for range 3 {
				if out, err = asking(m)(ctx, t); err == nil {
					return out, nil
				}
			}
			return "", err
		})
		start(t, c)
		result(t, add(t, c, asks, "x"))
		all := entries(t, c, pawl.LedgerFilter{})
		if kinds := kindsOf(all); m.calls() != 2 || !slices.Equal(kinds, []pawl.EntryKind{pawl.EntryUnknown, pawl.EntryAnswered}) || all[1].Again != all[0].Key {
			t.Errorf("entries after %d calls: %+v; want an unknown one, and one that is answered for it, after 2", m.calls(), all)
		}
	})
}

// An answer that the store did not take in time is no reason to pay another model too: the
// next attempt asks the same one again, and nothing of the first counts as answered.
func TestACallWhoseAnswerIsNotStoredGoesToNoOtherModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, other := &model{}, &model{}
		c := newClient(&hung{Store: newStore(t)}, pawl.Config{Prices: testPrices})
		asks.Handle(c, asking(pawl.ModelWithFallback(m, other)))
		start(t, c)
		run := add(t, c, asks, "x")
		result(t, run)
		if all := entries(t, c, pawl.LedgerFilter{}); m.calls() != 2 || other.calls() != 0 || len(all) != 2 || all[1].Again != all[0].Key {
			t.Errorf("entries after %d calls, and %d to the other model: %+v; want the second to the same model, for the first", m.calls(), other.calls(), all)
		}
		first := row(t, c, run.ID).Attempts[0]
		if first.Calls != 1 || first.Unknown != 1 || first.Cost != 0 || first.Usage != (llm.Usage{}) {
			t.Errorf("the first attempt: %+v; want one call of which the outcome is unknown, and nothing used", first)
		}
	})
}

// A worker that dies while a call is under way leaves the call in the ledger as unknown;
// the one that is sent in its place says so.
func TestACallThatIsSentAgainSaysForWhich(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		doomed := &mortal{Store: store}
		m := &model{answer: func(ctx context.Context, n int) (*llm.Response, error) {
			if n == 1 {
				doomed.die()
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return say("yes"), nil
		}}
		run := func(s pawl.Store) *pawl.Client {
			c := newClient(s, pawl.Config{Prices: testPrices})
			asks.Handle(c, asking(m))
			start(t, c)
			return c
		}
		first := add(t, run(doomed), asks, "x")
		idle()
		c := run(store)
		_, err := c.Get(t.Context(), first.ID)
		must(t, err)
		time.Sleep(time.Minute)
		idle()
		all := entries(t, c, pawl.LedgerFilter{})
		if kinds := kindsOf(all); !slices.Equal(kinds, []pawl.EntryKind{pawl.EntryUnknown, pawl.EntryAnswered}) {
			t.Fatalf("entries: %v; want an unknown call, and the answered one", kinds)
		}
		if all[1].Again != all[0].Key || all[0].Usage.Total() == 0 || all[0].Cost == 0 {
			t.Errorf("the call is sent again for %q; want %q, of which something was expected: %+v", all[1].Again, all[0].Key, all[0])
		}
	})
}

// Who joins a task has not paid for any of its calls: neither for those of a worker that
// died, nor less for them because the task is removed at once.
// named is a model by another name.
type named struct {
	model
	name string
}

func (n *named) Encode(r llm.Request) (json.RawMessage, error) {
	r.MaxTokens = 100
	return anthropic.API{}.Encode(n.name, r)
}

func TestWhatIsJoinedIsSavedByModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		priced, other := &model{}, &named{name: "other"} // which has no price
		c := newClient(newStore(t), pawl.Config{Prices: testPrices})
		asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			for _, m := range []llm.Model{priced, other, other} {
				if _, err := t.Ask(ctx, m, "go on"); err != nil {
					return "", err
				}
			}
			return "done", nil
		})
		first := add(t, c, asks, "x", pawl.User("bob"))
		add(t, c, asks, "x", pawl.User("bob"))
		start(t, c)
		result(t, first)
		idle()
		saved := pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryJoined}, User: "bob"}
		want := []pawl.Entry{
			{Kind: pawl.EntryJoined, Operation: "ask", Queue: "default", User: "bob", Limit: "default", Model: "other", Calls: 2, Usage: llm.Usage{Input: 20, Output: 10}},
			{Kind: pawl.EntryJoined, Operation: "ask", Queue: "default", User: "bob", Limit: "default", Model: "test", Calls: 1, Usage: llm.Usage{Input: 10, Output: 5}, Cost: 20_000, Currency: "EUR"},
		}
		if diff := cmp.Diff(want, entries(t, c, saved), byChance); diff != "" {
			t.Errorf("what joining saved (-want +got):\n%s", diff)
		}
		saved.Model = "other"
		if diff := cmp.Diff(want[:1], entries(t, c, saved), byChance); diff != "" {
			t.Errorf("what joining saved of model other (-want +got):\n%s", diff)
		}
		a := row(t, c, first.ID).LastAttempt()
		if sum, _ := a.Models.Total(); len(a.Models) != 2 || sum != (pawl.Sum{Calls: 3, Usage: a.Usage, Cost: a.Cost}) || a.Calls != 3 {
			t.Errorf("the attempt is %+v; want its calls by two models, which are all that it has", a)
		}
	})
}

func TestWhatIsJoinedSavesTheCallsOfADeadWorkerToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		doomed, stored := &mortal{Store: store}, 0
		doomed.after = func(s pawl.Save) {
			if s.Step != nil {
				if stored++; stored == 2 {
					doomed.die()
				}
			}
		}
		m := &model{}
		run := func(s pawl.Store) *pawl.Client {
			c := newClient(s, pawl.Config{Prices: testPrices})
			asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
				for _, q := range []string{"one", "two", "three"} {
					if _, err := t.Ask(ctx, m, q); err != nil {
						return "", err
					}
				}
				return "done", nil
			})
			start(t, c)
			return c
		}
		first := add(t, run(doomed), asks, "x")
		idle()
		c := run(store)
		add(t, c, asks, "x")
		result(t, first)
		attempts := row(t, c, first.ID).Attempts
		if len(attempts) != 2 || attempts[0].Cost != 40_000 || attempts[0].Currency != "EUR" || attempts[1].Cost != 20_000 {
			t.Fatalf("attempts = %+v; want the dead worker's with two calls paid, and one with the third", attempts)
		}
		_, err := c.Delete(t.Context(), pawl.Filter{})
		must(t, err)
		var saved []pawl.Sum
		for _, e := range entries(t, c, pawl.LedgerFilter{Kinds: []pawl.EntryKind{pawl.EntryJoined}}) {
			saved = append(saved, pawl.Sum{Calls: e.Calls, Usage: e.Usage, Cost: e.Cost})
		}
		if want := (pawl.Sum{Calls: 3, Usage: llm.Usage{Input: 30, Output: 15}, Cost: 60_000}); !slices.Equal(saved, []pawl.Sum{want}) {
			t.Errorf("joined: %+v; want %+v once", saved, want)
		}
	})
}
