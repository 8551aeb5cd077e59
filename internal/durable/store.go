package durable

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl"
)

// Store implements [pawl.Store] on a [Database]. It is safe for concurrent use.
type Store struct {
	db      Database
	closed  atomic.Bool
	letters atomic.Int64 // that this process has left in the inbox
	desk    chan *Book   // holds the book, or nil to read it anew, while nobody of this process has it
	watches watches
}

// New returns a store on a database, which it closes at its own Close.
func New(db Database) *Store {
	s := &Store{db: db, desk: make(chan *Book, 1)}
	s.desk <- nil
	s.watches.store, s.watches.turn = s, make(chan struct{}, 1)
	return s
}

// Close ends all watches and closes the database. Later calls return
// [pawl.ErrClosed].
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.watches.close()
	return s.db.Close()
}

// ready reports why a call cannot begin.
func (s *Store) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return pawl.ErrClosed
	}
	return nil
}

// update does one call of the contract that changes something. f begins the act
// with its first read.
func (s *Store) update(ctx context.Context, now time.Time, f func(*act) error) error {
	posted := false
	err := s.commit(ctx, false, func(tx Tx) (*Writes, error) {
		a := &act{Tx: tx, given: now}
		if err := f(a); err != nil {
			return nil, err
		}
		if err := a.join(); err != nil {
			return nil, err
		}
		posted = len(a.w.Posts) > 0
		return a.writes()
	})
	if err == nil && posted {
		s.posted(ctx, now)
	}
	return err
}

// letterMost is how many letters a process leaves in the inbox before it opens the
// book itself.
const letterMost = 256

// posted has the inbox stay short where tasks are added and nobody claims. It is no
// part of the call, though at its time: what fails here is done by the next to open the book.
func (s *Store) posted(ctx context.Context, now time.Time) {
	if s.letters.Add(1)%letterMost == 0 {
		_ = s.open(ctx, now, func(*act) error { return nil })
	}
}

// open does one call of the contract with the book.
func (s *Store) open(ctx context.Context, now time.Time, f func(*act) error) error {
	var book *Book
	select {
	case book = <-s.desk:
	case <-ctx.Done():
		return ctx.Err()
	}
	var pages []Page
	var kept *Book // the book as it is if the transaction takes place
	err := s.commit(ctx, true, func(tx Tx) (*Writes, error) {
		b := book
		if book, kept, pages = nil, nil, nil; b == nil { // what a try has changed is not to be believed
			b = newBook()
		}
		read, err := tx.Pages(b.version)
		if err != nil {
			return nil, err
		}
		if read.Whole {
			b = newBook()
		}
		if err := b.load(read); err != nil {
			return nil, err
		}
		a := &act{Tx: tx, given: now, book: b}
		if err := a.begin(); err != nil {
			return nil, err
		}
		for i := range read.Posts {
			b.enter(&read.Posts[i])
		}
		if err := b.forgetRuns(tx); err != nil {
			return nil, err
		}
		if err := f(a); err != nil {
			return nil, err
		}
		if err := a.join(); err != nil {
			return nil, err
		}
		if err := a.keepLedger(); err != nil {
			return nil, err
		}
		if a.w.Pages, err = b.written(); err != nil {
			return nil, err
		}
		a.w.Version, a.w.Opened = b.version+1, len(read.Posts) > 0
		kept, pages = b, a.w.Pages
		return a.writes()
	})
	if err != nil || kept == nil {
		s.desk <- nil
		return err
	}
	kept.kept(pages, kept.version+1)
	s.desk <- kept
	return nil
}

// commit runs a transaction, and then rings for what it did.
func (s *Store) commit(ctx context.Context, book bool, f func(Tx) (*Writes, error)) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	var bell Bell
	err := s.db.Update(ctx, book, func(tx Tx) (*Writes, error) {
		bell = Bell{}
		w, err := f(tx)
		if w != nil {
			bell = w.Bell
		}
		return w, err
	})
	if err != nil {
		return s.why(err)
	}
	s.Ring(bell)
	return nil
}

// Ring tells watches, here and in other processes, what may have happened. The
// store does so itself, unless it happened in a transaction that is not its own.
func (s *Store) Ring(b Bell) {
	if b != (Bell{}) {
		s.watches.ring(b)
		s.db.Ring(b)
	}
}

// why returns ErrClosed in place of what a closed database says.
func (s *Store) why(err error) error {
	if s.closed.Load() {
		return pawl.ErrClosed
	}
	return err
}

// view does one call of the contract that only reads.
func (s *Store) view(ctx context.Context, f func(View) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if err := s.db.View(ctx, f); err != nil {
		return s.why(err)
	}
	return nil
}

// clock returns the time of a call: the given one in whole microseconds, or the
// database's.
func clock(v View, now time.Time) (time.Time, error) {
	if now.IsZero() {
		return v.Now()
	}
	return now.UTC().Truncate(time.Microsecond), nil
}
