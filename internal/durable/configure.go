package durable

import (
	"context"
	"errors"
	"maps"
	"math"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/budget"
	"github.com/pawlhq/pawl/internal/ledger"
)

// Configure implements [pawl.Limits].
//
// What a budget opens with may be the sum of a million calls, and whoever has the book
// keeps all others waiting. So most of it is read without the book:
//
//  1. A first transaction makes the settings, unless accounts open by them. Then it changes
//     nothing but that what waits is entered.
//  2. What is merged of the ledger is read, with the version of the book before that.
//  3. A second transaction reads what is not merged, and makes the settings. Where hours were
//     merged since that version, it reads all.
func (s *Store) Configure(ctx context.Context, now time.Time, settings []pawl.Setting) error {
	var opening []budget.Opening
	err := s.open(ctx, now, func(a *act) error {
		if err := a.mayConfigure(settings); err != nil {
			return err
		}
		if opening = a.book.budgets.Openings(a.now, settings); len(opening) > 0 {
			return nil
		}
		return a.configure(settings, nil)
	})
	if err != nil || len(opening) == 0 {
		return err
	}
	var past *past
	if err := s.view(ctx, func(v View) (err error) {
		past, err = readPast(v, opening)
		return err
	}); err != nil {
		return err
	}
	return s.open(ctx, now, func(a *act) error {
		if err := a.mayConfigure(settings); err != nil {
			return err
		}
		return a.configure(settings, past)
	})
}

func (a *act) mayConfigure(settings []pawl.Setting) error {
	return errors.Join(a.book.table.Check(settings), a.book.budgets.Check(settings))
}

func (a *act) configure(settings []pawl.Setting, past *past) error {
	for i := range settings {
		if err := a.set(&settings[i], past); err != nil {
			return err
		}
	}
	a.w.Bell.Ready = true
	return nil
}

func (a *act) set(set *pawl.Setting, past *past) error {
	if set.Similar != nil {
		return a.unlike(set.Similar)
	}
	if set.Queue != "" {
		q := a.book.queue(set.Queue)
		q.Paused = set.Pause
		a.book.touch(q)
		return nil
	}
	if set.Budget == nil {
		a.book.table.Configure(a.now, set)
		return nil
	}
	o := a.book.budgets.Configure(a.now, set)
	if o == nil {
		return nil
	}
	spent, err := a.spentBefore(o, past)
	if err == nil {
		a.book.budgets.Open(a.now, o, spent)
	}
	return err
}

// past is what accounts that open have spent by what is merged of the ledger, read without
// the book.
type past struct {
	version int64 // of the book before it was read
	spent   map[budget.Opening]map[string]pawl.Spent
}

func readPast(v View, opening []budget.Opening) (*past, error) {
	read, err := v.Pages(math.MaxInt64) // no page is so late: it is the version alone
	if err != nil {
		return nil, err
	}
	p := &past{read.Version, map[budget.Opening]map[string]pawl.Spent{}}
	for i := range opening {
		o := &opening[i]
		p.spent[*o] = map[string]pawl.Spent{}
		if err := addSpent(p.spent[*o], v, o, nil, mergedKind(o)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// spentBefore returns what accounts that open have spent until now.
func (a *act) spentBefore(o *budget.Opening, past *past) (map[string]pawl.Spent, error) {
	spent, kinds := map[string]pawl.Spent{}, []LedgerKind{LedgerTail, mergedKind(o)}
	if past != nil && a.book.ledger.page.Merged <= past.version && past.spent[*o] != nil {
		spent, kinds = maps.Clone(past.spent[*o]), kinds[:1]
	}
	return spent, addSpent(spent, a.Tx, o, a.book.ledger.tails, kinds...)
}

// mergedKind returns of which kind the pages are of what is merged that tell what an
// account has spent.
func mergedKind(o *budget.Opening) LedgerKind {
	if o.Scope == pawl.OfRun {
		return LedgerLog
	}
	return LedgerHour
}

// addSpent adds what is on pages of some kinds, and what comes to be on one.
func addSpent(spent map[string]pawl.Spent, v View, o *budget.Opening, fresh entries, kinds ...LedgerKind) error {
	f, by := o.Asks()
	if !f.Run.IsZero() {
		if err := sinceAdded(v, &f); err != nil {
			return err
		}
	}
	q := ledger.NewQuery(f, by)
	from, to := ledger.Range(&f)
	for h, of := range fresh {
		if h >= from && h <= to {
			if err := q.AddEntries(h, of.packed); err != nil {
				return err
			}
		}
	}
	for from <= to {
		pages, next, err := v.Ledger(from, to, kinds...)
		if err != nil {
			return err
		}
		if err := addPages(q, pages); err != nil {
			return err
		}
		from = next
	}
	o.Sum(spent, q.Rows())
	return nil
}

// sinceAdded narrows what is asked of a run to the time since it was added.
func sinceAdded(v View, f *pawl.LedgerFilter) error {
	first, err := v.Find(pawl.Filter{IDs: []pawl.ID{f.Run}, Bare: true}, time.Time{})
	if err == nil && len(first) > 0 && first[0].Added.After(f.Since) {
		f.Since = first[0].Added
	}
	return err
}

func addPages(q *ledger.Query, pages []LedgerPage) error {
	var room []byte
	for i := range pages {
		p := &pages[i]
		value, err := unpackIn(&room, p.Value)
		switch {
		case err != nil:
		case p.Kind == LedgerHour:
			err = q.AddSums(p.Hour, value)
		default:
			err = q.AddEntries(p.Hour, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
