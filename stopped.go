package pawl

import (
	"errors"
	"fmt"

	"github.com/pawlhq/pawl/llm"
)

// ErrBudget is what a call returns that a [Budget] does not let go, with the budget and
// its numbers. Return it: the task is blocked until the budget is raised or its next
// period begins, and goes on with what it has stored.
var ErrBudget = errors.New("pawl: a budget is used up")

// stopped is the failure of a call that a budget stops.
func (a *attempt) stopped(s *Stop) error {
	if s.Never {
		return &llm.Error{Class: llm.Permanent, Message: s.Why}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop == nil || s.Outlasts(a.stop) {
		a.stop = s // what ends last is waited for
	}
	a.clock++
	a.unmet, a.stopAt = true, a.clock
	return fmt.Errorf("%w: %s", ErrBudget, s.Why)
}

// stoppedBy returns the budget that has stopped a call of the attempt, nil if none has,
// and whether no later call made up for that.
func (a *attempt) stoppedBy() (s *Stop, unmet bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stop, a.unmet
}

// finish is the outcome of an attempt whose handler could not go on within a budget.
func (s *Stop) finish(l Lease) Finish {
	f := Finish{Lease: l, To: Blocked, Park: &Park{Stop: s}}
	f.Attempt.Class, f.Attempt.Message = Parked, s.Why
	return f
}

// isStopped reports whether a handler one of whose calls was stopped failed for that.
// Unless a later call was answered it did, if it does not say something else itself, or
// return another call's failure: code that does not wrap errors says neither.
func (o *outcome) isStopped(unmet bool) bool {
	var said *verdict
	var call *llm.Error
	var crash *panicError
	switch {
	case o.err == nil || o.cause != nil || errors.As(o.err, &said):
		return false
	case errors.Is(o.err, ErrBudget):
		return true
	}
	return unmet && !errors.As(o.err, &call) && !errors.As(o.err, &crash)
}
