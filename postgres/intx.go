package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// Tx is the queue inside a transaction of the caller's own, made with [Store.Tx].
// It implements [pawl.Store] as far as that makes sense there: tasks are added and
// read. Everything else returns [ErrInTx].
//
// Like the transaction it is for one goroutine at a time. It has nothing to close.
type Tx struct {
	inside  *durable.Store
	outside *Store
	bell    durable.Bell
}

// ErrInTx is returned by the calls of a [Tx] that cannot be part of a caller's
// transaction: workers cannot work inside one.
var ErrInTx = errors.New("postgres: not inside a caller's transaction, where tasks are added and read only")

// Tx returns the queue inside tx, a transaction on the same database: what is
// added through it is there when tx commits, together with what tx wrote, and
// never was if tx rolls back. Until then nobody sees it, and nobody waits for tx,
// but for those who add an identical task. A failed call leaves tx as it was
// before the call.
//
//	client := pawl.New(store.Tx(tx), pawl.Config{})
//	run, err := Greet.Add(ctx, client, in)
//	...
//	err = tx.Commit(ctx)
//
// Workers find the tasks within a second; to tell them at once, call [Tx.Ring]
// after the commit. [pawl.Replace] is refused while there is something to
// replace: cancelling it would keep its worker waiting for tx. Run.Wait works on
// the store, not inside tx.
func (s *Store) Tx(tx pgx.Tx) *Tx {
	t := &Tx{outside: s}
	t.inside = durable.New(&foreign{s.db, tx, &t.bell})
	return t
}

// Exclusive implements [pawl.Exclusive]: tx is for one goroutine at a time.
func (t *Tx) Exclusive() {}

// Ring tells workers and watches, here and in other processes, that what was added
// has been committed.
func (t *Tx) Ring() {
	t.outside.Ring(t.bell)
	t.bell = durable.Bell{}
}

// Add implements [pawl.Tasks].
func (t *Tx) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	return t.inside.Add(ctx, now, tasks)
}

// List implements [pawl.Tasks]. It sees what was added in the transaction.
func (t *Tx) List(ctx context.Context, now time.Time, f pawl.Filter) ([]*pawl.TaskRow, error) {
	return t.inside.List(ctx, now, f)
}

// Groups implements [pawl.Tasks].
func (t *Tx) Groups(ctx context.Context, now time.Time, f pawl.Filter) ([]pawl.Group, error) {
	return t.inside.Groups(ctx, now, f)
}

// Status implements [pawl.Limits].
func (t *Tx) Status(ctx context.Context, now time.Time) (pawl.Status, error) {
	return t.inside.Status(ctx, now)
}

// Explain implements [pawl.Limits].
func (t *Tx) Explain(ctx context.Context, now time.Time, id pawl.ID) (pawl.Standing, error) {
	return t.inside.Explain(ctx, now, id)
}

// Usage implements [pawl.Ledger].
func (t *Tx) Usage(ctx context.Context, now time.Time, f pawl.LedgerFilter, by []pawl.Dimension) ([]pawl.UsageRow, error) {
	return t.inside.Usage(ctx, now, f, by)
}

// Entries implements [pawl.Ledger].
func (t *Tx) Entries(ctx context.Context, now time.Time, f pawl.LedgerFilter) (pawl.Entries, error) {
	return t.inside.Entries(ctx, now, f)
}

// Conversation implements [pawl.Contexts].
func (t *Tx) Conversation(ctx context.Context, head pawl.Hash) ([]pawl.Node, error) {
	return t.inside.Conversation(ctx, head)
}

// Near implements [pawl.Contexts]. With a look that has a task be under way it returns [ErrInTx].
func (t *Tx) Near(ctx context.Context, now time.Time, looks []pawl.Look) ([]pawl.Nearby, error) {
	if slices.ContainsFunc(looks, func(l pawl.Look) bool { return l.Near != nil }) {
		return nil, notInTx("near")
	}
	return t.inside.Near(ctx, now, looks)
}

// Claim returns [ErrInTx].
func (t *Tx) Claim(context.Context, time.Time, pawl.Claim) (pawl.Claimed, error) {
	return pawl.Claimed{}, notInTx("claim")
}

