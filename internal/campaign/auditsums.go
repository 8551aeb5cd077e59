package main

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// auditSplits are the ways in which the ledger is summed up.
var auditSplits = [][]pawl.Dimension{
	{}, {pawl.ByModel}, {pawl.ByUser}, {pawl.ByOperation}, {pawl.ByQueue}, {pawl.ByLimit}, {pawl.ByRun},
	{pawl.ByHour}, {pawl.ByDay}, {pawl.ByUser, pawl.ByOperation, pawl.ByModel}, {pawl.ByDay, pawl.ByUser, pawl.ByLimit},
}

// split is what the store says that its ledger amounts to.
type split struct {
	by   []pawl.Dimension
	rows []pawl.UsageRow
}

// check compares the sums with a plain addition of the entries, and returns how many
// there are.
func (s *split) check(b *breaches, entries []pawl.Entry) int {
	want := map[pawl.UsageKey]*pawl.UsageRow{}
	for i := range entries {
		s.addTo(want, &entries[i])
	}
	for i := range s.rows {
		got := &s.rows[i]
		if plain := want[got.UsageKey]; plain == nil || !reflect.DeepEqual(got, plain) {
			b.add(otherSum, "by %v: %+v; the entries amount to %+v", s.by, got, plain)
		}
		delete(want, got.UsageKey)
	}
	for key := range want {
		b.add(otherSum, "by %v: there is no sum of %+v", s.by, key)
	}
	return len(s.rows)
}

func (s *split) addTo(all map[pawl.UsageKey]*pawl.UsageRow, e *pawl.Entry) {
	key := pawl.UsageKey{Currency: e.Currency}
	for _, d := range s.by {
		switch d {
		case pawl.ByHour:
			key.From = e.At.UTC().Truncate(time.Hour)
		case pawl.ByDay:
			key.From = e.At.UTC().Truncate(24 * time.Hour)
		case pawl.ByOperation:
			key.Operation = e.Operation
		case pawl.ByQueue:
			key.Queue = e.Queue
		case pawl.ByUser:
			key.User = e.User
		case pawl.ByLimit:
			key.Limit = e.Limit
		case pawl.ByModel:
			key.Model = e.Model
		case pawl.ByRun:
			key.Run = e.Run
		}
	}
	row := all[key]
	if row == nil {
		row = &pawl.UsageRow{UsageKey: key, Sums: map[pawl.EntryKind]pawl.Sum{}}
		all[key] = row
	}
	one := pawl.Sum{Calls: e.Calls, Usage: e.Usage, Cost: e.Cost}
	row.Sums[e.Kind] = row.Sums[e.Kind].Plus(one)
	row.CacheSaved += e.CacheSaved
	if e.Kind == pawl.EntryAnswered && e.Currency == "" {
		row.Unpriced = row.Unpriced.Plus(one)
	}
	if e.Again != "" && (e.Kind == pawl.EntryAnswered || e.Kind == pawl.EntryUnknown) {
		row.Again++
	}
	if e.Waited > 0 {
		row.Waited++
	}
}

// checkSavings compares what retries, and users who asked twice, are said to have saved
// with the answers that were taken.
func (k *books) checkSavings(b *breaches, s *auditSums) {
	tasks, runs := map[pawl.ID]*pawl.TaskRow{}, map[pawl.ID][]*pawl.TaskRow{}
	for _, r := range k.rows {
		tasks[r.ID] = r
		runs[r.Run] = append(runs[r.Run], r)
	}
	type part struct {
		task    pawl.ID
		attempt int
	}
	retried := map[part]int{}
	for _, e := range k.entries {
		var want pawl.Sum
		switch r := tasks[e.Task]; {
		case !e.Kind.IsSaving():
			continue
		case e.Kind == pawl.EntryJoined || e.Kind == pawl.EntryReused: // by a task that never was
			want = k.used(runs[e.Run])
		case r == nil:
			b.add(otherSaving, "%+v is of a task that is not there", e)
			continue
		case e.Kind == pawl.EntryRetried:
			retried[part{e.Task, e.Attempt}]++
			want = k.stored(r, e.Attempt)
			s.spared = s.spared.Plus(want)
		}
		if e.Cost != 0 && e.Currency != k.prices.Currency {
			b.add(otherSaving, "%s of %s cost %v %q; want it in %s", e.Kind, e.Task, e.Cost, e.Currency, k.prices.Currency)
		}
		if got := (pawl.Sum{Calls: e.Calls, Usage: e.Usage, Cost: e.Cost}); got != want {
			b.add(otherSaving, "%s of attempt %d of %s: %+v; want %+v", e.Kind, e.Attempt, e.Task, got, want)
		}
	}
	for _, r := range k.rows {
		for _, a := range r.Attempts {
			want := 0
			if a.Class != pawl.Lost && a.Class != pawl.Poisoned && k.stored(r, a.Number).Calls > 0 {
				want = 1
			}
			if got := retried[part{r.ID, a.Number}]; got != want {
				b.add(otherSaving, "attempt %d (%q) of %s: %d entries of stored answers that it took; want %d", a.Number, a.Class, r.ID, got, want)
			}
		}
	}
}

