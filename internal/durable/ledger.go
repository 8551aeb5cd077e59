package durable

import (
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
)

// entryOf returns the ledger's entry of a call that has ended, packed; nil if nothing
// was sent.
func (a *act) entryOf(r *Record, c *Call, st *pawl.Settlement) []byte {
	if c.Key == "" {
		return nil
	}
	if e := c.Entry(a.now, &r.TaskRow, c.Key, c.Limit, st); e != nil {
		return ledger.Pack(nil, e)
	}
	return nil
}

// saved posts the answers that an attempt took and did not pay.
func (a *act) saved(r *Record, f *pawl.Finish) {
	var packed []byte
	for i := range f.Savings {
		packed = ledger.Pack(packed, f.Savings[i].Entry(a.now, &r.TaskRow))
	}
	if packed != nil {
		a.post(Post{Entries: packed})
	}
}

// forget posts that a task of a run is removed.
func (a *act) forget(run pawl.ID) {
	if last := len(a.w.Posts) - 1; last >= 0 && len(a.w.Posts[last].Forget) > 0 {
		if runs := &a.w.Posts[last].Forget; (*runs)[len(*runs)-1] != run {
			*runs = append(*runs, run)
		}
		return
	}
	a.post(Post{Forget: []pawl.ID{run}})
}

// ledgerState is what the book knows of the ledger.
type ledgerState struct {
	page  ledgerPage
	tails map[ledger.Hour]*tail // that this transaction writes
}

// ledgerPage is kept as a page of the book.
type ledgerPage struct {
	Hours map[ledger.Hour]tails `json:"hours,omitempty"` // whose tails are not merged
	Swept ledger.Hour           `json:"swept,omitempty"` // the hour in which what is old was last looked for
}

func (ledgerPage) key() string { return pageKey("ledger") }

// tails is how much of an hour is not merged.
type tails struct {
	Tails   int `json:"tails"`
	Entries int `json:"entries"`
}

type tail struct {
	packed  []byte
	entries int
}

// enterLedger has entries written, which were made at a time.
func (b *Book) enterLedger(at time.Time, packed []byte) {
	t := b.ledger.tail(ledger.HourOf(at))
	t.packed = append(t.packed, packed...)
	t.entries++
}

func (l *ledgerState) tail(h ledger.Hour) *tail {
	if l.tails == nil {
		l.tails = map[ledger.Hour]*tail{}
	}
	if l.tails[h] == nil {
		l.tails[h] = &tail{}
	}
	return l.tails[h]
}

// keepLedger writes what was entered. Once in an hour it merges the tails of those
// before, and removes what is older than it is kept; and it merges those of an hour that
// has many.
func (a *act) keepLedger() error {
	l := &a.book.ledger
	now := ledger.HourOf(a.now)
	first, merged := l.page.Swept != now, false
	if isEmpty := l.page.Swept == 0; len(l.tails)+len(l.page.Hours) == 0 && (isEmpty || !first) {
		return nil
	}
	for _, h := range slices.Sorted(maps.Keys(l.page.Hours)) {
		if of := l.page.Hours[h]; first && h < now || of.Tails >= ledger.TailsMost || of.Entries >= ledger.EntriesMost {
			merged = true
			if err := a.mergeTails(h); err != nil {
				return err
			}
		}
	}
	if first {
		l.page.Swept = now
		if err := a.sweepLedger(); err != nil {
			return err
		}
	}
	for h, t := range l.tails {
		of := l.page.Hours[h]
		of.Tails++
		of.Entries += t.entries
		if l.page.Hours == nil {
			l.page.Hours = map[ledger.Hour]tails{}
		}
		l.page.Hours[h] = of
		a.w.Ledger = append(a.w.Ledger, LedgerPage{LedgerTail, h, a.book.version + 1, Pack(t.packed)})
	}
	if first || merged || len(l.tails) > 0 {
		a.book.touch(&l.page)
	}
	return nil
}

