package pawl

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl/llm"
)

var (
	// ErrNotFound is returned for a task that the store does not have: it never
	// had it, or the task was deleted.
	ErrNotFound = errors.New("pawl: task not found")

	// ErrLeaseLost is returned for what a worker writes after its lease ended:
	// another worker may have the task by now, and nothing was changed. It is
	// also the cause of the handler's context when that happens.
	ErrLeaseLost = errors.New("pawl: lease lost")

	// ErrDuplicate is returned by Add under [Reject] when an identical task is
	// in flight. Nothing was added.
	ErrDuplicate = errors.New("pawl: an identical task is in flight")

	// ErrCancelled is returned by Wait for a run that was cancelled, and is the
	// cause of a handler's context when its task is cancelled.
	ErrCancelled = errors.New("pawl: cancelled")

	// ErrDraining is the cause of a handler's context when its worker stops and
	// the grace period is over. The task is given back without using an attempt.
	ErrDraining = errors.New("pawl: worker is draining")

	// ErrTimeout is the cause of a handler's context when the attempt has taken
	// longer than its operation's Timeout. It is retried as a transient failure.
	ErrTimeout = errors.New("pawl: attempt timed out")

	// ErrExpired is the cause of a handler's context when the task's deadline
	// has passed. The task becomes a dead letter.
	ErrExpired = errors.New("pawl: deadline passed")

	// ErrNoBudget is returned where a budget is to be raised or removed that is not
	// there.
	ErrNoBudget = errors.New("pawl: no such budget")

	// ErrConflict is returned by a store's Configure for a limit whose
	// configuration is not what [Setting].Was says. Nothing was changed.
	ErrConflict = errors.New("pawl: somebody else changed it meanwhile")

	// ErrClosed is returned by every call of a store that was closed.
	ErrClosed = errors.New("pawl: store is closed")

	// ErrNoHandler is returned by [Step] and by a call that wants a task, when
	// its context is not that of a handler.
	ErrNoHandler = errors.New("pawl: not inside a handler")
)

// Classes of failure that are the queue's own, beside those of package llm.
const (
	Lost     llm.Class = "lost"     // the worker died or lost its lease: no attempt is used
	Poisoned llm.Class = "poisoned" // its workers died several times in a row: a dead letter
	Expired  llm.Class = "expired"  // its deadline passed: a dead letter
	Released llm.Class = "released" // given back by a worker that drains: no attempt is used
	Snoozed  llm.Class = "snoozed"  // the handler asked to be called later: no attempt is used
	Stopped  llm.Class = "stopped"  // cancelled on request while it ran
	Parked   llm.Class = "parked"   // it waits for other tasks, a signal or a budget: no attempt is used
	Changed  llm.Class = "changed"  // the handler of a Strict operation is not the one that stored its steps: a dead letter
	Broken   llm.Class = "broken"   // a task that it waited for failed for good or was cancelled: a dead letter
)

// DeadError is returned by Wait for a run that has a dead letter.
type DeadError struct {
	Task *TaskRow // the dead letter
}

// Error names the task and says why it died: the class and the first line of its
// last attempt's message.
func (e *DeadError) Error() string {
	last := e.Task.LastAttempt()
	message, _, _ := strings.Cut(last.bare(), "\n")
	return fmt.Sprintf("pawl: %s (%s) is dead: %s: %s", e.Task.ID, e.Task.Operation, last.Class, message)
}

// verdict is what a handler says of its own failure.
type verdict struct {
	err   error
	class llm.Class
	after time.Duration
}

func (v *verdict) Error() string {
	if v.err == nil {
		return string(v.class)
	}
	return v.err.Error()
}

func (v *verdict) Unwrap() error { return v.err }

// Permanent returns an error for which a handler's task becomes a dead letter
// at once.
func Permanent(err error) error { return &verdict{err: err, class: llm.Permanent} }

// RetryAfter returns an error for which a handler's task is retried after d,
// in place of its backoff. It uses an attempt.
func RetryAfter(err error, d time.Duration) error {
	return &verdict{err: err, class: llm.Transient, after: d}
}

// Snooze returns an error for which a handler is called again after d. It is
// not a failure and uses no attempt.
func Snooze(d time.Duration) error { return &verdict{class: Snoozed, after: d} }

// panicError is a handler's panic.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }
