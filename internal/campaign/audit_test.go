package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

// agrees carries out an audit of some seconds, and fails the test if the ledgers differ
// or if it has proved nothing.
func agrees(t *testing.T, store string) {
	t.Helper()
	p := small
	p.Store, p.Audit, p.Kills, p.Rate, p.Seed = store, true, 2, 12, rand.Uint64()
	t.Log("repeat:", p.repeat())
	r, err := p.audit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []pawl.EntryKind{pawl.EntryAnswered, pawl.EntryFailed, pawl.EntryRefused, pawl.EntryUnknown} {
		if r.kinds[kind] == 0 {
			t.Errorf("no call was %s; want some, or it proves nothing", kind)
		}
	}
	if r.twice == 0 || r.spared.Calls == 0 || r.answered.CacheRead == 0 || r.answered.Reasoning == 0 {
		t.Errorf("%d answers paid twice, %d taken by retries, %+v used; want some of each", r.twice, r.spared.Calls, r.answered)
	}
}

func TestSQLiteLedgerIsTheProviders(t *testing.T)   { agrees(t, "sqlite") }
func TestPostgresLedgerIsTheProviders(t *testing.T) { agrees(t, "postgres") }
func TestRedisLedgerIsTheProviders(t *testing.T)    { agrees(t, "redis") }

// goodBooks are those of one task with two questions. The answer to the first one was
// lost and paid again. The second one was refused, then a worker died before it had sent
// it, and then it was answered.
func goodBooks() *books {
	row := &pawl.TaskRow{
		ID: pawl.NewID(), State: pawl.Succeeded, Operation: "read", Queue: "q", User: "ann", Attempt: 4, Input: []byte(`{"Number":7}`),
		Attempts: []pawl.Attempt{
			{Number: 1, Class: llm.Ambiguous, Calls: 1, Unknown: 1}, {Number: 2, Class: llm.Throttled, Calls: 2, Failed: 1},
			{Number: 3, Class: pawl.Lost, Calls: 1, Unknown: 1}, {Number: 4, Calls: 1},
		},
	}
	began := func(attempt int) time.Time { return noon.Add(time.Duration(attempt) * time.Minute) }
	for i := range row.Attempts {
		row.Attempts[i].Started = began(i + 1)
	}
	row.Run = row.ID
	const model = "claude-haiku-4-5"
	rates, _ := prices.Find(model)
	used := [...]llm.Usage{{Input: 70, Output: 20, CacheWrite: 1300}, {Input: 90, Output: 30, CacheRead: 1300}}
	k := &books{rows: []*pawl.TaskRow{row}, prices: prices, calls: map[inquiry][]llmsim.Record{}}
	record := func(question, attempt int, r llmsim.Record) {
		what := inquiry{row.ID, question}
		r.Seq, r.Hash, r.Model, r.Start = int64(len(k.calls[what])), uint64(question), model, began(attempt).Add(time.Second)
		k.calls[what] = append(k.calls[what], r)
	}
	record(1, 1, llmsim.Record{Fault: llmsim.ResetAfter, Billed: true, Usage: used[0]})
	record(1, 2, llmsim.Record{Status: 200, Billed: true, Delivered: true, Usage: used[0]})
	record(2, 2, llmsim.Record{Fault: llmsim.RateLimited, Status: 429})
	record(2, 4, llmsim.Record{Status: 200, Billed: true, Delivered: true, Usage: used[1]})
	enter := func(question, attempt int, e pawl.Entry) {
		e.At, e.Task, e.Run, e.Operation, e.Queue, e.User, e.Limit, e.Model = noon, row.ID, row.Run, row.Operation, row.Queue, row.User, accountOf(7), model
		e.Key, e.Attempt, e.Calls = fmt.Sprintf("ask:%d#1/%d", question, attempt), attempt, max(e.Calls, 1)
		if e.Usage != (llm.Usage{}) {
			e.Cost, e.Currency = rates.Cost(e.Usage), prices.Currency
		}
		if e.Kind == pawl.EntryAnswered {
			e.CacheSaved = rates.CacheSaved(e.Usage)
		}
		k.entries = append(k.entries, e)
	}
	enter(1, 1, pawl.Entry{Kind: pawl.EntryUnknown, Usage: llm.Usage{Input: 1200, Output: 50}})
	enter(1, 2, pawl.Entry{Kind: pawl.EntryAnswered, Usage: used[0], Again: "ask:1#1/1"})
	enter(2, 2, pawl.Entry{Kind: pawl.EntryRefused})
	enter(2, 3, pawl.Entry{Kind: pawl.EntryUnknown, Usage: llm.Usage{Input: 1200, Output: 50}})
	enter(2, 4, pawl.Entry{Kind: pawl.EntryAnswered, Usage: used[1], Again: "ask:2#1/3"})
	enter(1, 4, pawl.Entry{Kind: pawl.EntryRetried, Usage: used[0], Of: row.ID})
	enter(0, 0, pawl.Entry{Kind: pawl.EntryJoined, Calls: 2, Usage: used[0].Add(used[1]), Of: row.ID})
	for i, attempt := range []int{2, 4} {
		row.Steps = append(row.Steps, pawl.StepRow{
			Key: fmt.Sprintf("ask:%d#1", i+1), Name: "ask", Call: true, Attempt: attempt, Usage: used[i], At: began(attempt).Add(2 * time.Second),
			Result: fmt.Appendf(nil, `{"id":"msg_%016x0001"}`, i+1),
		})
	}
	k.close()
	return k
}

