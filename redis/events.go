package redis

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// Entries of the stream are numbered without gaps, so that a reader sees what it
// has missed. A position is one more than the number of the last entry read.

// entriesAtOnce is how many entries are read at a time.
const entriesAtOnce = 64

// Events implements [durable.Database].
func (d *database) Events(ctx context.Context, after int64) ([]pawl.Event, int64, error) {
	c := &commands{}
	c.once("HGET", d.keys.main, "happened")
	if after > 0 {
		c.once("XRANGE", d.keys.events, "("+strconv.FormatInt(after-1, 10)+"-0", "+", "COUNT", strconv.Itoa(entriesAtOnce))
	}
	_, answers, err := d.read(ctx, c)
	if err != nil {
		return nil, 0, fmt.Errorf("read events: %w", err)
	}
	last, err := number(answers[0])
	if err != nil {
		return nil, 0, fmt.Errorf("read events: %w", err)
	}
	if after == 0 {
		return nil, last + 1, nil
	}
	entries, err := entriesOf(answers[1])
	if err != nil {
		return nil, 0, fmt.Errorf("read events: %w", err)
	}
	switch {
	case len(entries) == 0 && last == after-1:
		return nil, after, nil
	case len(entries) == 0:
		return nil, last + 1, pawl.ErrMissed
	case entries[0].number != after:
		return nil, entries[0].number, pawl.ErrMissed
	}
	var events []pawl.Event
	for _, e := range entries {
		events = append(events, e.events...)
	}
	return events, entries[len(entries)-1].number + 1, nil
}

type entry struct {
	number int64
	events []pawl.Event
}

// entriesOf reads the answer of XRANGE: of each entry its id, and its fields and
// values in turns.
func entriesOf(answer any) ([]entry, error) {
	all, err := answersOf(answer, 0)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(all))
	for i, a := range all {
		parts, err := answersOf(a, 2)
		if err != nil {
			return nil, err
		}
		id, _ := parts[0].(string)
		id, _, _ = strings.Cut(id, "-")
		if entries[i].number, err = number(id); err != nil {
			return nil, err
		}
		fields, err := texts(parts[1])
		if err != nil || len(fields) != 2 {
			return nil, errAnswer
		}
		if err := json.Unmarshal([]byte(fields[1]), &entries[i].events); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// Interest implements [durable.Database].
func (d *database) Interest(ctx context.Context, watcher string, types durable.Types) error {
	_, err := d.run(ctx, scriptInterest, []string{d.keys.watchers, d.keys.main},
		watcher, int(types), durable.InterestTime.Milliseconds())
	d.interest.forget()
	if err != nil {
		return fmt.Errorf("say which events are watched: %w", err)
	}
	return nil
}

// watched is which events somebody watches, as it is stored.
type watched struct {
	types string // a number; "" for none yet
	until time.Time
}

func watchedOf(types, until any) (w watched, err error) {
	w.types, _ = types.(string)
	millis, err := number(until)
	w.until = time.UnixMilli(millis)
	return w, err
}

// at returns the types at a time.
func (w *watched) at(now time.Time) (durable.Types, error) {
	if w.types == "" || !now.Before(w.until) {
		return 0, nil
	}
	n, err := number(w.types)
	return durable.Types(n), err
}

// interest is what this process knows of which events are watched. Transactions
// assume it, and commit.lua checks that it is still so.
type interest struct {
	mu    sync.Mutex
	last  watched
	known bool
}

func (i *interest) get() (watched, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last, i.known
}

func (i *interest) set(w watched) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last, i.known = w, true
}

func (i *interest) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.known = false
}
