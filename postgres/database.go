package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawlhq/pawl/internal/durable"
)

// database implements [durable.Database].
type database struct {
	pool     *pool
	sql      statements
	schema   string
	server   server
	locks    locks
	bins     bins
	inbox    inbox
	wakes    wakes
	log      eventLog
	bells    bells
	watchman watchman

	// crowded says until when identities are locked one by one: somebody holds a
	// bucket of them for long.
	crowded deadline
}

// session returns a connection's session.
func (d *database) session(c *pgconn.PgConn) session {
	return session{c, !d.server.pooled}
}

// call is a statement without a result of interest.
func (d *database) call(name string, args ...arg) call {
	return call{statement: d.sql.get(name), args: args}
}

// query is a statement with a result, of which each row is read.
func (d *database) query(name string, each func(*row) error, args ...arg) call {
	return call{statement: d.sql.get(name), args: args, each: each}
}

// acquire takes a connection out of the pool.
func (d *database) acquire(ctx context.Context) (*pgconn.PgConn, error) {
	c, err := d.pool.acquire(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) { // a dialler looks at the clock itself
			return nil, context.DeadlineExceeded
		}
		return nil, d.server.explain(fmt.Errorf("connect: %w", err))
	}
	return c, nil
}

// Update implements [durable.Database].
func (d *database) Update(ctx context.Context, book bool, f func(durable.Tx) (*durable.Writes, error)) error {
	for try := 0; ; try++ {
		err := d.update(ctx, book, try, f)
		if !errors.Is(err, durable.ErrConflict) {
			return err
		}
		if stopped := pause(ctx, try); stopped != nil {
			return fmt.Errorf("%w, after %d tries: %w", stopped, try+1, err)
		}
	}
}

const (
	pauseFirst = 500 * time.Microsecond
	pauseMost  = 100 * time.Millisecond
)

// pause waits before a transaction is tried again, with jitter, or returns ctx's error.
func pause(ctx context.Context, try int) error {
	most := min(pauseFirst<<min(try, 10), pauseMost)
	timer := time.NewTimer(rand.N(most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *database) update(ctx context.Context, book bool, try int, f func(durable.Tx) (*durable.Writes, error)) error {
	c, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer d.pool.release(ctx, c)
	tx := &transaction{database: d, session: d.session(c), ctx: ctx, book: book, try: try}
	w, err := f(tx)
	if err == nil && w != nil {
		err = tx.write(w)
	}
	if err != nil || w == nil {
		tx.rollback()
	}
	if err != nil && c.IsClosed() && !tx.ending && ctx.Err() == nil {
		return fmt.Errorf("%w: the connection was lost before the commit was sent: %w", durable.ErrConflict, err)
	}
	return err
}

// View implements [durable.Database].
func (d *database) View(ctx context.Context, f func(durable.View) error) error {
	c, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer d.pool.release(ctx, c)
	tx := &transaction{database: d, session: d.session(c), ctx: ctx, reading: true}
	defer tx.rollback()
	return f(tx)
}

// Close implements [durable.Database].
func (d *database) Close() error {
	d.bells.close()
	d.pool.close()
	return nil
}

// bins remembers what the numbers of bins stand for, which never changes.
type bins struct {
	mu    sync.Mutex
	known map[int64]durable.Bin
}

const binsMost = 4096

func (b *bins) get(number int64) (durable.Bin, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	bin, ok := b.known[number]
	return bin, ok
}

func (b *bins) put(number int64, bin durable.Bin) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil || len(b.known) >= binsMost {
		b.known = map[int64]durable.Bin{}
	}
	b.known[number] = bin
}

// deadline is a time until which something holds.
type deadline struct {
	mu    sync.Mutex
	until time.Time
}

func (d *deadline) set(in time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until = time.Now().Add(in)
}

func (d *deadline) holds() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Before(d.until)
}
