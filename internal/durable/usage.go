package durable

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
)

// Usage implements [pawl.Ledger].
func (s *Store) Usage(ctx context.Context, _ time.Time, f pawl.LedgerFilter, by []pawl.Dimension) ([]pawl.UsageRow, error) {
	if err := ledger.Check(&f, by); err != nil {
		return nil, err
	}
	for {
		rows, err := s.usage(ctx, f, by)
		if !errors.Is(err, ErrConflict) {
			return rows, err
		}
	}
}

func (s *Store) usage(ctx context.Context, f pawl.LedgerFilter, by []pawl.Dimension) (rows []pawl.UsageRow, err error) {
	err = s.view(ctx, func(v View) error {
		q := ledger.NewQuery(f, by)
		r := newLedgerReader(v, f)
		r.kinds = []LedgerKind{LedgerTail, LedgerJoin, LedgerHour, LedgerDay}
		if q.NeedsEntries() {
			r.kinds = []LedgerKind{LedgerTail, LedgerJoin, LedgerLog}
		}
		r.entry, r.sums = q.Add, q.AddSums
		for r.more() {
			if err := r.read(); err != nil {
				return err
			}
		}
		rows = q.Rows()
		return nil
	})
	return rows, err
}

// Entries implements [pawl.Ledger].
func (s *Store) Entries(ctx context.Context, _ time.Time, f pawl.LedgerFilter) (pawl.Entries, error) {
	if err := ledger.Check(&f, nil); err != nil {
		return pawl.Entries{}, err
	}
	var found pawl.Entries
	err := s.view(ctx, func(v View) error {
		found = pawl.Entries{Entries: []pawl.Entry{}}
		r := newLedgerReader(v, f)
		r.kinds = []LedgerKind{LedgerTail, LedgerJoin, LedgerLog}
		r.entry = func(_ ledger.Hour, e *pawl.Entry) {
			if ledger.Selects(&f, e) {
				found.Entries = append(found.Entries, *e)
			}
		}
		for r.more() && len(found.Entries) == 0 {
			if err := r.read(); err != nil {
				return err
			}
		}
		if r.more() {
			found.Next = r.next.Start()
		}
		ledger.Sort(found.Entries)
		return nil
	})
	if err != nil {
		return pawl.Entries{}, err
	}
	return found, nil
}

// ledgerReader reads the ledger, with what waits in the inbox to be entered. A database
// that has no one state for several reads may change between them:
//
//   - Posts that waited are entered, all in one transaction or, if some had come after that
//     had read the inbox, in several; and their tails are perhaps merged. An hour with a
//     page that was written since the inbox was read has some of its posts: it is read
//     anew, together with what waits.
//   - The hours of a day are put together. If some of them were read before that and others
//     were not, those are lost, and all is read again.
type ledgerReader struct {
	View
	kinds []LedgerKind
	entry func(ledger.Hour, *pawl.Entry)
	sums  func(ledger.Hour, []byte) error

	from, to ledger.Hour
	next     ledger.Hour
	begun    bool
	version  int64  // of the book, when the inbox was read
	posts    []Post // with entries, of hours that were not read
	runs     runs
	room     []byte // for the page that is read
}

func newLedgerReader(v View, f pawl.LedgerFilter) *ledgerReader {
	from, to := ledger.Range(&f)
	return &ledgerReader{View: v, from: from, to: to, next: from.Day(), runs: runs{}}
}

// more reports whether there is more to read.
func (r *ledgerReader) more() bool { return r.next <= r.to }

// read reads some hours. It returns ErrConflict if it has to begin again.
func (r *ledgerReader) read() error {
	if !r.begun {
		r.begun = true
		if err := r.inbox(); err != nil {
			return err
		}
	}
	pages, next, err := r.Ledger(r.next, r.to, r.kinds...)
	if err != nil {
		return err
	}
	if err := r.sameDay(); err != nil {
		return err
	}
	r.next = next
	if pages, err = r.settle(pages); err != nil {
		return err
	}
	for i := range pages {
		if err := r.page(&pages[i]); err != nil {
			return err
		}
	}
	return r.waiting()
}

