package pawl

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// EventType says what happened.
type EventType string

// The types of events.
const (
	EventAdded   EventType = "added"
	EventJoined  EventType = "joined" // an identical task was added and joined to this one, or takes its result
	EventStarted EventType = "started"
	EventStep    EventType = "step"    // a step was stored
	EventRetried EventType = "retried" // running no longer, and to be tried again: see State and Class
	EventEnded   EventType = "ended"   // succeeded, dead or cancelled: see State

	// EventBudget warns of a budget, or says that one is used up: see Message. It
	// names the task whose call it was.
	EventBudget EventType = "budget"

	// EventReady is a hint for workers: there may be something to claim that the
	// last Claim did not find. It names no task.
	EventReady EventType = "ready"
	// EventCancelling says that a running task was asked to stop.
	EventCancelling EventType = "cancelling"
)

// Event is something that happened to a task.
type Event struct {
	Type      EventType `json:"type"`
	At        time.Time `json:"at"`
	Task      ID        `json:"task,omitzero"`
	Run       ID        `json:"run,omitzero"`
	Branch    ID        `json:"branch,omitzero"` // of what has ended: see [TaskRow.Branch]
	Operation string    `json:"operation,omitempty"`
	Queue     string    `json:"queue,omitempty"`
	User      string    `json:"user,omitempty"`
	State     State     `json:"state,omitempty"`
	Attempt   int       `json:"attempt,omitempty"`
	Step      string    `json:"step,omitempty"`    // the name of the stored step
	Class     llm.Class `json:"class,omitempty"`   // of the failure
	Message   string    `json:"message,omitempty"` // of the failure, or about the budget
}

// EventFilter selects events. Each field that is set narrows the selection.
type EventFilter struct {
	Types []EventType
	Run   ID
}

// ErrMissed is returned by a Watch whose reader was too slow: events between
// the last ones and the next are gone.
var ErrMissed = errors.New("pawl: events were missed")

// Events subscribes to what happens to tasks from now on and yields it until
// ctx ends or the loop stops. [ErrMissed] is yielded where events were lost to a
// slow reader, and the sequence goes on; any other error ends it. Give no types
// for all but the engine's own hints.
func (c *Client) Events(ctx context.Context, types ...EventType) iter.Seq2[Event, error] {
	if len(types) == 0 {
		types = []EventType{EventAdded, EventJoined, EventStarted, EventStep, EventRetried, EventEnded, EventBudget}
	}
	watch, err := c.store.Watch(ctx, EventFilter{Types: types})
	if err != nil {
		return func(yield func(Event, error) bool) { yield(Event{}, err) }
	}
	stop := context.AfterFunc(ctx, watch.Close)
	return func(yield func(Event, error) bool) {
		defer stop()
		defer watch.Close()
		for {
			events, err := watch.Next(ctx)
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
			if err != nil && (!yield(Event{}, err) || !errors.Is(err, ErrMissed)) {
				return
			}
		}
	}
}
