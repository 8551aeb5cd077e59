package pawl

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// Task is one piece of work as its handler sees it. It is the handler's for
// the time of the call; keep nothing of it afterwards.
type Task[In any] struct {
	ID      ID
	Run     ID     // the run that the task belongs to
	User    string // whom it is done for; "" if nobody was named
	Attempt int    // counts from 1, tries that used no attempt included
	Input   In

	attempt *attempt
}

// Priority orders tasks of one queue and limit: higher always starts first.
// As an option of Add it overrides the operation's.
type Priority int8

// The priorities.
const (
	Low    Priority = -1
	Normal Priority = 0
	High   Priority = 1
)

// Priorities lists the priorities, highest first.
func Priorities() []Priority { return []Priority{High, Normal, Low} }

var priorityNames = map[Priority]string{Low: "low", Normal: "normal", High: "high"}

// String returns "low", "normal" or "high".
func (p Priority) String() string {
	if name, ok := priorityNames[p]; ok {
		return name
	}
	return fmt.Sprintf("Priority(%d)", int8(p))
}

// MarshalText returns the priority's name.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText sets p from its name.
func (p *Priority) UnmarshalText(b []byte) error {
	for q, name := range priorityNames {
		if name == string(b) {
			*p = q
			return nil
		}
	}
	return fmt.Errorf("pawl: priority is %q; want high, normal or low", b)
}

// TaskRow is a task as a store keeps it. Rows handed out by a store are the
// caller's own; the bytes that they refer to are shared and must not be changed.
type TaskRow struct {
	ID        ID       `json:"id"`
	Run       ID       `json:"run"`
	Operation string   `json:"operation"`
	Queue     string   `json:"queue"`
	Limit     string   `json:"limit"`
	User      string   `json:"user,omitempty"`
	Priority  Priority `json:"priority"`
	State     State    `json:"state"`
	Identity  Hash     `json:"identity,omitzero"` // for deduplication; zero for a task that is never joined
	Seq       int64    `json:"seq"`               // its place in its user's line, kept by retries; the store sets it

	Input        json.RawMessage            `json:"input"`
	Output       json.RawMessage            `json:"output,omitempty"`
	Conversation Hash                       `json:"conversation,omitzero"` // what it started from
	Head         Hash                       `json:"head,omitzero"`         // where the last stored step took the conversation
	Data         map[string]json.RawMessage `json:"data,omitempty"`        // what earlier steps handed on
	Next         []Stage                    `json:"next,omitempty"`        // what follows it in its flow; see [TaskRow.Follows]
	Links        *Links                     `json:"links,omitempty"`       // nil for a task that stands alone
	Size         limit.Size                 `json:"size"`                  // what its first call is expected to cost

	Attempt     int       `json:"attempt"`            // of the last claim, counted from 1; with the ID it is the fencing token
	Used        int       `json:"used"`               // attempts that count against MaxAttempts
	Deaths      int       `json:"deaths,omitempty"`   // workers that died on it in a row
	NotSent     int       `json:"not_sent,omitempty"` // failures in a row in which nothing was sent
	MaxAttempts int       `json:"max_attempts"`
	Attempts    []Attempt `json:"attempts,omitempty"` // the first, and the last 49 when there were more than 50
	Steps       []StepRow `json:"steps,omitempty"`    // stored results, oldest first; not in lists

	Added      time.Time `json:"added"`
	Due        time.Time `json:"due,omitzero"`      // when a scheduled task becomes pending
	Deadline   time.Time `json:"deadline,omitzero"` // zero for none
	Started    time.Time `json:"started,omitzero"`  // of the last attempt
	Ended      time.Time `json:"ended,omitzero"`
	LeaseUntil time.Time `json:"lease_until,omitzero"`

	Worker      string `json:"worker,omitempty"`      // of the last attempt
	Fingerprint string `json:"fingerprint,omitempty"` // of a dead letter's error
	Cancelling  bool   `json:"cancelling,omitempty"`  // it runs, and was asked to stop
}

// LastAttempt returns the latest recorded attempt, the zero Attempt if there is none.
func (r *TaskRow) LastAttempt() Attempt {
	if len(r.Attempts) == 0 {
		return Attempt{}
	}
	return r.Attempts[len(r.Attempts)-1]
}

// Usage returns the tokens of all calls whose response was stored or lost
// after it was counted.
func (r *TaskRow) Usage() llm.Usage {
	var sum llm.Usage
	for _, a := range r.Attempts {
		sum = sum.Add(a.Usage)
	}
	return sum
}

