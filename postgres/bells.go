package postgres

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl/internal/durable"
)

const (
	bellsApart = 10 * time.Millisecond // between two notifications of one process
	bellsLimit = 5 * time.Second       // for one of them
	pollEvery  = time.Second
)

// bells tell other processes that there is something to do: one notification
// for all that happens within some milliseconds, in a transaction of its own,
// because the server commits those that notify one after the other.
//
// A goroutine rings for as long as there is something to ring for; close waits
// for it.
type bells struct {
	channel, own string

	mu      sync.Mutex
	waiting durable.Bell
	busy    bool
	closed  bool
	ringer  sync.WaitGroup
}

// Ring implements [durable.Database].
func (d *database) Ring(b durable.Bell) {
	if d.server.quiet {
		return
	}
	s := &d.bells
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting.Ready = s.waiting.Ready || b.Ready
	s.waiting.Events = s.waiting.Events || b.Events
	if !s.busy && !s.closed {
		s.busy = true
		s.ringer.Go(d.ringOut)
	}
}

func (d *database) ringOut() {
	for {
		b, ok := d.bells.take()
		if !ok {
			return
		}
		d.notify(b)
		time.Sleep(bellsApart)
	}
}

func (s *bells) take() (durable.Bell, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.waiting
	s.waiting = durable.Bell{}
	s.busy = b != (durable.Bell{}) && !s.closed
	return b, s.busy
}

func (s *bells) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.ringer.Wait()
}

// notify sends one notification. It is a hint: one that is lost is made up for by
// the steady poll.
func (d *database) notify(b durable.Bell) {
	ctx, cancel := context.WithTimeout(context.Background(), bellsLimit)
	defer cancel()
	_ = d.direct(ctx, func(s session) error {
		err := s.run(ctx,
			d.call("begin"),
			d.call("notDurable"),
			d.call("ring", textArg(d.bells.channel), textArg(d.bells.own+signs(b))),
			d.call("commit"),
		)
		if err != nil && !s.conn.IsClosed() {
			_, _ = s.conn.Exec(ctx, "rollback").ReadAll()
		}
		return err
	})
}

// signs writes what a bell says.
func signs(b durable.Bell) string {
	text := ""
	if b.Ready {
		text += "r"
	}
	if b.Events {
		text += "e"
	}
	return text
}

// heard reads what another process rang; false for what this one did.
func (s *bells) heard(payload string) (b durable.Bell, ok bool) {
	text, own := strings.CutPrefix(payload, s.own)
	if own {
		return b, false
	}
	if i := strings.LastIndexByte(text, ' '); i >= 0 {
		text = text[i+1:]
	}
	return durable.Bell{Ready: strings.Contains(text, "r"), Events: strings.Contains(text, "e")}, true
}

var everything = durable.Bell{Ready: true, Events: true}

// Listen implements [durable.Database]: on a connection of its own, and where
// that is of no use, at steady intervals only.
func (d *database) Listen(ctx context.Context, heard func(durable.Bell)) error {
	if d.server.own {
		<-ctx.Done()
		return nil
	}
	if d.server.polls {
		return d.poll(ctx, heard)
	}
	c, err := pgx.ConnectConfig(ctx, d.server.listening())
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return d.server.explain(err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), endLimit)
		defer cancel()
		_ = c.Close(end)
	}()
	if _, err := c.Exec(ctx, "listen "+pgx.Identifier{d.bells.channel}.Sanitize()); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return d.server.explain(err)
	}
	for {
		heard(everything) // what was rung before was not heard
		d.look(ctx)
		err := d.wait(ctx, c, heard)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return d.server.explain(err)
		}
	}
}

// wait passes on notifications until it is time to look at everything.
func (d *database) wait(ctx context.Context, c *pgx.Conn, heard func(durable.Bell)) error {
	until, cancel := context.WithTimeout(ctx, pollEvery)
	defer cancel()
	for {
		n, err := c.WaitForNotification(until)
		if err != nil && (until.Err() == nil || c.IsClosed()) {
			return err
		}
		if err != nil {
			return nil
		}
		if b, ok := d.bells.heard(n.Payload); ok {
			heard(b)
		}
	}
}

// poll passes on everything at steady intervals.
func (d *database) poll(ctx context.Context, heard func(durable.Bell)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			heard(everything)
			d.look(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}
