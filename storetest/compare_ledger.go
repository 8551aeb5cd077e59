package storetest

import (
	"cmp"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// priced says what a call is about and what it may cost.
func (p *pair) priced(r *pawl.Reservation) {
	r.Step, r.State = oneOf(p, "", "ask#1", "ask#2"), oneOf[uint64](p, 0, 0, 1<<40, 2<<40)
	if r.Model = oneOf(p, "", "m0", "m1", "m2"); r.Model > "m0" {
		r.Rates, r.Currency = &rates, "USD"
	}
}

// savings are answers that a task's attempt did not pay.
func (p *pair) savings(r *pawl.TaskRow) []pawl.Saving {
	all := make([]pawl.Saving, 1+p.IntN(2))
	for i := range all {
		all[i] = pawl.Saving{
			Kind: oneOf(p, pawl.EntryRetried, pawl.EntrySimilar, pawl.EntryShadow), Model: oneOf(p, "m1", "m2"), Currency: "USD", Of: r.ID,
			Sum: pawl.Sum{Calls: 1 + p.Int64N(3), Usage: llm.Usage{Input: p.Int64N(99), Reasoning: p.Int64N(9)}, Cost: price.Money(p.IntN(2000))},
		}
	}
	return all
}

// models are answered calls of several models, one of which has no price.
func (p *pair) models() pawl.ModelSums {
	return pawl.ModelSums{
		{Model: "m1", Sum: pawl.Sum{Calls: 1 + p.Int64N(3), Usage: llm.Usage{Input: p.Int64N(99)}, Cost: price.Money(p.IntN(2000))}, Currency: "USD"},
		{Model: "m0", Sum: pawl.Sum{Calls: 1, Usage: llm.Usage{Output: p.Int64N(99), Reasoning: p.Int64N(9)}}},
	}
}

// caps returns a budget with caps, and now and then without.
func (p *pair) caps(b pawl.Budget) *pawl.Budget {
	b.Tokens = oneOf[int64](p, 0, 1000, 3000, 9000)
	b.Money = oneOf[price.Money](p, 0, 0, 0, 20_000, 90_000)
	b.Calls = oneOf[int64](p, 0, 0, 3, 20)
	b.Warn = oneOf(p, 0, 0.5)
	if b.Scope == pawl.OfRun || b.Scope == "" {
		b.Tokens = oneOf[int64](p, 0, 0, 0, 9000)
		if b.Per == pawl.ForGood {
			b.Repeats = oneOf(p, 0, 1, 1, 2)
		}
	}
	return &b
}

// budget returns a setting of a budget.
func (p *pair) budget() pawl.Setting {
	b := pawl.Budget{Scope: oneOf(p, pawl.Scopes()...), Per: oneOf(p, pawl.ForGood, pawl.PerDay, pawl.PerMonth)}
	switch b.Scope {
	case pawl.OfQueue:
		b.Name = oneOf(p, "", "x")
	case pawl.OfOperation:
		b.Name = oneOf(p, "", "work")
	case pawl.OfUser:
		b.Name = oneOf(p, "", "ann")
	case pawl.OfRun:
		if p.chance(2) && len(p.held) > 0 {
			b.Name = oneOf(p, p.held...).Run.String()
		}
	}
	return pawl.Setting{Budget: p.caps(b), Raise: p.chance(2), Remove: p.chance(4)}
}

// parkStopped is the end of the attempt of a task that a budget has stopped, not long
// ago or long ago.
func (p *pair) parkStopped() pawl.Finish {
	s := oneOf(p, p.stops[max(0, len(p.stops)-4):]...)
	f := outcome(s.row, pawl.Blocked)
	f.Park = &pawl.Park{Stop: s.by}
	if s.by.Until.After(p.now) {
		f.Delay = s.by.Until.Sub(p.now)
	}
	return f
}

// resume has go on what waits for a budget, whether that has changed or not.
func (p *pair) resume() {
	f := pawl.Filter{User: oneOf(p, "", "", "ann"), Max: oneOf(p, 0, 1)}
	c := pawl.Change{Do: pawl.Resume, Budget: oneOf(p, "all", "user/*")}
	if len(p.stops) > 0 {
		c.Budget = oneOf(p, p.stops...).by.Budget
	}
	p.due = true
	_, _ = both(p, "Change "+string(c.Do), []any{f, c}, func(s pawl.Store) ([]pawl.ID, error) { return s.Change(p.ctx, p.now, f, c) }, as)
}

// ledgerFilter selects some entries.
func (p *pair) ledgerFilter() (f pawl.LedgerFilter) {
	f.Operation = oneOf(p, "", "", "", "work")
	f.Queue = oneOf(p, "", "", "", "x")
	f.User = oneOf(p, "", "", "", "ann")
	f.Limit = oneOf(p, "", "", "", "a", pawl.NoLimit)
	f.Model = oneOf(p, "", "", "", "m1")
	if len(p.held) > 0 && p.chance(4) {
		f.Run = oneOf(p, p.held...).Run
	}
	if p.chance(3) {
		f.Kinds = []pawl.EntryKind{oneOf(p, pawl.EntryKinds()...), oneOf(p, append(pawl.EntryKinds(), "free")...)}
	}
	f.Since = oneOf(p, time.Time{}, start.Add(time.Hour), p.now)
	f.Until = oneOf(p, time.Time{}, start.Add(2*time.Hour), p.now)
	return f
}

// dimensions returns some of them, and now and then one that is none.
func (p *pair) dimensions() (by []pawl.Dimension) {
	for range p.IntN(4) {
		by = append(by, oneOf(p, pawl.Dimensions()...))
	}
	if p.chance(20) {
		by = append(by, "colour")
	}
	return by
}

// ledger compares the entries of the ledger and their sums.
func (p *pair) ledger(f pawl.LedgerFilter, by ...pawl.Dimension) {
	_, _ = both(p, "Usage", []any{f, by}, func(s pawl.Store) ([]pawl.UsageRow, error) { return s.Usage(p.ctx, p.now, f, by) }, as)
	_, _ = both(p, "Entries", f, func(s pawl.Store) (all []pawl.Entry, err error) {
		for f := f; ; {
			page, err := s.Entries(p.ctx, p.now, f)
			if all = append(all, page.Entries...); err != nil || page.Next.IsZero() {
				return all, err
			}
			f.Since = page.Next
		}
	}, viewEntries)
}

// viewEntries sorts those that a store may have in any order: of one task and moment,
// without a key.
func viewEntries(entries []pawl.Entry) []pawl.Entry {
	slices.SortStableFunc(entries, func(a, b pawl.Entry) int {
		return cmp.Or(a.At.Compare(b.At), slices.Compare(a.Task[:], b.Task[:]), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Model, b.Model), cmp.Compare(a.Cost, b.Cost), cmp.Compare(a.Usage.Input, b.Usage.Input), cmp.Compare(a.Calls, b.Calls))
	})
	return entries
}