// used returns what the answers amount to that the tasks of a run have stored.
func (k *books) used(run []*pawl.TaskRow) (s pawl.Sum) {
	for _, r := range run {
		for _, a := range r.Attempts {
			s = s.Plus(k.stored(r, a.Number+1)).Plus(minusSum(k.stored(r, a.Number)))
		}
	}
	return s
}

func minusSum(s pawl.Sum) pawl.Sum {
	return pawl.Sum{Calls: -s.Calls, Usage: minus(s.Usage), Cost: -s.Cost}
}

// stored returns what the answers cost that attempts before the given one have stored.
func (k *books) stored(r *pawl.TaskRow, before int) (s pawl.Sum) {
	for _, step := range callsOf(r) {
		if step.Attempt >= before {
			continue
		}
		s.Calls++
		s.Usage = s.Usage.Add(step.Usage)
		s.Cost += k.cost(r.ID, step)
	}
	return s
}

// cost is the price of a stored answer.
func (k *books) cost(task pawl.ID, step *pawl.StepRow) price.Money {
	for i := range k.entries {
		if e := &k.entries[i]; e.Kind == pawl.EntryAnswered && e.Task == task && e.Attempt == step.Attempt && e.Usage == step.Usage {
			return e.Cost
		}
	}
	return 0
}

// checkBudgets compares what is spent of budgets with the entries: what is answered, and
// what is expected of calls that are unknown.
func (k *books) checkBudgets(b *breaches) {
	for i := range k.budgets {
		s := &k.budgets[i]
		want := map[string]pawl.Spent{}
		for _, e := range k.entries {
			name := ""
			switch s.Scope {
			case pawl.OfUser:
				name = e.User
			case pawl.OfOperation:
				name = e.Operation
			}
			want[name] = want[name].Plus(spentBy(&e))
		}
		got := map[string]pawl.Spent{}
		for _, a := range s.Accounts {
			got[a.Name] = a.Spent
			if a.Reserved != (pawl.Spent{}) {
				b.add(leaked, "budget %s of %q has %+v reserved", s, a.Name, a.Reserved)
			}
		}
		if !maps.Equal(got, want) {
			b.add(otherBudget, "budget %s is spent %+v; the ledger says %+v", s, got, want)
		}
	}
	if names := len(auditBudgets); len(k.budgets) != names {
		b.add(otherBudget, "there are %d budgets; want %d", len(k.budgets), names)
	}
}

func spentBy(e *pawl.Entry) (s pawl.Spent) {
	if slices.Contains([]pawl.EntryKind{pawl.EntryAnswered, pawl.EntryUnknown}, e.Kind) {
		s = pawl.Spent{Tokens: e.Usage.Total(), Money: e.Cost, Calls: 1}
	}
	if e.Kind == pawl.EntryFailed {
		s.Calls = 1
	}
	return s
}

// tokens shows the kinds of tokens.
func tokens(u llm.Usage) string {
	return digits(u.Input) + " input, " + digits(u.Output) + " output (" + digits(u.Reasoning) + " reasoning), " +
		digits(u.CacheRead) + " cache read, " + digits(u.CacheWrite) + " cache write"
}
