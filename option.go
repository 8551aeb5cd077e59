package pawl

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// Option changes one call of Add. Options are values of these types: [User],
// [Priority], [Queue], [Limit], [Delay], [Deadline], [Attempts], [Duplicates],
// [Reuse], [Key], [Messages], [Data], [Budget].
type Option interface{ apply(*addition) }

// User says whom a task is done for. Users of a queue and limit take turns by
// the tokens that they use, and tasks of different users are never identical.
type User string

// Queue puts a task into a queue other than the operation's.
type Queue string

// Limit sends a task's calls through a limit other than the operation's.
type Limit string

// Delay is how long after being added a task is due.
type Delay time.Duration

// Deadline is when a task becomes a dead letter if it has not ended; a running
// attempt is stopped then. In a flow it is that of every task.
type Deadline time.Time

// Attempts is how many tries a task may use, in place of the operation's.
type Attempts int

// Reuse is how long ago an identical task may have succeeded for its result to
// answer this one, in place of the operation's.
type Reuse time.Duration

// Key names a task in place of its content: tasks of one user and operation
// with the same key are identical.
type Key string

// Messages is the conversation that a task starts from.
type Messages []llm.Message

// Data is what a task carries beside its input and conversation; it goes along a
// flow. Values are JSON.
type Data map[string]json.RawMessage

// Duplicates says what becomes of a task that is identical to one in flight.
type Duplicates string

// What becomes of a task that is identical to one in flight: same operation and
// version, input, conversation, data and following operations, same user.
const (
	Join    Duplicates = "join"    // it is not added; the caller gets the other one's run and result
	Reject  Duplicates = "reject"  // it is not added; the caller gets ErrDuplicate
	Replace Duplicates = "replace" // it is added, and the other one is cancelled
	Keep    Duplicates = "keep"    // it is added beside the other one
)

func (d Duplicates) validate() error {
	switch d {
	case Join, Reject, Replace, Keep:
		return nil
	}
	return fmt.Errorf("Duplicates is %q; want join, reject, replace or keep", string(d))
}

func (o User) apply(a *addition)       { a.row.User = string(o) }
func (o Queue) apply(a *addition)      { a.spec.Queue = string(o) }
func (o Limit) apply(a *addition)      { a.spec.Limit = string(o) }
func (o Priority) apply(a *addition)   { a.spec.Priority = o }
func (o Delay) apply(a *addition)      { a.delay = time.Duration(o) }
func (o Deadline) apply(a *addition)   { a.row.Deadline = time.Time(o) }
func (o Attempts) apply(a *addition)   { a.spec.Attempts = int(o) }
func (o Duplicates) apply(a *addition) { a.spec.Duplicates = o }
func (o Reuse) apply(a *addition)      { a.spec.Reuse = time.Duration(o) }
func (o Key) apply(a *addition)        { a.key = string(o) }
func (o Messages) apply(a *addition)   { a.messages = o }
func (o Data) apply(a *addition)       { a.row.Data = maps.Clone(o) }
func (o Budget) apply(a *addition)     { a.budget = &o }