// close sums the books up.
func (k *books) close() {
	for _, by := range auditSplits {
		s, all := split{by: by}, map[pawl.UsageKey]*pawl.UsageRow{}
		for i := range k.entries {
			s.addTo(all, &k.entries[i])
		}
		for _, row := range all {
			s.rows = append(s.rows, *row)
		}
		k.splits = append(k.splits, s)
	}
	spent := pawl.Spent{}
	for i := range k.entries {
		spent = spent.Plus(spentBy(&k.entries[i]))
	}
	for _, b := range auditBudgets {
		name := map[pawl.Scope]string{pawl.OfUser: "ann", pawl.OfOperation: "read"}[b.Scope]
		k.budgets = append(k.budgets, pawl.BudgetStatus{Budget: b, Accounts: []pawl.Account{{Name: name, Spent: spent}}, Of: 1})
	}
}

// differencesOf returns the kinds of difference, each once.
func differencesOf(k *books) (kinds []string, s auditSums) {
	var b breaches
	s = k.check(&b)
	for _, x := range b {
		kinds = append(kinds, x.What)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds), s
}

func TestBooksThatAgreeHaveNoDifference(t *testing.T) {
	k := goodBooks()
	k.cutOff = 1 // the one that did not reach the provider
	got, s := differencesOf(k)
	if len(got) != 0 {
		t.Errorf("differences %v; want none", got)
	}
	if s.received != 4 || s.paidFor != 3 || s.twice != 1 || s.unreceived != 1 || s.unkept.Total() != 1390 || s.spared.Calls != 1 {
		t.Errorf("sums %+v; want 4 calls of which 3 are billed, one of 1,390 tokens in vain", s)
	}
}

