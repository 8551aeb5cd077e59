package postgres

import (
	"context"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// transaction implements [durable.Tx]. It begins in the round trip of its first
// read, and ends in that of its writes.
type transaction struct {
	*database
	session
	ctx     context.Context // of the one call that the transaction is for
	book    bool            // it holds the book
	reading bool            // it only reads
	foreign bool            // it is the caller's own; see [Store.Tx]
	adding  bool            // it begins with adding tasks
	try     int             // how often it was tried before

	ending  bool // the commit has been sent, perhaps
	begun   bool
	now     time.Time
	types   durable.Types
	seq     int64              // numbers for new tasks, if it began with adding some
	version int64              // with the book: its version
	nextDue time.Time          // with the book: of the waiting tasks, the first wake behind the mark
	letters []int64            // those that Pages has read
	posted  bool               // the letter goes with the new tasks
	mores   map[pawl.ID][]byte // the column more of candidates that have it
	woke    *woke              // what Woken has found out, for the commit
}

// read runs statements, after those that begin the transaction if it has not begun.
func (tx *transaction) read(calls ...call) error {
	if !tx.begun {
		tx.begun = true
		calls = append(tx.opening(), calls...)
	}
	return tx.server.explain(tx.run(tx.ctx, calls...))
}

// opening returns the statements that begin the transaction. With the book, what
// follows is read after the lock was got: each statement sees what was committed
// before it.
func (tx *transaction) opening() []call {
	var calls []call
	switch {
	case tx.foreign:
		calls = append(calls, tx.call("savepoint"), tx.call("lockShared", int4Arg(tx.locks.class), int4Arg(lockForeign)))
	case tx.reading:
		calls = append(calls, tx.call("beginReading"))
	default:
		calls = append(calls, tx.call("begin"))
	}
	if tx.server.pooled && !tx.foreign {
		calls = append(calls, tx.call("settings"))
	}
	if tx.reading {
		calls = append(calls, tx.call("planFreely"))
	}
	if tx.book {
		calls = append(calls, tx.call("lock", int4Arg(tx.locks.class), int4Arg(lockBook)))
	}
	return append(calls, tx.environment())
}

// environment is the statement that asks what every transaction must know, and
// what this one will ask first.
func (tx *transaction) environment() call {
	name, args := "environment", []arg(nil)
	switch {
	case tx.book:
		name, args = "environmentBook", []arg{int8Arg(tx.wakes.dueFrom())}
	case tx.adding:
		name = "environmentAdding"
	}
	return tx.query(name, func(r *row) error {
		tx.now, tx.types = time.UnixMicro(r.int8()).UTC(), durable.Types(r.int4())
		switch {
		case tx.book:
			tx.version, tx.nextDue = r.int8(), r.time()
		case tx.adding:
			tx.seq = r.int8()
		}
		return nil
	}, args...)
}

// rollback ends a transaction that is not to be.
func (tx *transaction) rollback() {
	if !tx.begun || tx.conn.IsClosed() || tx.conn.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tx.ctx), endLimit)
	defer cancel()
	end := "rollback"
	if tx.foreign {
		end = "rollback to savepoint pawl; release savepoint pawl"
	}
	// A connection that cannot be rolled back is of no use to the pool, which sees it.
	_, _ = tx.conn.Exec(ctx, end).ReadAll()
}

const endLimit = 5 * time.Second

// Now implements [durable.View].
func (tx *transaction) Now() (time.Time, error) {
	err := tx.ensure()
	return tx.now, err
}

// Interest implements [durable.Tx].
func (tx *transaction) Interest() (durable.Types, error) {
	err := tx.ensure()
	if tx.foreign {
		return ^durable.Types(0), err // whoever watches may come before the caller commits
	}
	return tx.types, err
}

func (tx *transaction) ensure() error {
	if tx.begun {
		return nil
	}
	return tx.read()
}
