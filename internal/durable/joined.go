package durable

import (
	"errors"
	"math"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
)

// What a joined task saves is known when it has ended, and its end, which is the hot
// path, knows nothing of who joined it. So the entry of a join is kept apart until it is
// closed:
//
//  1. Adding posts it. Whoever opens the book next writes it as a page of its own kind.
//  2. Once in an hour, or when there are many, whoever has the book enters those whose
//     tasks have ended. Readers do the same for themselves.
//  3. Tasks that are removed take along what they have used. So a removal looks for
//     entries of its runs, in the inbox and then among the pages. If there is one it comes
//     to nothing, they are closed with what was used until then, and it is tried again.

// errJoined says that what was joined of runs must be closed before tasks of theirs are
// removed.
var errJoined = errors.New("a task of the run was joined")

// joinedEntries calls f for the stored entries of what was joined.
func joinedEntries(v View, f func(ledger.Hour, *pawl.Entry) error) error {
	for from := ledger.Hour(0); from <= ledger.Ever; {
		pages, next, err := v.Ledger(from, ledger.Ever, LedgerJoin)
		if err != nil {
			return err
		}
		for i := range pages {
			value, err := Unpack(pages[i].Value)
			if err != nil {
				return err
			}
			if err := eachEntry(pages[i].Hour, value, f); err != nil {
				return err
			}
		}
		from = next
	}
	return nil
}

// isOpen reports whether an entry is of what was joined, though it is among those that
// are known: earlier versions had them together.
func isOpen(e *pawl.Entry) bool {
	return (e.Kind == pawl.EntryJoined || e.Kind == pawl.EntryReused) && e.Calls == 0
}

func eachEntry(h ledger.Hour, packed []byte, f func(ledger.Hour, *pawl.Entry) error) error {
	for e, err := range ledger.Unpack(packed) {
		if err != nil {
			return err
		}
		if err := f(h, e); err != nil {
			return err
		}
	}
	return nil
}

// closeJoined enters what was saved by joining tasks of runs that will lose some, and with
// all also by joining others that have ended. What was joined just now is looked at only
// for the former: the tasks may be new, and not stored yet.
func (a *act) closeJoined(all bool) error {
	l := &a.book.ledger
	known := runs{}
	closing := func(h ledger.Hour, e *pawl.Entry) error {
		if !all && !l.losing[e.Run] {
			l.joined.enter(h, ledger.Pack(nil, e), 0)
			return nil
		}
		rows, err := known.of(a.Tx, e.Run)
		if err != nil {
			return err
		}
		saved, ended := ledger.Close(e, rows)
		if !ended && !l.losing[e.Run] {
			l.joined.enter(h, ledger.Pack(nil, e), 0)
			return nil
		}
		for _, s := range saved {
			l.tails.enter(h, ledger.Pack(nil, s), 1)
		}
		return nil
	}
	if all {
		l.page.Joined = loose{}
	}
	a.w.Drops = append(a.w.Drops, LedgerRange{LedgerJoin, 0, ledger.Ever})
	var fresh entries
	if len(l.losing) > 0 {
		fresh, l.joined = l.joined, nil
	}
	if err := joinedEntries(a.Tx, closing); err != nil {
		return err
	}
	for h, of := range fresh {
		if err := eachEntry(h, of.packed, closing); err != nil {
			return err
		}
	}
	return nil
}

// losing returns the runs of which tasks are removed.
func (a *act) losing() map[pawl.ID]bool {
	of := map[pawl.ID]bool{}
	for _, t := range a.touched {
		if t.deleted {
			of[t.Run] = true
		}
	}
	return of
}

// noneJoined returns errJoined if there is an entry of one of some runs.
func (a *act) noneJoined(of map[pawl.ID]bool) error {
	look := func(_ ledger.Hour, e *pawl.Entry) error {
		if of[e.Run] {
			return errJoined
		}
		return nil
	}
	read, err := a.Pages(math.MaxInt64) // the inbox alone
	if err != nil {
		return err
	}
	for i := range read.Posts {
		if err := eachEntry(0, read.Posts[i].Joined, look); err != nil {
			return err
		}
	}
	return joinedEntries(a.Tx, look)
}

// runs is the tasks of runs that were read: many may have joined the same one.
type runs map[pawl.ID][]*pawl.TaskRow

func (r runs) of(v View, run pawl.ID) ([]*pawl.TaskRow, error) {
	if rows, known := r[run]; known {
		return rows, nil
	}
	found, err := v.Find(pawl.Filter{Run: run, Bare: true}, time.Time{})
	if err != nil {
		return nil, err
	}
	r[run] = rowsOf(found)
	return r[run], nil
}
