package durable

import (
	"maps"
	"slices"

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
	page   ledgerPage
	tails  entries          // that this transaction writes
	joined entries          // likewise, of what has not ended
	losing map[pawl.ID]bool // runs that will lose tasks
}

// ledgerPage is kept as a page of the book.
type ledgerPage struct {
	Hours  map[ledger.Hour]loose `json:"hours,omitempty"` // whose tails are not merged
	Joined loose                 `json:"joined,omitzero"` // that came since it was last looked what of them has ended
	Swept  ledger.Hour           `json:"swept,omitempty"` // the hour in which what is old was last looked for

	Merged int64 `json:"merged,omitempty"` // the version of the book under which tails were last merged
}

func (ledgerPage) key() string { return pageKey("ledger") }

// loose is how much waits to be put together.
type loose struct {
	Tails   int `json:"tails"`
	Entries int `json:"entries"`
}

func (l loose) plus(of *ofHour) loose { return loose{l.Tails + 1, l.Entries + of.count} }

func (l loose) isMuch() bool { return l.Tails >= ledger.TailsMost || l.Entries >= ledger.EntriesMost }

// entries is packed entries by their hours.
type entries map[ledger.Hour]*ofHour

type ofHour struct {
	packed []byte
	count  int // of those that are new
}

// enter adds packed entries, so many of which are new.
func (e *entries) enter(h ledger.Hour, packed []byte, count int) {
	if *e == nil {
		*e = entries{}
	}
	of := (*e)[h]
	if of == nil {
		of = &ofHour{}
		(*e)[h] = of
	}
	of.packed = append(of.packed, packed...)
	of.count += count
}

// keepLedger writes what was entered. Once in an hour it closes what was joined, merges
// the tails of the hours before, and removes what is older than it is kept; and it does
// with what has become much.
func (a *act) keepLedger() error {
	l := &a.book.ledger
	now := ledger.HourOf(a.now)
	first := l.page.Swept != now
	if isEmpty := l.page.Swept == 0; len(l.tails)+len(l.joined)+len(l.page.Hours)+len(l.losing) == 0 && (isEmpty || !first) {
		return nil
	}
	changed := first || len(l.tails)+len(l.joined) > 0
	if all := first || l.page.Joined.isMuch(); all || len(l.losing) > 0 {
		changed = true
		if err := a.closeJoined(all); err != nil {
			return err
		}
	}
	for _, h := range slices.Sorted(maps.Keys(l.page.Hours)) {
		if first && h < now || l.page.Hours[h].isMuch() {
			changed = true
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
	for h, of := range l.tails {
		if l.page.Hours == nil {
			l.page.Hours = map[ledger.Hour]loose{}
		}
		l.page.Hours[h] = l.page.Hours[h].plus(of)
		a.w.Ledger = append(a.w.Ledger, LedgerPage{LedgerTail, h, a.book.version + 1, Pack(of.packed)})
	}
	for h, of := range l.joined {
		l.page.Joined = l.page.Joined.plus(of)
		a.w.Ledger = append(a.w.Ledger, LedgerPage{LedgerJoin, h, a.book.version + 1, Pack(of.packed)})
	}
	if changed {
		a.book.touch(&l.page)
	}
	return nil
}

// mergeTails makes the tails of an hour a log, and adds them to the hour's sums.
func (a *act) mergeTails(h ledger.Hour) error {
	pages, _, err := a.Ledger(h, h, LedgerTail, LedgerHour)
	if err != nil {
		return err
	}
	sums := &ledger.Sums{}
	var log []byte
	for i := range pages {
		value, err := Unpack(pages[i].Value)
		if err != nil {
			return err
		}
		if pages[i].Kind == LedgerHour {
			err = sums.Merge(value)
		} else {
			err = eachEntry(h, value, func(h ledger.Hour, e *pawl.Entry) error {
				if isOpen(e) {
					a.book.ledger.joined.enter(h, ledger.Pack(nil, e), 1)
					return nil
				}
				sums.Add(e)
				log = ledger.Pack(log, e)
				return nil
			})
		}
		if err != nil {
			return err
		}
	}
	number := a.book.version + 1
	delete(a.book.ledger.page.Hours, h)
	a.book.ledger.page.Merged = number
	a.w.Drops = append(a.w.Drops, LedgerRange{LedgerTail, h, h}, LedgerRange{LedgerHour, h, h})
	a.w.Ledger = append(a.w.Ledger, LedgerPage{LedgerHour, h, number, Pack(sums.Pack())})
	if h >= a.oldestLog() {
		a.w.Ledger = append(a.w.Ledger, LedgerPage{LedgerLog, h, number, Pack(log)})
	}
	return nil
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
