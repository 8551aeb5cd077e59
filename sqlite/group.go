package sqlite

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"modernc.org/sqlite"

	"github.com/pawlhq/pawl/internal/durable"
)

// group makes one transaction of what several callers want to write at the same
// time: they pay for one commit together.
//
//  1. A caller puts its call into the queue and waits for the turn to lead, or for
//     its answer.
//  2. The leader begins a transaction and does the calls in the queue, its own
//     first, those that come meanwhile included. Each sees what the ones before it
//     wrote. A call that decides to write nothing, or fails before it writes,
//     leaves no trace.
//  3. If the writing of a call fails, the transaction is rolled back, the call gets
//     the error, and those that were done before it are done again.
//  4. The leader commits, and only then everybody is answered.
//
// A crash before 4 leaves nothing of any of them, and nobody was told otherwise.
type group struct {
	turn chan struct{} // holds a token while nobody leads

	mu    sync.Mutex
	queue []*call
}

const (
	groupMost = 64                    // calls in one transaction
	groupTime = 20 * time.Millisecond // after which no more join it
)

// call is one caller's part of a transaction. decide reads, and returns what is to
// be written, nil for nothing.
type call struct {
	ctx    context.Context
	decide func(*tx) (write func() error, err error)
	done   chan struct{}
	err    error
}

// write does a call and returns once it is durable.
func (d *database) write(ctx context.Context, decide func(*tx) (func() error, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &call{ctx: ctx, decide: decide, done: make(chan struct{})}
	g := &d.group
	g.push(c)
	select {
	case <-c.done:
		return c.err
	case <-g.turn:
		d.lead(c)
		g.turn <- struct{}{}
	case <-ctx.Done():
		if g.remove(c) {
			return ctx.Err()
		}
	}
	<-c.done // somebody has taken it, and will answer it
	return c.err
}

func (g *group) push(c *call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue = append(g.queue, c)
}

// pop takes the first call, nil if there is none, nor comes from a goroutine that is
// ready to run.
func (g *group) pop() *call {
	if c := g.popNow(); c != nil {
		return c
	}
	runtime.Gosched()
	return g.popNow()
}

func (g *group) popNow() *call {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		return nil
	}
	c := g.queue[0]
	g.queue[0] = nil
	g.queue = g.queue[1:]
	return c
}

// remove reports whether the call was still in the queue.
func (g *group) remove(c *call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.queue {
		if other == c {
			g.queue = append(g.queue[:i], g.queue[i+1:]...)
			return true
		}
	}
	return false
}

func (c *call) answer(err error) {
	c.err = err
	close(c.done)
}

// lead does the calls in the queue, unless c was answered meanwhile.
func (d *database) lead(c *call) {
	if !d.group.remove(c) {
		return
	}
	if err := d.begin(c.ctx); err != nil {
		c.answer(d.explain(err))
		return
	}
	began := time.Now()
	var done []*call // that wrote, and are answered when that is durable
	for next := c; next != nil; next = d.group.pop() {
		wrote, err := d.do(next)
		if errors.As(err, new(torn)) {
			done = d.again(done)
		}
		if wrote {
			done = append(done, next)
		} else {
			next.answer(d.explain(err))
		}
		if len(done) >= groupMost || time.Since(began) > groupTime {
			break
		}
	}
	err := d.end(len(done) > 0)
	for _, c := range done {
		c.answer(d.explain(err))
	}
}

// torn is an error after which the transaction is no longer whole.
type torn struct{ error }

func (t torn) Unwrap() error { return t.error }

// do does one call within the transaction, and reports whether it wrote.
func (d *database) do(c *call) (wrote bool, err error) {
	var write func() error
	for err = durable.ErrConflict; errors.Is(err, durable.ErrConflict); {
		if err := c.ctx.Err(); err != nil {
			return false, err
		}
		write, err = c.decide(&tx{view: view{session: d.writer, ctx: context.WithoutCancel(c.ctx), db: d}})
	}
	if errors.As(err, new(*sqlite.Error)) {
		return false, torn{err}
	}
	if err != nil || write == nil {
		return false, err
	}
	if err := write(); err != nil {
		return false, torn{err}
	}
	return true, nil
}

// again begins anew, and does calls again that were rolled back with another one.
// It returns those that wrote; the others are answered.
func (d *database) again(calls []*call) []*call {
	for {
		d.rollback()
		if err := d.begin(context.Background()); err != nil {
			for _, c := range calls {
				c.answer(d.explain(err))
			}
			return nil
		}
		var done []*call
		whole := true
		for i, c := range calls {
			wrote, err := d.do(c)
			if wrote {
				done = append(done, c)
				continue
			}
			c.answer(d.explain(err))
			if errors.As(err, new(torn)) {
				calls, whole = append(done, calls[i+1:]...), false
				break
			}
		}
		if whole {
			return done
		}
	}
}

// Update implements [durable.Database]. There is one transaction that writes at a
// time, so that the book needs no lock of its own.
func (d *database) Update(ctx context.Context, _ bool, f func(durable.Tx) (*durable.Writes, error)) error {
	return d.write(ctx, func(t *tx) (func() error, error) {
		w, err := f(t)
		if err != nil || w == nil {
			return nil, err
		}
		return func() error { return t.write(w) }, nil
	})
}

// View implements [durable.Database].
func (d *database) View(ctx context.Context, f func(durable.View) error) error {
	return d.read(ctx, func(v *view) error { return f(v) })
}
