package pawl

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// The methods below are what a store does to a row in each transition, as pure
// functions of the row and the time. Stores that keep rows in Go call them;
// others mirror them and are held to the same answers.

const (
	maxAttempts = 50  // attempts kept with a row
	maxDeaths   = 3   // workers that may die on a task in a row, none of which stored a step after the one before, until it is poisoned
	maxNotSent  = 100 // failures in a row in which nothing was sent, before they use attempts: an hour and more, with the pauses of a limit whose host cannot be reached
)

// BeAdded makes the row what it is right after being added.
func (r *TaskRow) BeAdded(now time.Time, delay time.Duration, seq int64) {
	r.Added, r.Seq, r.State = now, seq, Pending
	if delay > 0 {
		r.State, r.Due = Scheduled, now.Add(delay)
	}
	if len(r.Steps) > 0 {
		r.link(func(l *Links) { l.Stored = true })
	}
}

// BeKept makes the row, which has its output, what a copy of a task is. It answers no
// other task: its result is older than it.
func (r *TaskRow) BeKept(now time.Time, seq int64) {
	r.Added, r.Ended, r.Seq, r.State = now, now, seq, Succeeded
	r.Due, r.Identity = time.Time{}, Hash{}
}

// BeClaimed gives the row to a worker until lease from now.
func (r *TaskRow) BeClaimed(now time.Time, worker string, lease time.Duration) {
	r.State, r.Worker = Running, worker
	r.Started, r.LeaseUntil, r.Due = now, now.Add(lease), time.Time{}
	r.Attempt++
}

// Holds reports whether l is the row's present lease.
func (r *TaskRow) Holds(l Lease) bool { return r.State == Running && r.Attempt == l.Attempt }

// Recorded reports whether the outcome of l's attempt is recorded already by the
// worker that held it. It is not if the lease ended: then the attempt is lost, or
// the last straw that killed its task.
func (r *TaskRow) Recorded(l Lease) bool {
	for i := range r.Attempts {
		if a := &r.Attempts[i]; a.Number == l.Attempt {
			lost := a.Class == Lost || a.Class == Poisoned || a.Class == Expired && r.Deaths > 0
			return l.Attempt > 0 && !lost
		}
	}
	return false
}

// BeFinished records how the running attempt ended. The caller has checked the lease.
func (r *TaskRow) BeFinished(now time.Time, f Finish) {
	a := f.Attempt
	r.record(now, a)
	r.Deaths = 0
	if a.Used {
		r.Used++
	}
	r.NotSent++
	if !f.NotSent {
		r.NotSent = 0
	}
	to := f.To
	if r.Cancelling && (to != Succeeded || len(f.Follow) > 0) {
		to = Cancelled
	}
	if to == Pending && f.Fallback != nil {
		r.handOver(f.Fallback)
	}
	r.State, r.Cancelling = to, false
	if to != Pending && to != Scheduled {
		r.leave()
	}
	switch to {
	case Scheduled:
		r.Due = now.Add(f.Delay)
	case Blocked:
		if f.Delay > 0 {
			r.Due = now.Add(f.Delay)
		}
		if f.Park != nil && f.Park.Stop != nil {
			r.Due = f.Park.Stop.Until // by the store's clock, which it is of
		}
	case Succeeded:
		r.Output, r.Ended = f.Output, now
		if f.Near != nil && !r.IsAlone() {
			r.link(func(l *Links) { l.Near = f.Near.Scope })
		}
	case Dead:
		r.Fingerprint, r.Ended = f.Fingerprint, now
	case Cancelled:
		r.Ended = now
	}
}

// handOver has another operation go on with the row: with its input, steps and
// conversation, and with all attempts.
func (r *TaskRow) handOver(s *Stage) {
	r.Attempts[len(r.Attempts)-1].As = r.Operation
	r.Operation, r.Queue, r.Limit = s.Operation, s.Queue, s.Limit
	r.MaxAttempts, r.Used, r.NotSent = s.MaxAttempts, 0, 0
	r.Size.Output = s.Tokens
	r.link(func(l *Links) { l.Fallbacks = s.Fallbacks })
	r.leave()
}

// BeLost takes the row back from a worker whose lease ended with calls open, for steps
// as [Attempt.Open] has them. It is pending again, cancelled if that was asked for, expired, or
// poisoned. The attempt keeps what its stored calls have used.
//
// An attempt that stored a step got past what the workers before it died on: its
// death is the first in a row.
func (r *TaskRow) BeLost(now time.Time, open []string) {
	if r.gotFurther() {
		r.Deaths = 0
	}
	r.Deaths++
	a := Attempt{Class: Lost, Unknown: len(open), Open: open, Message: fmt.Sprintf("worker %s stopped beating", r.Worker)}
	if unknown := len(open); unknown > 0 {
		a.Message += fmt.Sprintf("; outcome unknown of %d calls, possibly billed", unknown)
	}
	a.Calls = len(open)
	a.setAnswered(r.Stored())
	switch {
	case r.Cancelling:
		r.State, r.Ended, r.Cancelling = Cancelled, now, false
	case !r.Deadline.IsZero() && !now.Before(r.Deadline):
		a.Class = Expired
		a.Message = "deadline passed while running; " + a.Message
		r.State, r.Ended, r.Fingerprint = Dead, now, Fingerprint(Expired, r.Operation)
	case r.Deaths >= maxDeaths:
		a.Class = Poisoned
		a.Message = fmt.Sprintf("%d workers in a row died on it; the last was %s", r.Deaths, r.Worker)
		r.State, r.Ended, r.Fingerprint = Dead, now, Fingerprint(Poisoned, r.Operation)
	default:
		r.State = Pending
	}
	if r.State.Ended() {
		r.leave()
	}
	r.record(now, a)
}

