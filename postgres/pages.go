package postgres

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl/internal/durable"
)

// Pages of the book are rows that are written and removed, and never updated. A
// removed page leaves a row without value behind, for those who read only what
// has changed. Such rows are dropped after so many versions; whoever is further
// behind reads the book anew.
const (
	pagesBehind = 10_000 // versions that a reader may be behind
	purgeEvery  = 1000
)

// Pages implements [durable.View]. Without the book, the version is read first: in a
// caller's transaction each statement may see more than the one before it, and a
// letter that is read was not entered by then.
func (tx *transaction) Pages(since int64) (durable.Pages, error) {
	var read durable.Pages
	tx.letters = nil
	var from int64
	var all bool
	var calls []call
	if tx.book {
		from, all = tx.inbox.from()
	} else {
		calls = append(calls, tx.query("version", func(r *row) error { tx.version = r.int8(); return nil }))
	}
	highest := from
	var done time.Time
	calls = append(calls,
		tx.query("pages", func(r *row) error {
			read.Pages = append(read.Pages, durable.Page{Key: r.text(), Version: r.int8(), Value: r.bytes()})
			return nil
		}, int8Arg(since)),
		tx.query("letters", func(r *row) error {
			id := r.int8()
			tx.letters = append(tx.letters, id)
			highest = max(highest, id)
			var posts []durable.Post
			if err := json.Unmarshal(r.next(), &posts); err != nil {
				return fmt.Errorf("decode letter %d: %w", id, err)
			}
			read.Posts = append(read.Posts, posts...)
			return nil
		}, int8Arg(from)),
	)
	if all {
		calls = append(calls, tx.query("environment", func(r *row) error { done = time.UnixMicro(r.int8()); return nil }))
	}
	if err := tx.read(calls...); err != nil {
		return durable.Pages{}, err
	}
	read.Version = tx.version
	if !tx.book {
		return read, nil
	}
	if since > 0 && read.Version-since > pagesBehind || read.Version < since {
		return durable.Pages{}, fmt.Errorf("the book was at version %d and is at %d: %w", since, read.Version, durable.ErrConflict)
	}
	tx.inbox.reached(highest)
	if all {
		tx.inbox.scanned(done.Sub(tx.now))
	}
	return read, nil
}

// inbox says from which letter on the inbox must be read. In front of that are
// letters that were entered and removed. A letter that comes in there, out of a
// transaction that was open for seconds, is found when everything is read: every
// second, or less often where that has become slow.
type inbox struct {
	mu     sync.Mutex
	mark   int64
	recent [2]int64 // letters that were reached one and two periods ago
	turned time.Time
	scan   time.Time
}

const inboxPeriod = time.Second

func (b *inbox) from() (from int64, all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !time.Now().Before(b.scan) {
		return 0, true
	}
	return b.mark, false
}

// reached says that all letters up to an id were read, as far as they were
// committed.
func (b *inbox) reached(id int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); now.Sub(b.turned) >= inboxPeriod {
		b.mark, b.recent[1], b.turned = b.recent[1], b.recent[0], now
	}
	b.recent[0] = max(b.recent[0], id)
}

func (b *inbox) scanned(took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scan = time.Now().Add(max(scanEvery, scanShare*took))
}

// writePages is the statements that write pages and remove the letters that were
// entered into the book.
func (tx *transaction) writePages(w *durable.Writes) []call {
	letters := tx.letters
	if !w.Opened {
		letters = nil
	}
	if len(letters) == 0 && len(w.Pages) == 0 {
		return nil
	}
	n := len(w.Pages)
	oldKeys, old := newColumn(pgtype.TextOID, n, 64), newColumn(pgtype.Int8OID, n, 8)
	keys, values := newColumn(pgtype.TextOID, n, 64), newColumn(pgtype.ByteaOID, n, 256)
	for _, p := range w.Pages {
		if p.Version != 0 {
			oldKeys.text(p.Key)
			old.int8(p.Version)
		}
		keys.text(p.Key)
		values.bytes(p.Value)
	}
	calls := []call{tx.call("turnPages", int8sArg(letters), oldKeys.arg(), old.arg(), keys.arg(), values.arg(), int8Arg(w.Version))}
	if n > 0 && w.Version%purgeEvery == 0 {
		calls = append(calls, tx.call("purgePages", int8Arg(w.Version-2*pagesBehind)))
	}
	return calls
}

// letter returns posts as a letter holds them, nil for none.
func letter(posts []durable.Post) ([]byte, error) {
	if len(posts) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(posts)
	if err != nil {
		return nil, fmt.Errorf("encode posts: %w", err)
	}
	return b, nil
}
