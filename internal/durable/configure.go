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

// pastMost is how often the ledger is read without the book before it is read with it.
const pastMost = 3

// Configure implements [pawl.Limits].
//
// What a budget opens with may be the sum of a million calls, and whoever has the book
// keeps all others waiting. So most of it is read without the book:
//
//  1. A transaction makes the settings, unless accounts open by them. Then it changes
//     nothing, but that what waits is entered.
//  2. What is merged of the ledger is read, and before that the version of the book.
//  3. Another transaction reads what is not merged, and makes the settings. If tails were
//     merged since that version it changes nothing, and it goes on at 2; in the end it reads
//     all.
//
// A crash before the last transaction leaves everything as it was.
func (s *Store) Configure(ctx context.Context, now time.Time, settings []pawl.Setting) error {
	var known *past
	for tries := 0; ; tries++ {
		var unread []budget.Opening
		err := s.open(ctx, now, func(a *act) error {
			if err := errors.Join(a.book.table.Check(settings), a.book.budgets.Check(settings)); err != nil {
				return err
			}
			unread = nil
			if tries < pastMost && !known.holds(a.book) {
				unread = a.book.budgets.Openings(a.now, settings)
			}
			if len(unread) > 0 {
				return nil
			}
			return a.configure(settings, known)
		})
		if err != nil || len(unread) == 0 {
			return err
		}
		if known, err = s.readPast(ctx, unread); err != nil {
			return err
		}
	}
}

func (a *act) configure(settings []pawl.Setting, known *past) error {
	for i := range settings {
		if err := a.set(&settings[i], known); err != nil {
			return err
		}
	}
	a.w.Bell.Ready = true
	return nil
}

func (a *act) set(set *pawl.Setting, known *past) error {
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
	spent, err := a.spentBefore(o, known)
	if err == nil {
		a.book.budgets.Open(a.now, o, spent)
	}
	return err
}

// past is what accounts that open have spent by what is merged of the ledger, read without
// the book. Nil is nothing that was read.
type past struct {
	version int64 // of the book before it was read
	spent   map[budget.Opening]map[string]pawl.Spent
}

// holds reports whether nothing was merged since it was read.
func (p *past) holds(b *Book) bool { return p != nil && b.ledger.page.Merged <= p.version }

func (s *Store) readPast(ctx context.Context, opening []budget.Opening) (*past, error) {
	p := &past{spent: map[budget.Opening]map[string]pawl.Spent{}}
	err := s.view(ctx, func(v View) error {
		read, err := v.Pages(math.MaxInt64) // no page is so late: it is the version alone
		if err != nil {
			return err
		}
		p.version = read.Version
		for i := range opening {
			o := &opening[i]
			p.spent[*o] = map[string]pawl.Spent{}
			if err := addSpent(p.spent[*o], v, o, nil, mergedKind(o)); err != nil {
				return err
			}
		}
		return nil
	})
	return p, err
}

// spentBefore returns what accounts that open have spent until now.
func (a *act) spentBefore(o *budget.Opening, known *past) (map[string]pawl.Spent, error) {
	spent, kinds := map[string]pawl.Spent{}, []LedgerKind{LedgerTail, mergedKind(o)}
	if known.holds(a.book) && known.spent[*o] != nil {
		spent, kinds = maps.Clone(known.spent[*o]), kinds[:1]
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
