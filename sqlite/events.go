package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

const (
	eventsKept = time.Minute // how long events are kept for those who have not read them
	eventsMost = 1 << 16     // and how many
	eventsRead = 4096        // how many are read at a time, and a batch more
)

// events keeps what happened, and drops what is old: two batches for each new
// one, so that the table shrinks to its bounds.
func (t *tx) events(events []pawl.Event) error {
	if len(events) == 0 {
		return nil
	}
	now, err := t.Now()
	if err != nil {
		return err
	}
	first, _, err := t.number(t.ctx, "events_end")
	if err != nil {
		return err
	}
	text, err := json.Marshal(events)
	if err != nil {
		return fmt.Errorf("store events: %w", err)
	}
	if err := t.exec(t.ctx, "add_events", first, len(events), micros(now), text); err != nil {
		return err
	}
	t.db.recent.put(first, events)
	return t.exec(t.ctx, "trim_events", micros(now.Add(-eventsKept)), first-eventsMost, first)
}

// Events implements [durable.Database].
func (d *database) Events(ctx context.Context, after int64) ([]pawl.Event, int64, error) {
	if found, at := d.recent.after(after); len(found) > 0 {
		return found, at, ctx.Err()
	}
	var found []pawl.Event
	at := after
	err := d.read(ctx, func(v *view) error {
		found, at = nil, after
		if after == 0 {
			end, _, err := v.number(v.ctx, "events_end")
			at = end
			return err
		}
		begin, _, err := v.number(v.ctx, "events_begin")
		if err != nil {
			return err
		}
		if begin > after {
			at = begin
			return pawl.ErrMissed
		}
		found, at, err = v.eventsAfter(after)
		return err
	})
	return found, at, err
}

// eventsAfter reads batches of events. Each ends where the next one begins.
func (v *view) eventsAfter(after int64) ([]pawl.Event, int64, error) {
	var found []pawl.Event
	err := v.query(v.ctx, "events", func(rows *sql.Rows) error {
		var first, count int64
		var text sql.RawBytes
		if err := rows.Scan(&first, &count, &text); err != nil {
			return err
		}
		var events []pawl.Event
		if err := json.Unmarshal(text, &events); err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		found = append(found, events...)
		after = first + count
		return nil
	}, after, after+eventsRead)
	return found, after, err
}

// Interest implements [durable.Database].
func (d *database) Interest(ctx context.Context, watcher string, types durable.Types) error {
	return d.write(ctx, func(t *tx) (func() error, error) {
		now, err := t.Now()
		if err != nil {
			return nil, err
		}
		return func() error {
			if err := t.exec(t.ctx, "drop_interest", watcher, micros(now)); err != nil || types == 0 {
				return err
			}
			return t.exec(t.ctx, "set_interest", watcher, types, micros(now.Add(durable.InterestTime)))
		}, nil
	})
}

// Ring implements [durable.Database]. Other processes see that the file has
// changed; they need not be told.
func (d *database) Ring(durable.Bell) {}

// Listen implements [durable.Database]. SQLite counts the commits of other
// connections that a connection has seen; the readers of this process commit
// nothing, so a new count is another process.
func (d *database) Listen(ctx context.Context, heard func(durable.Bell)) error {
	tick := time.NewTicker(d.options.poll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		changed, err := d.othersCommitted(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for commits of other processes: %w", err)
		}
		if changed {
			heard(durable.Bell{Ready: true, Events: true})
		}
	}
}
