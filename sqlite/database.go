package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pawlhq/pawl"
)

// database implements [durable.Database] on one file.
type database struct {
	path    string // absolute
	options options
	db      *sql.DB
	group   group
	bins    bins
	recent  recent

	// The fields below belong to whoever leads the group.
	writer  *session
	closed  bool
	version int64       // data_version as it was seen last
	file    os.FileInfo // the file that is open
	wal     os.FileInfo // and its log; nil until it was seen

	readers chan *session // idle ones; nil stands for one that is not open
	ended   chan struct{} // closed by Close
}

// readersMost is how many callers read at the same time.
const readersMost = 4

func newDatabase(path string, o options, db *sql.DB, writer *session) *database {
	d := &database{
		path: path, options: o, db: db, writer: writer,
		group:   group{turn: make(chan struct{}, 1)},
		readers: make(chan *session, readersMost), ended: make(chan struct{}),
	}
	d.group.turn <- struct{}{}
	for range readersMost {
		d.readers <- nil
	}
	return d
}

// Close waits for the calls under way.
func (d *database) Close() error {
	<-d.group.turn
	defer func() { d.group.turn <- struct{}{} }()
	if d.closed {
		return nil
	}
	d.closed = true
	close(d.ended)
	var errs []error
	for range readersMost {
		if reader := <-d.readers; reader != nil {
			errs = append(errs, reader.close())
		}
	}
	errs = append(errs, d.writer.close(), d.db.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", d.path, err)
	}
	return nil
}

// The pauses between tries to write while another process does.
const (
	busyFirst = time.Millisecond
	busyMost  = 20 * time.Millisecond
)

// begin starts the transaction that writes, as soon as no other process has one.
func (d *database) begin(ctx context.Context) error {
	if d.closed {
		return pawl.ErrClosed
	}
	gaveUp := time.Now().Add(d.options.busy)
	for pause := busyFirst; ; pause = min(2*pause, busyMost) {
		err := d.writer.plain(context.WithoutCancel(ctx), "BEGIN IMMEDIATE")
		if err == nil || !isBusy(err) {
			return err
		}
		if time.Now().After(gaveUp) {
			return fmt.Errorf("another process has been writing for %v: %w", d.options.busy, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end commits, and returns once that is on the disk; or it rolls back.
func (d *database) end(commit bool) error {
	if !commit {
		d.rollback()
		return nil
	}
	err := d.inPlace()
	if err == nil {
		err = d.writer.plain(context.Background(), "COMMIT")
	}
	if err != nil {
		d.rollback()
		return err
	}
	d.recent.publish()
	if d.wal == nil {
		d.wal, _ = os.Stat(d.path + walSuffix) // without it, it is looked for the next time
	}
	return nil
}

// rollback has nothing to do where SQLite has rolled back by itself.
func (d *database) rollback() {
	d.recent.forget()
	_ = d.writer.plain(context.Background(), "ROLLBACK")
}

const walSuffix = "-wal"

// inPlace returns an error if the file that is open is no longer the one at its
// path: what is written to it would be lost with the process.
func (d *database) inPlace() error {
	if now, err := os.Stat(d.path); err != nil || !os.SameFile(now, d.file) {
		return &movedError{d.path}
	}
	if d.wal == nil {
		return nil
	}
	if now, err := os.Stat(d.path + walSuffix); err != nil || !os.SameFile(now, d.wal) {
		return &movedError{d.path + walSuffix}
	}
	return nil
}

// read runs f on one state of the file.
func (d *database) read(ctx context.Context, f func(*view) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var reader *session
	select {
	case reader = <-d.readers:
	case <-d.ended:
		return pawl.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	err := d.readWith(ctx, &reader, f)
	if err != nil && reader != nil && !errors.Is(err, pawl.ErrNotFound) && !errors.Is(err, pawl.ErrMissed) {
		reader.discard() // a new one may do better
		reader = nil
	}
	d.readers <- reader
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return d.explain(err)
}

func (d *database) readWith(ctx context.Context, reader **session, f func(*view) error) error {
	select {
	case <-d.ended:
		return pawl.ErrClosed
	default:
	}
	if *reader == nil {
		fresh, err := newSession(ctx, d.db)
		if err != nil {
			return err
		}
		*reader = fresh
		if err := d.options.prepareReader(ctx, fresh); err != nil {
			return err
		}
	}
	s := *reader
	// Whatever has become of ctx, what begins here ends here.
	if err := s.plain(context.WithoutCancel(ctx), "BEGIN"); err != nil {
		return err
	}
	err := f(&view{session: s, ctx: ctx, db: d})
	if end := s.plain(context.WithoutCancel(ctx), "ROLLBACK"); err == nil {
		err = end
	}
	return err
}

// othersCommitted reports whether another process has committed since it was
// asked last.
func (d *database) othersCommitted(ctx context.Context) (bool, error) {
	select {
	case <-d.group.turn:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { d.group.turn <- struct{}{} }()
	if d.closed {
		return false, pawl.ErrClosed
	}
	version, _, err := d.writer.number(context.WithoutCancel(ctx), "data_version")
	if err != nil {
		return false, d.explain(err)
	}
	changed := version != d.version
	d.version = version
	return changed, nil
}