// settle returns pages that were read, of which no post that waits is in any: those of
// hours with posts that have been entered since are as they are now, and so is what waits.
func (r *ledgerReader) settle(pages []LedgerPage) ([]LedgerPage, error) {
	for _, h := range r.changed(pages) {
		anew, posts, err := r.moment(h)
		if err != nil {
			return nil, err
		}
		pages = append(slices.DeleteFunc(pages, func(p LedgerPage) bool { return p.Hour == h }), anew...)
		r.posts = slices.DeleteFunc(r.posts, func(p Post) bool { return ledger.HourOf(p.At) == h })
		for _, p := range posts {
			if p.hasEntries() && ledger.HourOf(p.At) == h {
				r.posts = append(r.posts, p)
			}
		}
	}
	return pages, nil
}

// changed returns the hours of posts that have pages, among those that were read, which
// were written since the inbox was.
func (r *ledgerReader) changed(pages []LedgerPage) []ledger.Hour {
	var hours []ledger.Hour
	for _, p := range r.posts {
		h := ledger.HourOf(p.At)
		written := func(p LedgerPage) bool { return p.Hour == h && p.Number > r.version }
		if !slices.Contains(hours, h) && slices.ContainsFunc(pages, written) {
			hours = append(hours, h)
		}
	}
	return hours
}

// moment returns the pages of an hour, and the posts that wait at the same time.
func (r *ledgerReader) moment(h ledger.Hour) ([]LedgerPage, []Post, error) {
	if v, ok := r.View.(MomentView); ok {
		return v.LedgerAt(h, r.kinds...)
	}
	pages, _, err := r.Ledger(h, h, r.kinds...)
	for err == nil {
		var read Pages
		if read, err = r.Pages(math.MaxInt64); err != nil {
			break
		}
		was := pages
		if pages, _, err = r.Ledger(h, h, r.kinds...); slices.EqualFunc(was, pages, samePage) {
			return pages, read.Posts, err
		}
	}
	return nil, nil, err
}

func samePage(a, b LedgerPage) bool {
	return a.Kind == b.Kind && a.Hour == b.Hour && a.Number == b.Number && bytes.Equal(a.Value, b.Value)
}

// sameDay returns ErrConflict if the read that was made went on within a day, and the
// hours of that were put together meanwhile.
func (r *ledgerReader) sameDay() error {
	day := r.next.Day()
	if r.next == day || !slices.Contains(r.kinds, LedgerDay) {
		return nil
	}
	pages, _, err := r.Ledger(day, day, LedgerDay)
	for i := range pages {
		if pages[i].Number > r.version {
			return ErrConflict
		}
	}
	return err
}

// waiting reads the posts of the hours that were read. No page is still to come that could
// have them too.
func (r *ledgerReader) waiting() error {
	left := r.posts[:0]
	for _, p := range r.posts {
		h := ledger.HourOf(p.At)
		if r.more() && h >= r.next {
			left = append(left, p)
			continue
		}
		if h < r.from || h > r.to {
			continue
		}
		if err := r.entries(h, p.Entries); err != nil {
			return err
		}
		if err := eachEntry(h, p.Joined, r.joined); err != nil {
			return err
		}
	}
	r.posts = left
	return nil
}

func (r *ledgerReader) inbox() error {
	read, err := r.Pages(math.MaxInt64)
	if err != nil {
		return err
	}
	r.version = read.Version
	for _, p := range read.Posts {
		if p.hasEntries() {
			r.posts = append(r.posts, p)
		}
	}
	return nil
}

func (r *ledgerReader) page(p *LedgerPage) error {
	value, err := unpackIn(&r.room, p.Value)
	switch {
	case err != nil:
		return err
	case p.Kind == LedgerDay: // of the day that the first hour is in
		return r.sums(p.Hour, value)
	case p.Hour < r.from:
		return nil
	case p.Kind == LedgerHour:
		return r.sums(p.Hour, value)
	case p.Kind == LedgerJoin:
		return eachEntry(p.Hour, value, r.joined)
	}
	return r.entries(p.Hour, value)
}

// entries reads packed entries.
func (r *ledgerReader) entries(h ledger.Hour, packed []byte) error {
	return eachEntry(h, packed, func(h ledger.Hour, e *pawl.Entry) error {
		if isOpen(e) {
			return r.joined(h, e)
		}
		r.entry(h, e)
		return nil
	})
}

// joined reads the entry of a joined task, as it would be closed by now.
func (r *ledgerReader) joined(h ledger.Hour, e *pawl.Entry) error {
	rows, err := r.runs.of(r.View, e.Run)
	if err != nil {
		return err
	}
	saved, ended := ledger.Close(e, rows)
	if !ended {
		return nil
	}
	for _, s := range saved {
		r.entry(h, s)
	}
	return nil
}
