package inmem

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
)

// book is the ledger. Its zero value is empty.
type book struct {
	hours  map[ledger.Hour]*hour
	days   map[ledger.Hour]*ledger.Sums // of hours that are gone, by the day's first
	joined map[pawl.ID][]pawl.Entry     // by run, of tasks that were joined and, as far as is known, have not ended
	swept  ledger.Hour
}

// hour is the entries of an hour.
type hour struct {
	log  []byte // packed; nil when they are kept no longer
	sums ledger.Sums
}

// enter enters an entry.
func (b *book) enter(e *pawl.Entry) {
	at := ledger.HourOf(e.At)
	h := b.hours[at]
	if h == nil {
		if b.hours == nil {
			b.hours = map[ledger.Hour]*hour{}
		}
		h = &hour{}
		b.hours[at] = h
	}
	h.log = ledger.Pack(h.log, e)
	h.sums.Add(e)
}

// keepLedger closes, once in an hour, the entries of joined tasks that have ended, and
// removes what is older than it is kept.
func (s *Store) keepLedger(now time.Time) {
	b := &s.ledger
	if at := ledger.HourOf(now); b.swept != at {
		b.swept = at
		for run := range b.joined {
			s.closeJoined(run, false)
		}
		b.sweep(now)
	}
}

// join keeps the entry of a task that was joined.
func (b *book) join(e *pawl.Entry) {
	if b.joined == nil {
		b.joined = map[pawl.ID][]pawl.Entry{}
	}
	b.joined[e.Run] = append(b.joined[e.Run], *e)
}

// closeJoined enters what was saved by joining tasks of a run that have ended, or all of
// them if the run loses one.
func (s *Store) closeJoined(run pawl.ID, loses bool) {
	b := &s.ledger
	if len(b.joined[run]) == 0 {
		return
	}
	rows := s.rows(run)
	b.joined[run] = slices.DeleteFunc(b.joined[run], func(e pawl.Entry) bool {
		saved, ended := ledger.Close(&e, rows)
		if !ended && !loses {
			return false
		}
		for _, s := range saved {
			b.enter(s)
		}
		return true
	})
	if len(b.joined[run]) == 0 {
		delete(b.joined, run)
	}
}

// sweep removes what is older than it is kept.
func (b *book) sweep(now time.Time) {
	logs, hours := ledger.HourOf(now.Add(-ledger.LogTime)), ledger.HourOf(now.Add(-ledger.HoursTime)).Day()
	for at, h := range b.hours {
		if at < logs {
			h.log = nil
		}
		if at < hours {
			if b.days == nil {
				b.days = map[ledger.Hour]*ledger.Sums{}
			}
			if b.days[at.Day()] == nil {
				b.days[at.Day()] = &ledger.Sums{}
			}
			_ = b.days[at.Day()].Merge(h.sums.Pack()) // it was packed just now
			delete(b.hours, at)
		}
	}
}

// known returns the entries of joined tasks, of some hours, that have saved something by
// now.
func (s *Store) known(from, to ledger.Hour) (closed []*pawl.Entry) {
	for run, entries := range s.ledger.joined {
		rows := s.rows(run)
		for _, e := range entries {
			if at := ledger.HourOf(e.At); at < from || at > to {
				continue
			}
			if saved, ended := ledger.Close(&e, rows); ended {
				closed = append(closed, saved...)
			}
		}
	}
	return closed
}

// Usage implements [pawl.Ledger].
func (s *Store) Usage(ctx context.Context, now time.Time, f pawl.LedgerFilter, by []pawl.Dimension) ([]pawl.UsageRow, error) {
	if err := ledger.Check(&f, by); err != nil {
		return nil, err
	}
	if _, err := s.enter(ctx, now); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return s.usage(f, by)
}

func (s *Store) usage(f pawl.LedgerFilter, by []pawl.Dimension) (rows []pawl.UsageRow, err error) {
	q := ledger.NewQuery(f, by)
	from, to := ledger.Range(&f)
	for _, e := range s.known(from, to) {
		q.Add(ledger.HourOf(e.At), e)
	}
	for at, h := range s.ledger.hours {
		if at < from || at > to {
			continue
		}
		if q.NeedsEntries() {
			err = q.AddEntries(at, h.log)
		} else {
			err = q.AddSums(at, h.sums.Pack())
		}
		if err != nil {
			return nil, err
		}
	}
	for at, sums := range s.ledger.days {
		if at >= from.Day() && at <= to && !q.NeedsEntries() {
			if err := q.AddSums(at, sums.Pack()); err != nil {
				return nil, err
			}
		}
	}
	return q.Rows(), nil
}

// Entries implements [pawl.Ledger].
func (s *Store) Entries(ctx context.Context, now time.Time, f pawl.LedgerFilter) (pawl.Entries, error) {
	if err := ledger.Check(&f, nil); err != nil {
		return pawl.Entries{}, err
	}
	_, err := s.enter(ctx, now)
	if err != nil {
		return pawl.Entries{}, err
	}
	defer s.mu.Unlock()
	found := pawl.Entries{Entries: []pawl.Entry{}}
	from, to := ledger.Range(&f)
	hours := map[ledger.Hour][]byte{}
	for at, h := range s.ledger.hours {
		if at >= from && at <= to {
			hours[at] = h.log
		}
	}
	for _, e := range s.known(from, to) {
		at := ledger.HourOf(e.At)
		hours[at] = ledger.Pack(slices.Clip(hours[at]), e)
	}
	for _, at := range slices.Sorted(maps.Keys(hours)) {
		if len(found.Entries) > 0 {
			found.Next = at.Start()
			break
		}
		if found.Entries, err = ledger.Find(found.Entries, hours[at], &f); err != nil {
			return pawl.Entries{}, err
		}
	}
	ledger.Sort(found.Entries)
	return found, nil
}
