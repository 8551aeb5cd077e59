package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// endings counts how often each task ended, as the store's events tell it.
type endings struct {
	mu    sync.Mutex
	times map[pawl.ID]int
	gaps  int // times that the watch missed events, or was interrupted
	stop  func()
}

// watchEndings watches from now on, until stop is called.
func watchEndings(ctx context.Context, client *pawl.Client) *endings {
	e := &endings{times: map[pawl.ID]int{}}
	ctx, cancel := context.WithCancel(ctx)
	events := client.Events(ctx, pawl.EventEnded)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			for event, err := range events {
				e.note(event, err)
			}
			if ctx.Err() != nil {
				return
			}
			pause(ctx, 100*time.Millisecond)
			events = client.Events(ctx, pawl.EventEnded)
		}
	}()
	e.stop = func() { cancel(); <-done }
	return e
}

func (e *endings) note(event pawl.Event, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err == nil:
		e.times[event.Task]++
	case !errors.Is(err, context.Canceled):
		e.gaps++
	}
}

// settle returns once all of the tasks are known to have ended, or after some
// time: an event comes a moment after what it tells of.
func (e *endings) settle(ctx context.Context, rows []*pawl.TaskRow) {
	for patience := time.Now().Add(5 * time.Second); time.Now().Before(patience) && !e.know(rows); {
		pause(ctx, 50*time.Millisecond)
	}
}

func (e *endings) know(rows []*pawl.TaskRow) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gaps > 0 {
		return true
	}
	for _, r := range rows {
		if e.times[r.ID] == 0 {
			return false
		}
	}
	return true
}