// mergeTails makes the tails of an hour a log, and adds them to the hour's sums. What is
// open still goes on as an entry of the present.
func (a *act) mergeTails(h ledger.Hour) error {
	pages, _, err := a.Ledger(h, h, LedgerTail, LedgerHour)
	if err != nil {
		return err
	}
	sums, known := &ledger.Sums{}, runs{}
	var log, open []byte
	for i := range pages {
		value, err := Unpack(pages[i].Value)
		if err != nil {
			return err
		}
		if pages[i].Kind == LedgerHour {
			if err := sums.Merge(value); err != nil {
				return err
			}
			continue
		}
		var left []byte
		if log, left, err = a.closeEntries(log, value, sums, known); err != nil {
			return err
		}
		open = append(open, left...)
	}
	delete(a.book.ledger.page.Hours, h)
	if len(open) > 0 {
		a.book.ledger.tail(h).packed = append(a.book.ledger.tail(h).packed, open...)
	}
	a.w.Drops = append(a.w.Drops, LedgerRange{LedgerTail, h, h})
	if len(log) == 0 {
		return nil
	}
	number := a.book.version + 1
	a.w.Drops = append(a.w.Drops, LedgerRange{LedgerHour, h, h})
	a.w.Ledger = append(a.w.Ledger, LedgerPage{LedgerHour, h, number, Pack(sums.Pack())})
	if h >= a.oldestLog() {
		a.w.Ledger = append(a.w.Ledger, LedgerPage{LedgerLog, h, number, Pack(log)})
	}
	return nil
}

// closeEntries adds packed entries to a log and to sums, each open one with what it has
// saved. It returns the log, and those that are open still.
func (a *act) closeEntries(log, packed []byte, sums *ledger.Sums, known runs) (closed, left []byte, err error) {
	for e, err := range ledger.Unpack(packed) {
		if err != nil {
			return nil, nil, err
		}
		if ledger.IsOpen(e) {
			rows, err := known.of(a.Tx, e.Run)
			if err != nil {
				return nil, nil, err
			}
			if !ledger.Close(e, rows) {
				left = ledger.Pack(left, e)
				continue
			}
			if ledger.IsOpen(e) {
				continue // there was nothing to save
			}
		}
		sums.Add(e)
		log = ledger.Pack(log, e)
	}
	return log, left, nil
}

// runs is the tasks of runs that were read: many may have joined the same one.
type runs map[pawl.ID][]*pawl.TaskRow

func (r runs) of(v View, run pawl.ID) ([]*pawl.TaskRow, error) {
	if rows, known := r[run]; known {
		return rows, nil
	}
	found, err := v.Find(pawl.Filter{Run: run}, time.Time{})
	if err != nil {
		return nil, err
	}
	r[run] = rowsOf(found)
	return r[run], nil
}

// oldestLog returns the first hour whose single entries are kept.
func (a *act) oldestLog() ledger.Hour { return ledger.HourOf(a.now.Add(-ledger.LogTime)) }

// sweepLedger removes what is older than it is kept.
func (a *act) sweepLedger() error {
	a.w.Drops = append(a.w.Drops, LedgerRange{LedgerLog, 0, a.oldestLog() - 1})
	old := ledger.HourOf(a.now.Add(-ledger.HoursTime)).Day() - 1 // days that are over wholly
	oldest, _, err := a.Ledger(0, old, LedgerHour)
	if err != nil || len(oldest) == 0 {
		return err
	}
	return a.foldDay(oldest[0].Hour.Day()) // the days after it are for the next hours
}

// foldDay puts the sums of a day's hours together, as they are stored or as this
// transaction has written them.
func (a *act) foldDay(day ledger.Hour) error {
	fresh := map[ledger.Hour]bool{}
	var parts []LedgerPage
	a.w.Ledger = slices.DeleteFunc(a.w.Ledger, func(p LedgerPage) bool {
		of := p.Kind == LedgerHour && p.Hour.Day() == day
		if of {
			fresh[p.Hour] = true
			parts = append(parts, p)
		}
		return of
	})
	for h := day; h <= day+23; {
		pages, next, err := a.Ledger(h, day+23, LedgerHour, LedgerDay)
		if err != nil {
			return err
		}
		for _, p := range pages {
			if p.Kind == LedgerDay || !fresh[p.Hour] {
				parts = append(parts, p)
			}
		}
		h = next
	}
	sums := &ledger.Sums{}
	for _, p := range parts {
		value, err := Unpack(p.Value)
		if err != nil {
			return err
		}
		if err := sums.Merge(value); err != nil {
			return err
		}
	}
	a.w.Drops = append(a.w.Drops, LedgerRange{LedgerHour, day, day + 23}, LedgerRange{LedgerDay, day, day})
	a.w.Ledger = append(a.w.Ledger, LedgerPage{LedgerDay, day, a.book.version + 1, Pack(sums.Pack())})
	return nil
}
