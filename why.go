package pawl

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl/limit"
)

// Why says what a task waits for. Of several things it names one: what no waiting
// changes comes before what opens by itself.
type Why struct {
	Task  ID     `json:"task"`
	State State  `json:"state"`
	Queue string `json:"queue"`

	// Place counts from 1, which is next; 0 for a task that is not pending. Tasks of
	// a higher priority and those whose turn comes first stand in front. It moves as
	// tasks start, and back if others come that go first.
	Place int `json:"place,omitempty"`

	Gate   Hindrance `json:"gate"`
	Reason string    `json:"reason"` // a sentence, without a full stop

	Limit  string    `json:"limit,omitempty"`  // the limit that the gate is of
	Budget string    `json:"budget,omitempty"` // the name of the budget that is used up, also where something else is the gate
	Behind ID        `json:"behind,omitzero"`  // the near-duplicate that is waited for
	User   string    `json:"user,omitempty"`   // whose ceiling it is
	Bucket string    `json:"bucket,omitempty"` // what is used up, as in limit.Gate
	Level  float64   `json:"level,omitempty"`  // of the bucket: what is left
	Need   float64   `json:"need,omitempty"`   // of the bucket: what the task's first call needs
	Until  time.Time `json:"until,omitzero"`   // when the gate likely opens for a task that is next; zero is unknown

	// Start is when the task likely starts, if those in front use what recent tasks
	// used, and nothing comes that goes first; zero if that cannot be known, and for
	// a task that runs or has ended.
	Start time.Time `json:"start,omitzero"`
}

// Hindrance is what keeps a task from starting.
type Hindrance string

// What keeps a task from starting, in the order in which Why looks for it.
const (
	HinderedDone        Hindrance = "done"        // it has ended
	HinderedRunning     Hindrance = "running"     // it runs; what its calls wait for, its worker knows
	HinderedDependency  Hindrance = "dependency"  // it waits for other tasks, or for a signal
	HinderedSimilar     Hindrance = "similar"     // a near-duplicate is under way, whose result it may take
	HinderedBudget      Hindrance = "budget"      // a budget is used up: it is blocked, or will be at its next call
	HinderedQueue       Hindrance = "queue"       // its queue is paused
	HinderedWorker      Hindrance = "worker"      // no worker that is alive has a handler for it
	HinderedHold        Hindrance = "hold"        // its limit is held
	HinderedSchedule    Hindrance = "schedule"    // it is due later
	HinderedPause       Hindrance = "pause"       // its limit pauses after a throttle, or one call tries it
	HinderedUnreachable Hindrance = "unreachable" // the provider cannot be reached
	HinderedCeiling     Hindrance = "ceiling"     // its user may use no more for now
	HinderedLimit       Hindrance = "limit"       // a limit is used up for now
	HinderedTurn        Hindrance = "turn"        // others come first, and all workers are busy
	NotHindered         Hindrance = ""            // it starts with the next claim
)

// Why says what a task waits for, where it stands, and when it likely starts. It
// returns ErrNotFound if there is no such task.
func (c *Client) Why(ctx context.Context, id ID) (Why, error) {
	s, err := c.store.Explain(ctx, c.now, id)
	if err != nil {
		return Why{}, err
	}
	return s.Why(), nil
}

// Why returns what a Standing means.
func (s *Standing) Why() Why { return s.first().then(s.Stop) }

// first returns what comes before the task's next call.
func (s *Standing) first() Why {
	r := s.Row
	w := Why{Task: r.ID, State: r.State, Queue: r.Queue, Start: s.Next}
	if r.State == Pending {
		w.Place = s.Ahead + 1
	}
	switch {
	case r.State == Dead:
		return w.because(HinderedDone, "it %s at %s%s", past[r.State], clockTime(r.Ended), r.failure())
	case r.State.Ended():
		return w.because(HinderedDone, "it %s at %s", past[r.State], clockTime(r.Ended))
	case r.State == Running && r.Cancelling:
		return w.because(HinderedRunning, "worker %s has run it since %s, and was asked to stop it", r.Worker, clockTime(r.Started))
	case r.State == Running:
		return w.because(HinderedRunning, "worker %s has run it since %s; what its calls wait for, only the worker knows", r.Worker, clockTime(r.Started))
	case r.State == Blocked && r.Links != nil && r.Links.Wait != nil && r.Links.Wait.Budget != "":
		w.Until, w.Start, w.Budget = r.Due, r.Due, r.Links.Wait.Budget
		return w.because(HinderedBudget, "%s", r.blockedBy())
	case r.State == Blocked && r.Links != nil && r.Links.Wait != nil && !r.Links.Wait.Behind.IsZero():
		w.Start, w.Behind = time.Time{}, r.Links.Wait.Behind
		return w.because(HinderedSimilar, "%s", r.blockedBy())
	case r.State == Blocked:
		w.Until, w.Start = r.Due, time.Time{}
		return w.because(HinderedDependency, "%s", r.blockedBy())
	case s.Paused:
		return w.because(HinderedQueue, "queue %s is paused, until it is resumed", r.Queue)
	case s.Workers == 0:
		return w.because(HinderedWorker, "no worker that is alive has a handler for operation %s in queue %s", r.Operation, r.Queue)
	}
	gate, kind := s.foremost()
	switch {
	case r.State == Scheduled && (kind != HinderedHold || !gate.Until.IsZero() && !gate.Until.After(r.Due)):
		w.Until = r.Due
		return w.because(HinderedSchedule, "%s, and is due at %s", s.delayed(), clockTime(r.Due))
	case kind == NotHindered:
		return s.inTurn(w)
	}
	return w.at(gate, kind, r)
}

// then adds that a budget stops the task's next call, once it has started. It is what
// to look at if nothing keeps the task from that.
func (w Why) then(s *Stop) Why {
	if s == nil {
		return w
	}
	if w.Budget = s.Budget; w.Gate == NotHindered {
		w.Gate, w.Until = HinderedBudget, s.Until
	}
	w.Reason = fmt.Sprintf("%s; its next call is then blocked %s: %s", w.Reason, until(s.Until, "until the budget is raised"), s.Why)
	return w
}

var past = map[State]string{Succeeded: "succeeded", Dead: "failed for good", Cancelled: "was cancelled"}

// failure says how the last attempt of a dead task failed, to follow what happened; "" if it
// made none.
func (r *TaskRow) failure() string {
	last := r.LastAttempt()
	if last.Class == "" {
		return ""
	}
	message, _, _ := strings.Cut(strings.TrimSuffix(last.Message, " ("+string(last.Class)+")"), "\n")
	return fmt.Sprintf(", in attempt %d: %s: %s", last.Number, last.Class, message)
}

// blockedBy says what a blocked task waits for.
func (r *TaskRow) blockedBy() string {
	switch {
	case r.IsInLine():
		return fmt.Sprintf("it waits for its turn among the branches of %s", r.Parent())
	case r.Links == nil || r.Links.Wait == nil:
		return "it waits for other tasks to end"
	}
	wait, until := r.Links.Wait, ""
	if !r.Due.IsZero() {
		until = ", until " + clockTime(r.Due)
	}
	switch {
	case wait.Budget != "":
		return fmt.Sprintf("%s%s; raising the budget has it go on", r.LastAttempt().Message, until)
	case !wait.Behind.IsZero():
		return fmt.Sprintf("it waits for %s, a near-duplicate that is under way", wait.Behind)
	case wait.Signal != "":
		return fmt.Sprintf("it waits for signal %q%s", wait.Signal, until)
	case wait.Branches == 1:
		return "it waits for 1 branch to end" + until
	}
	return fmt.Sprintf("it waits for %s branches to end%s", number(float64(wait.Branches)), until)
}

// delayed says why a task is due later.
func (s *Standing) delayed() string {
	if last := s.Row.LastAttempt(); last.Class == Parked {
		return "it " + last.Message + ", at which it looks again"
	} else if last.Class != "" {
		return fmt.Sprintf("attempt %d failed (%s)", last.Number, last.Class)
	}
	return "it was added with a delay"
}