func TestEachDifferenceIsFound(t *testing.T) {
	first := func(k *books) []llmsim.Record { return k.calls[inquiry{k.rows[0].ID, 1}] }
	entry := func(k *books, n int) *pawl.Entry { return &k.entries[n] }
	drop := func(k *books, n int) { k.entries = slices.Delete(k.entries, n, n+1) }
	for name, c := range map[string]struct {
		spoil func(*books)
		want  []string // apart from the sums and the budgets, which each change of an entry upsets
	}{
		"a billed call is nowhere":              {func(k *books) { drop(k, 0) }, []string{unaccounted, notNamed}},
		"a billed call is said to have failed":  {func(k *books) { entry(k, 0).Kind = pawl.EntryFailed }, []string{unaccounted, otherTokens, notNamed}},
		"a billed call is said to be refused":   {func(k *books) { entry(k, 0).Kind = pawl.EntryRefused }, []string{unaccounted, otherTokens, notNamed}},
		"a refusal is nowhere":                  {func(k *books) { drop(k, 2) }, []string{unaccounted}},
		"a refusal is said to have failed":      {func(k *books) { entry(k, 2).Kind = pawl.EntryFailed }, []string{unaccounted}},
		"an entry is of no call":                {func(k *books) { entry(k, 3).Kind = pawl.EntryRefused; entry(k, 3).Usage = llm.Usage{} }, []string{unaccounted, notNamed, otherMoney}},
		"the provider was asked by nobody":      {func(k *books) { k.strangers = []llmsim.Record{{Seq: 9}} }, []string{unaccounted}},
		"more calls are cut off than unknown":   {func(k *books) { k.cutOff = 2 }, []string{unaccounted}},
		"the task of a call is gone":            {func(k *books) { k.calls[inquiry{pawl.NewID(), 1}] = first(k)[:1] }, []string{unaccounted}},
		"the task of an entry is gone":          {func(k *books) { entry(k, 0).Task = pawl.NewID() }, []string{unaccounted, notNamed}},
		"an answer is entered twice":            {func(k *books) { k.entries = append(k.entries, *entry(k, 1)) }, []string{unaccounted, notAnswered}},
		"an answer is not entered":              {func(k *books) { drop(k, 1) }, []string{unaccounted, notAnswered, otherSaving}},
		"the stored answer is gone":             {func(k *books) { k.rows[0].Steps = k.rows[0].Steps[:1] }, []string{notAnswered, otherSaving}},
		"another attempt answered":              {func(k *books) { entry(k, 4).Attempt = 5 }, []string{notAnswered, otherSaving}},
		"another number of tokens":              {func(k *books) { entry(k, 4).Usage.Output++ }, []string{otherTokens, otherMoney, otherSaving}},
		"another kind of tokens":                {func(k *books) { entry(k, 4).Usage.Reasoning++ }, []string{otherTokens, otherSaving}},
		"the stored tokens differ":              {func(k *books) { k.rows[0].Steps[1].Usage.Input++ }, []string{otherTokens, otherSaving}},
		"an answer that was never given":        {func(k *books) { k.rows[0].Steps[1].Result = []byte(`{"id":"msg_00000000000000020007"}`) }, []string{otherTokens}},
		"nothing is expected of a lost call":    {func(k *books) { entry(k, 0).Usage = llm.Usage{}; entry(k, 0).Cost, entry(k, 0).Currency = 0, "" }, []string{otherTokens}},
		"another cost":                          {func(k *books) { entry(k, 4).Cost++ }, []string{otherMoney, otherSaving}},
		"another saving by the cache":           {func(k *books) { entry(k, 4).CacheSaved++ }, []string{otherMoney}},
		"another user":                          {func(k *books) { entry(k, 2).User = "bob" }, []string{otherLabels}},
		"another limit":                         {func(k *books) { entry(k, 2).Limit = "other" }, []string{otherLabels}},
		"a call does not name the one before":   {func(k *books) { entry(k, 1).Again = "" }, []string{notNamed}},
		"a call names one that was not before":  {func(k *books) { entry(k, 2).Again = "ask:2#1/1" }, []string{notNamed}},
		"a stored answer is asked for":          {func(k *books) { first(k)[1].Start = noon.Add(time.Hour) }, []string{paidAgain}},
		"a retry is said to have taken nothing": {func(k *books) { drop(k, 5) }, []string{otherSaving}},
		"a retry is said to have taken more":    {func(k *books) { entry(k, 5).Calls = 2 }, []string{otherSaving}},
		"a user is said to have saved more":     {func(k *books) { entry(k, 6).Usage.Input++ }, []string{otherSaving}},
	} {
		k := goodBooks()
		c.spoil(k)
		k.splits, k.budgets = nil, nil
		k.close()
		got, _ := differencesOf(k)
		got = slices.DeleteFunc(got, func(what string) bool { return what == otherBudget }) // of another user
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: differences %q; want %q", name, got, c.want)
		}
	}
}

func TestSumsAndBudgetsThatDifferAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*books)
		want  string
	}{
		"a sum is larger":           {func(k *books) { k.splits[1].rows[0].Again++ }, otherSum},
		"a sum is missing":          {func(k *books) { k.splits[2].rows = k.splits[2].rows[1:] }, otherSum},
		"a sum is of nothing":       {func(k *books) { k.splits[3].rows[0].User = "bob" }, otherSum},
		"a budget is spent more":    {func(k *books) { k.budgets[0].Accounts[0].Spent.Tokens++ }, otherBudget},
		"a budget is not spent":     {func(k *books) { k.budgets[1].Accounts = nil }, otherBudget},
		"a budget is gone":          {func(k *books) { k.budgets = k.budgets[1:] }, otherBudget},
		"a call is reserved for it": {func(k *books) { k.budgets[0].Accounts[0].Reserved.Calls = 1 }, leaked},
	} {
		k := goodBooks()
		c.spoil(k)
		if got, _ := differencesOf(k); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: differences %q; want %q", name, got, c.want)
		}
	}
}
