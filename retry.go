package pawl

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// Backoff says how long to wait between attempts: a random time from nothing to
// min(Base · 2^used, Max), full jitter.
type Backoff struct {
	Base time.Duration // default 1 second
	Max  time.Duration // default 30 seconds
}

func (b Backoff) withDefaults() Backoff {
	if b.Base == 0 {
		b.Base = time.Second
	}
	if b.Max == 0 {
		b.Max = max(30*time.Second, b.Base)
	}
	return b
}

func (b Backoff) validate() error {
	if b.Base < 0 || b.Max < b.Base {
		return fmt.Errorf("Backoff is from %v to %v; want 0 ≤ Base ≤ Max", b.Base, b.Max)
	}
	return nil
}

// Delay returns the wait after the attempt that is the used-th to fail,
// counted from 1. random is from 0 to 1.
func (b Backoff) Delay(used int, random float64) time.Duration {
	b = b.withDefaults()
	top := b.Max
	// Beyond 2^32 the shift is past every maximum, and would overflow.
	if doublings := max(used-1, 0); doublings < 32 {
		if grown := b.Base << doublings; grown > 0 && grown < b.Max && grown>>doublings == b.Base {
			top = grown
		}
	}
	return time.Duration(random * float64(top))
}

// failure is what is known of an attempt that did not succeed.
type failure struct {
	err   error      // what the handler returned
	cause error      // why its context had ended; nil if it had not
	call  *llm.Error // its latest call's failure; nil if that was answered, or there was none

	outside bool // that call went through another limit than the task's
}

// judge decides what becomes of a task whose attempt failed: it returns the
// attempt's outcome. A lost lease is not judged: there is nothing to record.
func judge(row *TaskRow, b Backoff, f failure, now time.Time, random float64) Finish {
	class, message, after := f.classify()
	out := Finish{Lease: row.Lease(), Attempt: Attempt{Class: class, Message: message}}
	if !row.Deadline.IsZero() && !now.Before(row.Deadline) && class != Stopped {
		out.Attempt.Class, class = Expired, Expired
	}
	switch class {
	case Stopped:
		out.To = Cancelled
	case Released:
		out.To = Pending
	case Snoozed:
		out.To, out.Delay = Scheduled, after
	case llm.Throttled, llm.Blocked:
		// The limit is what waits; the task stays in its place behind it.
		out.To = Pending
		if f.call == nil || f.outside || row.Limit == NoLimit {
			// No limit knows of it, so the task itself must wait.
			out.To, out.Delay = Scheduled, b.Delay(row.Attempt, random)
		}
	case llm.Permanent, Expired, Broken, Changed:
		out.To = Dead
	case llm.NotSent:
		out.To, out.NotSent = Scheduled, true
		out.Attempt.Used = row.NotSent >= maxNotSent
		out.Delay = b.Delay(row.NotSent+1, random)
	default:
		out.To, out.Attempt.Used = Scheduled, true
		out.Delay = b.Delay(row.Used+1, random)
	}
	if after > 0 && out.To == Scheduled {
		out.Delay = after
	}
	if out.Attempt.Used && row.Used+1 >= row.MaxAttempts {
		out.To = Dead
	}
	if out.To == Dead {
		out.Fingerprint = Fingerprint(class, message)
		if next := row.fallback(class); next != nil {
			out.To, out.Fallback, out.Fingerprint = Pending, next, ""
		}
	}
	return out
}

// fallback returns the operation that goes on with a task after a failure for good of
// a class; nil if there is none.
func (r *TaskRow) fallback(class llm.Class) *Stage {
	if r.Links == nil || class == Expired || class == Changed {
		return nil
	}
	for i, f := range r.Links.Fallbacks {
		if len(f.Classes) == 0 || slices.Contains(f.Classes, class) {
			next := f.Stage
			next.Fallbacks = r.Links.Fallbacks[i+1:]
			return &next
		}
	}
	return nil
}

// classify finds the class of a failure: first what the context's end says, then
// what the handler says itself, then the call that failed.
func (f failure) classify() (class llm.Class, message string, after time.Duration) {
	message = "no error"
	if f.err != nil {
		message = f.err.Error()
	}
	switch {
	case errors.Is(f.cause, ErrCancelled):
		return Stopped, message, 0
	case errors.Is(f.cause, ErrDraining):
		return Released, message, 0
	case errors.Is(f.cause, ErrExpired):
		return Expired, ErrExpired.Error() + ": " + message, 0
	}
	var v *verdict
	if errors.As(f.err, &v) {
		return v.class, message, v.after
	}
	var call *llm.Error
	if !errors.As(f.err, &call) {
		call = f.call
	}
	switch {
	case call != nil:
		return call.Class, message, call.RetryAfter
	case errors.Is(f.cause, ErrTimeout) && errors.Is(f.err, context.DeadlineExceeded):
		return llm.Transient, ErrTimeout.Error() + ": " + message, 0
	}
	return llm.Transient, message, 0
}

func jitter() float64 { return rand.Float64() }
