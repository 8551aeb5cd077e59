package pawl

import "slices"

// State is where a task stands between being added and its end.
type State string

// The states of a task.
const (
	Blocked   State = "blocked"   // waits for other tasks or a signal
	Scheduled State = "scheduled" // due later: a delay, or backoff after a failure
	Pending   State = "pending"   // waits for a worker and its limit
	Running   State = "running"   // leased by a worker
	Succeeded State = "succeeded" // ended with an output
	Dead      State = "dead"      // failed for good; a dead letter
	Cancelled State = "cancelled" // ended on request
)

// States lists all states in the order in which a task may pass through them.
func States() []State {
	return []State{Blocked, Scheduled, Pending, Running, Succeeded, Dead, Cancelled}
}

// Ended reports whether a task in state s does nothing more by itself.
func (s State) Ended() bool { return s == Succeeded || s == Dead || s == Cancelled }

// Transition is one legal change of a task's state. From is "" for a task that
// is being added.
type Transition struct {
	From, To State
	Why      string
}

// transitions is the whole state machine; docs/states.md draws it.
var transitions = []Transition{
	{"", Blocked, "added behind others of its parent"},
	{"", Scheduled, "added with a delay"},
	{"", Pending, "added"},
	{"", Succeeded, "added as the copy of another one"},
	{Blocked, Pending, "what it waited for has happened, or its time is up"},
	{Blocked, Dead, "deadline passed"},
	{Blocked, Cancelled, "cancelled"},
	{Scheduled, Pending, "due"},
	{Scheduled, Dead, "deadline passed"},
	{Scheduled, Cancelled, "cancelled"},
	{Pending, Running, "claimed by a worker"},
	{Pending, Dead, "deadline passed"},
	{Pending, Cancelled, "cancelled"},
	{Running, Succeeded, "the handler returned an output"},
	{Running, Blocked, "waits for other tasks or a signal"},
	{Running, Scheduled, "failed and due again after backoff, or snoozed"},
	{Running, Pending, "throttled, given back, handed over to a fallback, or its worker died"},
	{Running, Dead, "failed for good, poisoned, or deadline passed"},
	{Running, Cancelled, "cancelled"},
	{Dead, Blocked, "retried on request, and waits for its turn among others of its parent"},
	{Dead, Pending, "retried on request"},
	{Cancelled, Blocked, "retried on request, and waits for its turn among others of its parent"},
	{Cancelled, Pending, "retried on request"},
}

// Transitions returns the legal changes of state, in the order of States.
func Transitions() []Transition { return slices.Clone(transitions) }

// CanBecome reports whether a task in state s may change to state to.
func (s State) CanBecome(to State) bool {
	for _, t := range transitions {
		if t.From == s && t.To == to {
			return true
		}
	}
	return false
}