func (w Why) because(kind Hindrance, format string, args ...any) Why {
	w.Gate, w.Reason = kind, fmt.Sprintf(format, args...)
	return w
}

// inTurn explains a task that only others keep waiting.
func (s *Standing) inTurn(w Why) Why {
	switch s.Ahead {
	case 0:
		return w.because(NotHindered, "it starts with the next claim")
	case 1:
		return w.because(HinderedTurn, "1 task comes first, and all workers are busy")
	}
	return w.because(HinderedTurn, "%s tasks come first, and all workers are busy", number(float64(s.Ahead)))
}

// hindrances are the kinds of gates, the one that is named first in front.
var hindrances = []Hindrance{HinderedHold, HinderedUnreachable, HinderedPause, HinderedCeiling, HinderedLimit}

// foremost returns the gate to name: of the first kind that there is, the one
// that closes longest.
func (s *Standing) foremost() (limit.Gate, Hindrance) {
	for _, kind := range hindrances {
		gate := limit.Gate{}
		for _, g := range s.Gates {
			if hindranceOf(g) == kind {
				gate = limit.Longer(gate, g)
			}
		}
		if gate != (limit.Gate{}) {
			return gate, kind
		}
	}
	return limit.Gate{}, NotHindered
}

func hindranceOf(g limit.Gate) Hindrance {
	switch g.Name {
	case "held":
		return HinderedHold
	case "unreachable":
		return HinderedUnreachable
	case "paused", "probe":
		return HinderedPause
	}
	if g.User != "" {
		return HinderedCeiling
	}
	return HinderedLimit
}

// at explains a task that a gate keeps waiting.
func (w Why) at(g limit.Gate, kind Hindrance, r *TaskRow) Why {
	w.Limit, w.User = cmp.Or(g.Limit, r.Limit), g.User
	w.Level, w.Need, w.Until = g.Level, g.Need, g.Until
	named := "limit " + w.Limit
	switch g.Name {
	case "held":
		return w.because(kind, "%s is held %s: %s", named, until(g.Until, "until it is resumed"), g.Reason)
	case "unreachable":
		return w.because(kind, "the provider of %s cannot be reached (%s); one call tries it at %s", named, g.Reason, clockTime(g.Until))
	case "paused":
		return w.because(kind, "%s pauses until %s: %s", named, clockTime(g.Until), cmp.Or(g.Reason, "the provider refused a call"))
	case "probe":
		return w.because(kind, "one call tries %s after a pause", named)
	case "in flight":
		return w.because(kind, "%s: %s", named, cmp.Or(g.Reason, "as many calls are in flight as it allows"))
	case "learning":
		return w.because(kind, "%s: %s", named, g.Reason)
	}
	w.Bucket = g.Name
	left := fmt.Sprintf("%s has %s left", named, amountOf(g))
	if g.User != "" {
		left += " for user " + g.User
	}
	if g.Level >= g.Need {
		return w.because(kind, "%s, some of which is kept for others; its first call needs %s", left, number(g.Need))
	}
	return w.because(kind, "%s; its first call needs %s", left, number(g.Need))
}

// amountOf is what is left of a bucket: "1,234 input tokens".
func amountOf(g limit.Gate) string {
	level := number(max(g.Level, 0))
	if what, daily := strings.CutSuffix(g.Name, " a day"); daily {
		return fmt.Sprintf("%s of the day's %s", level, what)
	}
	return level + " " + g.Name
}

// until is a time for people, or what to say if there is none.
func until(at time.Time, unknown string) string {
	if at.IsZero() {
		return unknown
	}
	return "until " + clockTime(at)
}

// clockTime is a time for people, in their time zone, which it names.
func clockTime(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05 MST") }

// number writes a number with a comma after every third digit, and those after the
// point only where they matter.
func number(v float64) string {
	if v < 100 && v != math.Trunc(v) {
		return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
	}
	s := strconv.FormatFloat(math.Floor(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
