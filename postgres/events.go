package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

const (
	eventsKept = 2 * durable.InterestTime // how long an event stays in its table
	eventsRead = 2000                     // events read at a time
	eventsLog  = 1 << 16                  // events kept in memory for slow watches
	trimMost   = 10_000                   // events removed at a time
	gapsMost   = 1000                     // gaps remembered
	gapsBefore = 1000                     // numbers before the first event that may be of transactions under way
)

// eventLog is what this process has read of the events: each is read once, for all
// watches, and a position is a place in the log.
//
// Events are numbered when they are written, and may be committed in another
// order. A number that is missing is a gap: it is asked for again, and told when
// it shows up, until the transactions of that time are over. The events of one
// task are in order all the same: a transaction that changes a task sees the one
// before it, so whoever reads the later event finds the earlier one too.
type eventLog struct {
	turn   chan struct{} // holds one: whoever reads
	events []pawl.Event
	first  int64 // the position before events[0]
	read   int64 // the highest number that was read
	gaps   []gap // in order
	begun  bool
}

// gap is a range of numbers that are missing.
type gap struct {
	first, last int64
	horizon     int64 // once no transaction before this one is under way, nothing will show up
}

// Events implements [durable.Database].
func (d *database) Events(ctx context.Context, after int64) ([]pawl.Event, int64, error) {
	l := &d.log
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, after, ctx.Err()
	}
	if !l.begun {
		if err := d.startLog(ctx); err != nil {
			return nil, after, err
		}
		l.begun = true
	}
	for more := true; more; {
		n, err := d.readEvents(ctx)
		if err != nil {
			return nil, after, err
		}
		more = n == eventsRead && after == 0 // the present position is behind all that there is
	}
	return l.after(after)
}

// after returns the events behind a position.
func (l *eventLog) after(after int64) ([]pawl.Event, int64, error) {
	end := l.first + int64(len(l.events))
	switch {
	case after == 0:
		return nil, end, nil
	case after < l.first:
		return nil, end, pawl.ErrMissed
	}
	return slices.Clone(l.events[after-l.first:]), end, nil
}

// append adds events to the log, and drops the oldest ones.
func (l *eventLog) append(events []pawl.Event) {
	l.events = append(l.events, events...)
	if over := len(l.events) - eventsLog; over > 0 {
		l.first += int64(over)
		l.events = slices.Clone(l.events[over:])
	}
}

// lose marks all that was not read yet as missed.
func (l *eventLog) lose() {
	l.first += int64(len(l.events)) + 1
	l.events, l.gaps = nil, nil
}

// startLog begins to read behind the last event that was written. What
// transactions under way have numbered before is a gap.
func (d *database) startLog(ctx context.Context) error {
	l := &d.log
	l.lose()
	return d.direct(ctx, func(s session) error {
		return s.run(ctx, d.query("lastEvent", func(r *row) error {
			last, called, horizon := r.int8(), r.bool(), r.int8()
			if l.read = last; !called {
				l.read = 0
			}
			if l.read > 0 {
				l.gaps = []gap{{max(l.read-gapsBefore, 0) + 1, l.read, horizon}}
			}
			return nil
		}))
	})
}

// readEvents reads the next events, and those that were missing.
func (d *database) readEvents(ctx context.Context) (int, error) {
	l := &d.log
	firsts, lasts := newColumn(pgtype.Int8OID, len(l.gaps), 8), newColumn(pgtype.Int8OID, len(l.gaps), 8)
	for _, g := range l.gaps {
		firsts.int8(g.first)
		lasts.int8(g.last)
	}
	var ids []int64
	var events []pawl.Event
	var oldest, horizon, dropped int64
	err := d.direct(ctx, func(s session) error {
		// The horizon is read first: a transaction that has ended by then is seen.
		return s.run(ctx, d.query("eventState", func(r *row) error {
			oldest, horizon, dropped = r.int8(), r.int8(), r.int8()
			return nil
		}), d.query("events", func(r *row) error {
			id := r.int8()
			var e pawl.Event
			if err := json.Unmarshal(r.next(), &e); err != nil {
				return fmt.Errorf("decode event %d: %w", id, err)
			}
			e.At = e.At.UTC()
			ids, events = append(ids, id), append(events, e)
			return nil
		}, int8Arg(l.read), int8Arg(eventsRead), firsts.arg(), lasts.arg()))
	})
	if err != nil {
		return 0, err
	}
	if dropped > l.read {
		l.lose()
	}
	l.append(events)
	l.note(ids, oldest, horizon)
	return len(ids), nil
}