// Stored returns what the calls amount to whose answers the present attempt has stored.
func (r *TaskRow) Stored() (all ModelSums) {
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Call && s.Attempt == r.Attempt {
			all.add(ModelSum{s.Model, Sum{1, s.Usage, s.Cost}, s.Currency})
		}
	}
	return all
}

// gotFurther reports whether the present attempt has stored a step.
func (r *TaskRow) gotFurther() bool {
	return slices.ContainsFunc(r.Steps, func(s StepRow) bool { return s.Attempt == r.Attempt })
}

// BeExpired makes the row, which has not ended, a dead letter.
func (r *TaskRow) BeExpired(now time.Time) {
	a := Attempt{Number: r.Attempt, Started: now, Ended: now, Class: Expired}
	a.Message = fmt.Sprintf("deadline passed while %s", r.State)
	r.append(a)
	r.State, r.Ended, r.Fingerprint = Dead, now, Fingerprint(Expired, r.Operation)
	r.Due = time.Time{}
	r.endWait()
	r.leave()
}

// BeCancelled cancels a row that waits; one that runs is only marked.
func (r *TaskRow) BeCancelled(now time.Time) {
	if r.State == Running {
		r.Cancelling = true
		return
	}
	r.State, r.Ended, r.Due = Cancelled, now, time.Time{}
	r.endWait()
	r.leave()
}

// BeRetried makes a dead or cancelled row pending again, in its old place. With
// an input in c it starts anew, without the old one's steps.
//
// parent has r in one of its branches; nil if none has, or it is not there any more. If
// that waits for branches of which only so many may be under way, r takes a place of
// these, or is blocked until it gets one, and parent is changed. If that has ended
// without success, r is in line again if it was there when it ended, or if c says so,
// until parent is retried.
func (r *TaskRow) BeRetried(c Change, parent *TaskRow) {
	kept := r.Awaited() && !r.Links.InLine // its place
	back := c.InLine || r.Links != nil && r.Links.InLine
	r.State, r.Ended, r.Fingerprint = Pending, time.Time{}, ""
	r.Used, r.Deaths, r.NotSent, r.Deadline = 0, 0, 0, time.Time{}
	if r.Links != nil {
		r.link(func(l *Links) {
			l.InLine, l.Near = false, Hash{}
			if c.Input != nil {
				l.Signals, l.Alone = nil, false
			}
		})
	}
	if c.Input != nil {
		r.Size.Chars += len(c.Input) - len(r.Input)
		r.Input, r.Identity = c.Input, c.Identity
		r.Steps, r.Head = nil, Hash{}
	}
	switch {
	case parent == nil:
	case parent.State == Dead || parent.State == Cancelled:
		if back {
			r.BeInLine()
		}
	default:
		parent.takeBack(r, kept)
	}
}

func (r *TaskRow) record(now time.Time, a Attempt) {
	a.Number, a.Worker, a.Started, a.Ended = r.Attempt, r.Worker, r.Started, now
	r.LeaseUntil = time.Time{}
	r.append(a)
}

// append keeps the first attempt and the latest ones. It never changes the
// array behind Attempts, which copies of the row share.
func (r *TaskRow) append(a Attempt) {
	kept := r.Attempts
	if len(kept) == maxAttempts {
		kept = append(kept[:1:1], kept[2:]...)
	}
	r.Attempts = append(kept[:len(kept):len(kept)], a)
}

var (
	fingerprintIDs     = regexp.MustCompile(`(?i)\b(?:[a-z]+_[a-z0-9_-]{8,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]+|[0-9a-f]{16,})\b`)
	fingerprintNumbers = regexp.MustCompile(`\d+(?:[.,:]\d+)*`)
)

const fingerprintChars = 300 // of a message; a stack or a body behind it varies

// Fingerprint names the cause of a failure: its class and message with numbers
// and identifiers taken out, as 16 hexadecimal digits.
func Fingerprint(class llm.Class, message string) string {
	if len(message) > fingerprintChars {
		message = message[:fingerprintChars]
	}
	message = fingerprintIDs.ReplaceAllString(message, "ID")
	message = fingerprintNumbers.ReplaceAllString(message, "N")
	sum := sha256.Sum256([]byte(string(class) + "\x00" + message))
	return hex.EncodeToString(sum[:8])
}
