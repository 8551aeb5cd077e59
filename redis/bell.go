package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl/internal/durable"
)

// bell is what this process has yet to tell others.
type bell struct {
	mu      sync.Mutex
	pending durable.Bell
	ringing bool // a goroutine publishes
	closed  bool
}

const (
	bellPause = 2 * time.Millisecond // between two messages of one process
	bellTime  = time.Second          // that publishing may take

	pollListening = 500 * time.Millisecond // how often to look beside listening
	pollAlone     = 250 * time.Millisecond // and without it
)

// Ring implements [durable.Database]. The message is sent by a goroutine, so that
// a burst of rings is one message each pause.
func (d *database) Ring(b durable.Bell) {
	if d.events == own {
		return
	}
	d.bell.mu.Lock()
	defer d.bell.mu.Unlock()
	d.bell.pending.Ready = d.bell.pending.Ready || b.Ready
	d.bell.pending.Events = d.bell.pending.Events || b.Events
	if !d.bell.ringing && !d.bell.closed {
		d.bell.ringing = true
		d.work.Go(d.publish)
	}
}

// publish tells other processes until there is nothing to tell.
func (d *database) publish() {
	for {
		b, ok := d.bell.next()
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(d.closing, bellTime)
		_ = d.client.Publish(ctx, d.keys.channel, d.message(b)).Err() // a hint: others look by themselves
		cancel()
		_ = sleep(d.closing, bellPause)
	}
}

func (b *bell) next() (durable.Bell, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.pending
	b.pending = durable.Bell{}
	b.ringing = next != (durable.Bell{}) && !b.closed
	return next, b.ringing
}

func (b *bell) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// message is this process's name, and what may have happened.
func (d *database) message(b durable.Bell) string {
	m := d.name + ":"
	if b.Ready {
		m += "r"
	}
	if b.Events {
		m += "e"
	}
	return m
}

// Listen implements [durable.Database].
func (d *database) Listen(ctx context.Context, heard func(durable.Bell)) error {
	switch d.events {
	case poll:
		return d.look(ctx, heard)
	case own:
		<-ctx.Done()
		return nil
	}
	sub := d.client.Subscribe(ctx, d.keys.channel)
	defer sub.Close()
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() }) // ends a read
	defer stop()
	looked := time.Now()
	for {
		m, err := sub.ReceiveTimeout(ctx, pollListening)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !isTimeout(err) {
			return fmt.Errorf("listen on %s: %w", d.keys.channel, explain(err))
		}
		if m, ok := m.(*redis.Message); ok {
			d.hear(m.Payload, heard)
		}
		if time.Since(looked) >= pollListening {
			looked = time.Now()
			heard(durable.Bell{Ready: true, Events: true})
		}
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// hear passes on what another process rang.
func (d *database) hear(message string, heard func(durable.Bell)) {
	from, what, ok := strings.Cut(message, ":")
	if !ok || from == d.name {
		return
	}
	heard(durable.Bell{Ready: strings.Contains(what, "r"), Events: strings.Contains(what, "e")})
}

// look rings at steady intervals.
func (d *database) look(ctx context.Context, heard func(durable.Bell)) error {
	tick := time.NewTicker(pollAlone)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			heard(durable.Bell{Ready: true, Events: true})
		case <-ctx.Done():
			return nil
		}
	}
}
