package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawlhq/pawl"
)

// pool keeps connections. It opens them as they are needed, up to a number, and
// has no goroutine: what stays unused is closed when another one is given back.
type pool struct {
	config *pgconn.Config
	places chan struct{} // one for each connection that is out

	mu     sync.Mutex
	idle   []idleConn // the one that was used last at the end
	closed bool
}

type idleConn struct {
	*pgconn.PgConn
	since time.Time
}

const (
	pingAfter = time.Second     // unused, before a connection is tried at first
	idleMost  = 5 * time.Minute // unused, before it is closed
)

func newPool(config *pgconn.Config, most int) *pool {
	return &pool{config: config, places: make(chan struct{}, most)}
}

// acquire takes a connection out. It waits for one to be given back if all are out.
func (p *pool) acquire(ctx context.Context) (*pgconn.PgConn, error) {
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := p.take(ctx)
	if err != nil {
		<-p.places
	}
	return c, err
}

func (p *pool) take(ctx context.Context) (*pgconn.PgConn, error) {
	for {
		c, err := p.pop()
		if err != nil {
			return nil, err
		}
		if c.PgConn == nil {
			return pgconn.ConnectConfig(ctx, p.config)
		}
		if time.Since(c.since) < pingAfter {
			return c.PgConn, nil
		}
		if _, err := c.Exec(ctx, "-- is it alive?").ReadAll(); err == nil {
			return c.PgConn, nil
		}
		shut(c.PgConn)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// pop returns the connection that was used last, without one if there is none.
func (p *pool) pop() (idleConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return idleConn{}, pawl.ErrClosed
	}
	last := len(p.idle) - 1
	if last < 0 {
		return idleConn{}, nil
	}
	c := p.idle[last]
	p.idle = p.idle[:last]
	return c, nil
}

// release gives a connection back that was used under ctx. One that is not as it
// was at first is closed, and so is one whose call was given up: the server may
// not have heard yet that it should cancel, and would cancel what comes next.
func (p *pool) release(ctx context.Context, c *pgconn.PgConn) {
	keep := !c.IsClosed() && !c.IsBusy() && c.TxStatus() == 'I' && ctx.Err() == nil
	var old *pgconn.PgConn
	p.mu.Lock()
	if keep = keep && !p.closed; keep {
		p.idle = append(p.idle, idleConn{c, time.Now()})
		if time.Since(p.idle[0].since) > idleMost {
			old = p.idle[0].PgConn
			p.idle = p.idle[1:]
		}
	}
	p.mu.Unlock()
	if !keep {
		shut(c)
	}
	if old != nil {
		shut(old)
	}
	<-p.places
}

// close closes all connections, those that are out once they come back, for
// which it waits.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		shut(c.PgConn)
	}
	for range cap(p.places) {
		p.places <- struct{}{}
	}
	for range cap(p.places) {
		<-p.places
	}
}

func shut(c *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), cancelLimit)
	defer cancel()
	_ = c.Close(ctx) // the server notices either way
}
