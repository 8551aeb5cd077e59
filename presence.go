package pawl

import (
	"slices"
	"time"
)

// WorkerTime is how long a worker counts as alive after it was last seen. A worker
// claims at least three times within it, if only with a [Claim.Max] of 0.
const WorkerTime = time.Minute

// presence is how often a worker claims though nothing calls it, and how old what
// a store has noted of it may grow.
const presence = WorkerTime / 3

// WorkerStatus is a worker that is alive, as its claims tell.
type WorkerStatus struct {
	Name       string    `json:"name"`
	Operations []string  `json:"operations"` // those that it has handlers for, without the queue's own, which all have
	Queues     []string  `json:"queues"`     // those that it works on; empty for all
	Seen       time.Time `json:"seen"`       // when it last claimed; it may have done so since, for a third of WorkerTime
}

// Alive reports whether the worker was seen within WorkerTime. Stores list those
// that are, and drop the others when a worker comes or is noted anew.
func (w *WorkerStatus) Alive(now time.Time) bool { return now.Sub(w.Seen) <= WorkerTime }

// BeSeen notes a claim of the worker's. It reports false and changes nothing if what
// is noted is true and recent, so that a store need not write it at each claim.
func (w *WorkerStatus) BeSeen(now time.Time, c *Claim) bool {
	age := now.Sub(w.Seen)
	recent := age >= 0 && age < presence // a clock may have been set back
	if recent && w.isOf(c.Operations) && slices.Equal(w.Queues, c.Queues) {
		return false
	}
	operations := slices.DeleteFunc(slices.Clone(c.Operations), isOwnName)
	*w = WorkerStatus{Name: c.Worker, Operations: operations, Queues: slices.Clone(c.Queues), Seen: now}
	return true
}

// isOf reports whether w lists these operations, without the queue's own.
func (w *WorkerStatus) isOf(operations []string) bool {
	i := 0
	for _, o := range operations {
		if isOwnName(o) {
			continue
		}
		if i == len(w.Operations) || w.Operations[i] != o {
			return false
		}
		i++
	}
	return i == len(w.Operations)
}

// Handles reports whether the worker has a handler for an operation, and works on
// a queue.
func (w *WorkerStatus) Handles(operation, queue string) bool {
	return (isOwnName(operation) || slices.Contains(w.Operations, operation)) && (len(w.Queues) == 0 || slices.Contains(w.Queues, queue))
}