// Lost returns the key in the ledger of the earlier call that c is sent again for, or in
// place of, and whose outcome is unknown: the latest one; "" if there is none. open is the
// steps of such calls of the present attempt.
func (r *TaskRow) Lost(c *Reservation, open []string) string {
	key := c.lostIn(open, r.Attempt)
	for i := len(r.Attempts) - 1; i >= 0 && key == ""; i-- {
		key = c.lostIn(r.Attempts[i].Open, r.Attempts[i].Number)
	}
	return key
}

func (c *Reservation) lostIn(open []string, attempt int) string {
	for _, step := range slices.Backward(open) {
		if step != "" && (step == c.Step || slices.Contains(c.Instead, step)) {
			return callIn(step, attempt)
		}
	}
	return ""
}

// callIn returns the key of the call for a step in an attempt.
func callIn(step string, attempt int) string { return step + "/" + strconv.Itoa(attempt) }

// WaitsForBudget reports whether r is blocked by a budget of a name.
func (r *TaskRow) WaitsForBudget(name string) bool {
	return r.State == Blocked && r.Links != nil && r.Links.Wait != nil && name != "" && r.Links.Wait.Budget == name
}

// BeBare takes from a copy of a row what its task was given and never changes: Input,
// Data, Next, Conversation, Identity, MaxAttempts and Added. What has become of the task
// stays, its Output among it.
func (r *TaskRow) BeBare() {
	r.Input, r.Data, r.Next, r.Conversation, r.Identity = nil, nil, nil, Hash{}, Hash{}
	r.MaxAttempts, r.Added = 0, time.Time{}
}

// Lease is a worker's right to a task until the lease ends: the fencing token.
type Lease struct {
	Task    ID
	Attempt int
}

// Lease returns the right that the claim behind this row gave.
func (r *TaskRow) Lease() Lease { return Lease{r.ID, r.Attempt} }

// Attempt is one try of a task.
type Attempt struct {
	Number   int           `json:"number"`
	Worker   string        `json:"worker"`
	Started  time.Time     `json:"started"`
	Ended    time.Time     `json:"ended"`
	Usage    llm.Usage     `json:"usage,omitzero"`
	Calls    int           `json:"calls,omitempty"`    // calls that were sent
	Saved    int           `json:"saved,omitempty"`    // calls and steps answered from the store
	Failed   int           `json:"failed,omitempty"`   // of Calls, those that failed or were refused: none is known to be billed
	Unknown  int           `json:"unknown,omitempty"`  // of Calls, those whose outcome is unknown: possibly billed
	Open     []string      `json:"open,omitempty"`     // the steps of these calls, which a later attempt asks again; the store sets it
	Class    llm.Class     `json:"class,omitempty"`    // "" if it succeeded
	As       string        `json:"as,omitempty"`       // the operation that failed, if another one went on with the task
	Message  string        `json:"message,omitempty"`  // of the error
	Waited   time.Duration `json:"waited,omitempty"`   // for limits, inside the attempt
	Cost     price.Money   `json:"cost,omitempty"`     // of Usage, as far as the models have prices
	Currency string        `json:"currency,omitempty"` // of Cost; "" if that is 0
	Model    string        `json:"model,omitempty"`    // of the answered calls, as the requests named it, if all were of one
	Models   ModelSums     `json:"models,omitempty"`   // the answered calls by model, if they were of several; nil if not
	Spared   llm.Usage     `json:"spared,omitzero"`    // tokens that were not paid again, thanks to stored calls
	Unasked  int           `json:"unasked,omitempty"`  // stored steps that it did not ask for, though it succeeded: its code or its data has changed
	Used     bool          `json:"used,omitempty"`     // whether it counts against MaxAttempts
}

// bare is the message for where the class is told beside it: those of an [llm.Error]
// end with it.
func (a *Attempt) bare() string { return strings.TrimSuffix(a.Message, " ("+string(a.Class)+")") }

// StepRow is a stored step of a task.
type StepRow struct {
	Key    string        `json:"key"`  // unique within the task: what was done, and how often before
	Name   string        `json:"name"` // the step's name, "ask" for a call made with Ask
	Result []byte        `json:"result"`
	Call   bool          `json:"call,omitempty"` // whether it is a model call
	Usage  llm.Usage     `json:"usage,omitzero"`
	Head   Hash          `json:"head,omitzero"` // the conversation after it
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took"`

	// What a call's Usage did cost; Currency is "" if its model has no price.
	Model    string      `json:"model,omitempty"` // as the request named it
	Cost     price.Money `json:"cost,omitempty"`
	Currency string      `json:"currency,omitempty"`

	Attempt int `json:"attempt"` // the attempt that stored it
}
