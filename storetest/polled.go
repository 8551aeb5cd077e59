package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// Polled returns a store whose watches deliver events at intervals only, with
// hints that nobody needs among them, as a store across a network may.
func Polled(store pawl.Store, every time.Duration) pawl.Store { return polled{store, every} }

type polled struct {
	pawl.Store
	every time.Duration
}

func (p polled) Watch(ctx context.Context, f pawl.EventFilter) (pawl.Watch, error) {
	w, err := p.Store.Watch(ctx, f)
	if err != nil {
		return nil, err
	}
	return polledWatch{w, p.every, len(f.Types) == 0 || slices.Contains(f.Types, pawl.EventReady)}, nil
}

type polledWatch struct {
	pawl.Watch
	every time.Duration
	hints bool
}

// Next waits for events, and then for an interval more.
func (w polledWatch) Next(ctx context.Context) ([]pawl.Event, error) {
	events, err := w.Watch.Next(ctx)
	if err != nil {
		return events, err
	}
	<-time.After(w.every) // not ended by ctx: the events are taken, and must be delivered
	if w.hints {
		events = append([]pawl.Event{{Type: pawl.EventReady, At: events[0].At}}, events...)
	}
	return events, nil
}