// note takes account of the numbers that were read.
func (l *eventLog) note(ids []int64, oldest, horizon int64) {
	gaps := slices.DeleteFunc(l.gaps, func(g gap) bool { return g.horizon <= oldest })
	for _, id := range ids {
		if id <= l.read {
			gaps = fill(gaps, id)
			continue
		}
		if id > l.read+1 {
			gaps = append(gaps, gap{l.read + 1, id - 1, horizon})
		}
		l.read = id
	}
	l.gaps = gaps[max(len(gaps)-gapsMost, 0):]
}

// fill takes a number out of the gaps.
func fill(gaps []gap, id int64) []gap {
	for i, g := range gaps {
		if id < g.first || id > g.last {
			continue
		}
		var rest []gap
		if g.first < id {
			rest = append(rest, gap{g.first, id - 1, g.horizon})
		}
		if id < g.last {
			rest = append(rest, gap{id + 1, g.last, g.horizon})
		}
		return slices.Replace(gaps, i, i+1, rest...)
	}
	return gaps
}

// direct runs f on a connection, outside of transactions.
func (d *database) direct(ctx context.Context, f func(session) error) error {
	c, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer d.pool.release(ctx, c)
	return d.server.explain(f(d.session(c)))
}

// addEvents is the statement that stores events.
func (tx *transaction) addEvents(w *durable.Writes) (call, error) {
	bodies := newColumn(pgtype.ByteaOID, len(w.Events), 256)
	for i := range w.Events {
		b, err := json.Marshal(&w.Events[i])
		if err != nil {
			return call{}, fmt.Errorf("encode event: %w", err)
		}
		bodies.bytes(b)
	}
	// The age of an event is counted by the server's clock, whatever the call's is.
	return tx.call("addEvents", int8Arg(micro(tx.now)), bodies.arg()), nil
}

// Interest implements [durable.Database]. When it returns, no transaction is
// under way that read who watches before: each one from now on tells its events.
func (d *database) Interest(ctx context.Context, watcher string, types durable.Types) error {
	return d.direct(ctx, func(s session) error {
		trim := d.call("trimEvents", int8Arg(eventsKept.Microseconds()), int8Arg(trimMost))
		if types == 0 {
			return s.run(ctx, d.call("dropInterest", textArg(watcher)), trim)
		}
		lasts := int8Arg((durable.InterestTime + durable.InterestTime/6).Microseconds())
		if err := s.run(ctx, d.call("interest", textArg(watcher), int4Arg(int32(types)), lasts)); err != nil {
			return err
		}
		if err := s.run(ctx, trim); err != nil {
			return err
		}
		return d.awaitWriters(ctx, s)
	})
}

const (
	writersPoll = 2 * time.Millisecond
	writersMost = 2 * time.Second // of waiting for transactions under way; one that takes longer is stuck
)

// awaitWriters waits for the transactions under way.
func (d *database) awaitWriters(ctx context.Context, s session) error {
	var before map[string]bool
	for began := time.Now(); ; {
		now := map[string]bool{}
		err := s.run(ctx, d.query("writers", func(r *row) error {
			if id := r.text(); before == nil || before[id] {
				now[id] = true
			}
			return nil
		}, int4Arg(d.locks.class), int4Arg(lockForeign)))
		if err != nil || len(now) == 0 || time.Since(began) > writersMost {
			return err
		}
		before = now
		select {
		case <-time.After(writersPoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
