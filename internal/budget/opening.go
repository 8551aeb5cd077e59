package budget

import (
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// Opening is accounts of a budget that begin with what the ledger has of the present
// period. So a budget that is set in the midst of a month counts all of the month:
//
//  1. Configure makes the budget, and returns which accounts open.
//  2. In the same transaction Open gives them what was settled until then.
//  3. A call that is under way by then has taken nothing from them. When it has ended,
//     Settle charges it to them.
//
// A call is settled in the transaction that enters it into the ledger. So it is in what an
// account opens with, or is charged later, and never both.
type Opening struct {
	Budget string // whose accounts open
	Scope  pawl.Scope
	Name   string // of the one account that opens; "" for each
	Per    pawl.Period
	At     time.Time // when the present period began; zero ForGood
}

// opening returns which accounts open by a setting, nil if none do. They are those of a
// new budget; and where one by name is removed, the account of the one for each, which
// has not counted meanwhile. What is ForGood counts from when it is set, unless it is one
// run's. A budget for each run opens with nothing, for sums know no runs.
func (t *Table) opening(now time.Time, s *pawl.Setting) *Opening {
	of := *s.Budget
	name, there := of.Name, t.there(of.String()) != nil
	opens := !there && !s.Raise
	if s.Remove {
		of.Name = "" // the one for each has its place from now on
		opens = there && name != "" && t.there(of.String()) != nil
	}
	isRun := of.Scope == pawl.OfRun
	if !opens || isRun && name == "" || !isRun && of.Per == pawl.ForGood {
		return nil
	}
	return &Opening{Budget: of.String(), Scope: of.Scope, Name: name, Per: of.Per, At: of.Per.Start(now)}
}

// Openings returns which accounts will open by settings, as far as that can be told
// before any is made.
func (t *Table) Openings(now time.Time, settings []pawl.Setting) []Opening {
	var all []Opening
	for i := range settings {
		if s := &settings[i]; s.Budget != nil {
			if o := t.opening(now, s); o != nil {
				all = append(all, *o)
			}
		}
	}
	return all
}

// counted are the kinds of entries of calls that budgets count.
var counted = []pawl.EntryKind{pawl.EntryAnswered, pawl.EntryFailed, pawl.EntryUnknown}

// Asks returns what to ask the ledger for.
func (o *Opening) Asks() (f pawl.LedgerFilter, by []pawl.Dimension) {
	f = pawl.LedgerFilter{Kinds: counted, Since: o.At, Until: o.Per.End(o.At)}
	switch o.Scope {
	case pawl.OfQueue:
		f.Queue, by = o.Name, []pawl.Dimension{pawl.ByQueue}
	case pawl.OfOperation:
		f.Operation, by = o.Name, []pawl.Dimension{pawl.ByOperation}
	case pawl.OfUser:
		f.User, by = o.Name, []pawl.Dimension{pawl.ByUser}
	case pawl.OfRun:
		f.Run, _ = pawl.ParseID(o.Name) // it was checked
		by = []pawl.Dimension{pawl.ByRun}
	}
	return f, by
}

// Sum adds what the ledger answers to what each account has spent.
func (o *Opening) Sum(spent map[string]pawl.Spent, rows []pawl.UsageRow) {
	for i := range rows {
		r, name := &rows[i], ""
		switch o.Scope {
		case pawl.OfQueue:
			name = r.Queue
		case pawl.OfOperation:
			name = r.Operation
		case pawl.OfUser:
			name = r.User
		case pawl.OfRun:
			name = r.Run.String()
		}
		for kind, sum := range r.Sums {
			spent[name] = spent[name].Plus(spentIn(kind, sum))
		}
	}
}

// spentIn returns what entries of the ledger have taken from budgets: what Worth.Spend
// says of their calls.
func spentIn(kind pawl.EntryKind, s pawl.Sum) pawl.Spent {
	if !slices.Contains(counted, kind) {
		return pawl.Spent{}
	}
	return pawl.Spent{Tokens: s.Usage.Total(), Money: s.Cost, Calls: s.Calls}
}

// Open has accounts begin with what was spent.
func (t *Table) Open(now time.Time, o *Opening, spent map[string]pawl.Spent) {
	t.looked = nil
	b := t.budgets[o.Budget]
	if a := b.accounts[o.Name]; a != nil {
		a.Spent = pawl.Spent{}
		t.touchAccount(a)
	}
	for _, name := range slices.Sorted(maps.Keys(spent)) {
		if b.Name == "" && b.Scope != pawl.OfAll && (name == "" || t.isNamed(b, name)) {
			continue // it comes under no budget for each
		}
		a := b.open(now, name)
		a.Spent = spent[name]
		t.store(a)
	}
}

// store gives an account that has changed a number, if it has none.
func (t *Table) store(a *Account) {
	if a.number == 0 {
		t.highest++
		t.put(a, t.highest)
	}
	t.touchAccount(a)
}

// chargeLate has a call that was sent spend what it used of the accounts that it comes
// under and has not taken from: they opened while it was under way. One that ended before
// midnight may be entered behind it; it is of the period that is over by then, as the ledger
// has it.
func (t *Table) chargeLate(now time.Time, held *Held, sent *pawl.Entry) {
	used := spentIn(sent.Kind, pawl.Sum{Calls: sent.Calls, Usage: sent.Usage, Cost: sent.Cost})
	if used == (pawl.Spent{}) {
		return
	}
	t.looked = nil
	t.under(sent.Queue, sent.Operation, sent.User, sent.Run, func(b *Budget, name string) {
		if a := b.open(now, name); !a.Gone && !now.Before(a.Since) && !held.has(a) {
			a.Spent = a.Spent.Plus(used)
			t.store(a)
		}
	})
}

// has reports whether a call has taken from an account.
func (h *Held) has(a *Account) bool {
	return a.number > 0 && slices.Contains(h.Accounts, a.number) || slices.Contains(h.Named, Part{a.budget.name, a.name})
}