// Beat returns [ErrInTx].
func (t *Tx) Beat(context.Context, time.Time, time.Duration, []pawl.Lease) ([]pawl.Beat, error) {
	return nil, notInTx("beat")
}

// Save returns [ErrInTx].
func (t *Tx) Save(context.Context, time.Time, []pawl.Save) ([]error, error) {
	return nil, notInTx("save")
}

// Finish returns [ErrInTx].
func (t *Tx) Finish(context.Context, time.Time, []pawl.Finish) ([]error, error) {
	return nil, notInTx("finish")
}

// Change returns [ErrInTx].
func (t *Tx) Change(context.Context, time.Time, pawl.Filter, pawl.Change) ([]pawl.ID, error) {
	return nil, notInTx("change")
}

// Reserve returns [ErrInTx].
func (t *Tx) Reserve(context.Context, time.Time, []pawl.Reservation) ([]pawl.Grant, error) {
	return nil, notInTx("reserve")
}

// Configure returns [ErrInTx].
func (t *Tx) Configure(context.Context, time.Time, []pawl.Setting) error {
	return notInTx("configure")
}

// Watch returns [ErrInTx].
func (t *Tx) Watch(context.Context, pawl.EventFilter) (pawl.Watch, error) {
	return nil, notInTx("watch")
}

// Close does nothing: the transaction is the caller's.
func (t *Tx) Close() error { return nil }

func notInTx(what string) error { return fmt.Errorf("%s: %w", what, ErrInTx) }

var (
	_ pawl.Store     = (*Tx)(nil)
	_ pawl.Exclusive = (*Tx)(nil)
)

// foreign implements [durable.Database] on a transaction of the caller's, as far
// as a [Tx] needs it.
type foreign struct {
	*database
	tx   pgx.Tx
	bell *durable.Bell
}

// foreignTries is how often an addition is tried inside a transaction.
const foreignTries = 5

// Update implements [durable.Database].
func (f *foreign) Update(ctx context.Context, book bool, change func(durable.Tx) (*durable.Writes, error)) error {
	if book {
		return notInTx("open the book")
	}
	for try := 0; ; try++ {
		err := f.update(ctx, try, change)
		if !errors.Is(err, durable.ErrConflict) || try+1 == foreignTries {
			return err
		}
	}
}

func (f *foreign) update(ctx context.Context, try int, change func(durable.Tx) (*durable.Writes, error)) error {
	tx, err := f.begin(ctx)
	if err != nil {
		return err
	}
	tx.try = try
	w, err := change(tx)
	if err == nil && w != nil {
		if err = mayWrite(w); err == nil {
			err = tx.write(w)
		}
	}
	if err != nil || w == nil {
		tx.rollback()
	}
	return err
}

// begin returns the caller's transaction as one of ours: within a savepoint.
func (f *foreign) begin(ctx context.Context) (*transaction, error) {
	if err := f.tx.SendBatch(ctx, &pgx.Batch{}).Close(); err != nil { // of a transaction that has ended
		return nil, fmt.Errorf("postgres: the caller's transaction: %w", err)
	}
	conn := f.tx.Conn().PgConn()
	if conn.TxStatus() != 'T' {
		return nil, errors.New("postgres: the caller's transaction has failed before, and can only be rolled back")
	}
	return &transaction{database: f.database, session: session{conn, false}, ctx: ctx, foreign: true}, nil
}

// mayWrite refuses writes that others would wait for until the caller commits.
func mayWrite(w *durable.Writes) error {
	if len(w.Change)+len(w.End)+len(w.Revive)+len(w.Delete) > 0 {
		return fmt.Errorf("replace a task that is in flight: %w", ErrInTx)
	}
	return nil
}

// View implements [durable.Database].
func (f *foreign) View(ctx context.Context, read func(durable.View) error) error {
	tx, err := f.begin(ctx)
	if err != nil {
		return err
	}
	defer tx.rollback()
	return read(tx)
}

// Ring implements [durable.Database]: whom to tell after the commit.
func (f *foreign) Ring(b durable.Bell) {
	f.bell.Ready = f.bell.Ready || b.Ready
	f.bell.Events = f.bell.Events || b.Events
}

// Close implements [durable.Database].
func (f *foreign) Close() error { return nil }
