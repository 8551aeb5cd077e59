package pawl

import (
	"context"
	"encoding/json"
	"time"

	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// Store keeps tasks, limits, conversations and events. It is the contract
// between the engine and the stores; package storetest is its test.
//
// Every call is atomic, takes many items at once and answers each of them in
// the same order. An error that is returned for the whole call means that it
// is not known whether it took effect; doing it again is safe, because each
// item carries what makes it the same: a task's ID, a lease, a step's key.
//
// A zero now means the store's own clock, which is what the engine passes:
// workers need not agree on the time. Tests pass their own.
//
// How a task's outcome is recorded exactly once:
//
//  1. Claim gives a task to one worker with a lease, and counts Attempt up.
//     A crash here leaves the task running until its lease ends.
//  2. Beat prolongs the lease. A worker that stops beating loses it: the task
//     is pending again, in its old place, and Attempt moves on at the next claim.
//  3. Reserve says that a call is about to be sent. A crash after this, and
//     before 4, is the window in which a call may be paid twice; whoever finds
//     the dead worker's task records the open call as unknown.
//  4. Save stores the call's response together with its settlement.
//  5. Finish records the outcome, the attempt, what was not settled, and the
//     tasks that follow, together. A crash before it repeats the handler, which
//     gets its stored steps back; a crash after it changes nothing.
//
// Reserve, Save and Finish are fenced: with a lease that is no longer held
// they answer ErrLeaseLost and change nothing.
type Store interface {
	Tasks
	Limits
	Ledger
	Contexts
	Events

	// Close releases the store. Calls under way end; later ones return ErrClosed.
	Close() error
}

// Tasks is the part of a store that keeps tasks.
type Tasks interface {
	// Add stores tasks, or finds the ones that they duplicate.
	Add(ctx context.Context, now time.Time, tasks []NewTask) ([]Added, error)

	// Claim leases pending tasks in order, as many as their limits admit now,
	// with their steps. It also makes due tasks pending, ends those whose deadline
	// has passed, takes tasks back from workers whose leases ended, and notes that
	// the worker lives.
	Claim(ctx context.Context, now time.Time, c Claim) (Claimed, error)

	// Beat prolongs leases until lease from now.
	Beat(ctx context.Context, now time.Time, lease time.Duration, held []Lease) ([]Beat, error)

	// Save stores what happened inside running tasks: steps and settled calls.
	Save(ctx context.Context, now time.Time, saves []Save) ([]error, error)

	// Finish records how attempts ended. Finishing again with the same lease is
	// no error and changes nothing.
	Finish(ctx context.Context, now time.Time, finishes []Finish) ([]error, error)

	// Change applies a change to the tasks that f selects and that it can apply
	// to; it returns their ids.
	Change(ctx context.Context, now time.Time, f Filter, c Change) ([]ID, error)

	// List returns the tasks that f selects, oldest first, without their steps
	// unless f asks for them, and without what they were given if f asks for bare rows.
	List(ctx context.Context, now time.Time, f Filter) ([]*TaskRow, error)

	// Groups returns the dead letters that f selects by fingerprint and class,
	// the largest group first.
	Groups(ctx context.Context, now time.Time, f Filter) ([]Group, error)
}

// Limits is the part of a store that keeps limits, budgets and queues.
type Limits interface {
	// Reserve takes what calls will cost from their limits and budgets and says when
	// they may be sent. Calls of one lease and key are reserved once.
	Reserve(ctx context.Context, now time.Time, calls []Reservation) ([]Grant, error)

	// Configure changes limits, budgets and queues, creating those that are new.
	Configure(ctx context.Context, now time.Time, settings []Setting) error

	// Status returns the queues, the limits, the budgets and the workers that are
	// alive, each sorted by name.
	Status(ctx context.Context, now time.Time) (Status, error)

	// Explain returns where a task stands and what it waits for, or ErrNotFound.
	// It changes nothing.
	Explain(ctx context.Context, now time.Time, id ID) (Standing, error)
}

// Ledger is the part of a store that keeps account of calls. An entry is there in the
// same moment as the call is settled. Entries are kept for 30 days, and sums by the
// hour for 90; sums by the day for ever.
type Ledger interface {
	// Usage returns what the entries that f selects amount to, by dimensions, sorted
	// by their key, without rows of which all is zero.
	Usage(ctx context.Context, now time.Time, f LedgerFilter, by []Dimension) ([]UsageRow, error)

	// Entries returns the entries that f selects, at least those of the first hour
	// that has any, by At, Task and Key.
	Entries(ctx context.Context, now time.Time, f LedgerFilter) (Entries, error)
}

// Contexts is the part of a store that keeps conversations, and tells which tasks have
// the same one.
type Contexts interface {
	// Conversation returns the nodes from the first message to head, which must
	// be stored. The zero Hash gives none.
	Conversation(ctx context.Context, head Hash) ([]Node, error)

	// Near returns, for each look, the tasks of a scope whose results may answer a
	// near-duplicate, now or when they succeed, and which texts are never to be taken for
	// the same. A look that has a task be under way sees all that came before it.
	Near(ctx context.Context, now time.Time, looks []Look) ([]Nearby, error)
}

// Events is the part of a store that tells what happens.
type Events interface {
	// Watch starts a subscription. It sees every event after Watch has returned.
	Watch(ctx context.Context, f EventFilter) (Watch, error)
}

// Watch is a subscription to events, for one goroutine.
type Watch interface {
	// Next waits for events and returns them in order. ErrMissed says that the
	// reader was too slow and events are gone; the watch goes on after them.
	Next(ctx context.Context) ([]Event, error)
	// Close ends the subscription.
	Close()
}

// NewTask is a task to be added.
type NewTask struct {
	Row        TaskRow // State, Seq, times other than Deadline, and Attempt are the store's to set; Steps are stored with it, and Head is that of one of them
	Delay      time.Duration
	Duplicates Duplicates
	Reuse      time.Duration // how old the result of an identical task may be to answer this one
	Nodes      []Node        // messages of Row.Conversation that may be new to the store

	// By is the lease of the running task whose handler adds this one; the zero Lease
	// if none does. Without that lease, or if the task was asked to stop, nothing is
	// added. Step, if it is not nil, is stored for that task with the addition, with
	// the JSON of the Added as its result.
	By   Lease
	Step *StepRow

	// InLine adds the task as Blocked, until its parent's Wait has it start.
	InLine bool

	// Budget is one for the task's run, if the task is new. Its Scope, Name and Per are the
	// store's to set; where [Budget.Validate] finds it wrong, nothing is added.
	// Nil for none.
	Budget *Budget

	// Kept adds a task that has ended: Row's State is Succeeded, and Row's Output its
	// result. A copy of a task has no attempts: nothing was paid for it.
	Kept bool
}

// RunBudget returns the Budget of the run that n begins; nil if it has none, or begins no
// run.
func (n *NewTask) RunBudget() *Budget {
	if n.Budget == nil || n.Row.Run != n.Row.ID {
		return nil
	}
	b := *n.Budget
	b.Scope, b.Name, b.Per = OfRun, n.Row.ID.String(), ForGood
	return &b
}

// Added is the answer to a NewTask.
type Added struct {
	ID  ID      // of the task that will give the result: the new one or the one it duplicates
	Run ID      // and its run
	As  AddedAs // what became of the new task
}

// AddedAs says what became of a task that was added.
type AddedAs string

// What becomes of a task that is added.
const (
	AsNew         AddedAs = "new"
	AsJoined      AddedAs = "joined"      // an identical task is in flight
	AsReused      AddedAs = "reused"      // an identical task succeeded within its reuse window
	AsReplacement AddedAs = "replacement" // new, and an identical task was cancelled for it
	AsRejected    AddedAs = "rejected"    // an identical task is in flight; nothing was added
	AsLost        AddedAs = "lost"        // whoever adds it has no lease any more, or was asked to stop; nothing was added
)

// Claim asks for tasks.
type Claim struct {
	Worker     string
	Queues     []string // empty for all
	Operations []string // those that the worker has handlers for; never empty
	Max        int      // 0 takes none: for a worker whose places are all busy, so that what is due happens
	Lease      time.Duration

	// Leaving says that Worker claims no more, so that Status no longer lists it. A
	// worker that just stops is listed for [WorkerTime].
	Leaving bool

	// Known is for a worker whose last Claim failed, which may have taken effect:
	// not nil, it lists the leases that Worker knows it holds, and the other tasks
	// that run under Worker's name are answered first, as they are and by id: with
	// the lease, the attempt and the reservation that they have. They count towards
	// Max. Nil for none.
	Known []Lease
}

// Claimed is the answer to a Claim. When there are fewer tasks than asked for,
// there will be no more before Next or before an event [EventReady]; a zero Next
// means that only the event is to be waited for. When there are as many, Next is when
// something will be due by itself, as far as is known now; zero for never.
type Claimed struct {
	Tasks []*TaskRow
	Next  time.Time
	Now   time.Time // the store's clock at the claim
}

// Beat is the answer to a heartbeat.
type Beat struct {
	Lost      bool // the lease is no longer held
	Cancelled bool // the task was asked to stop
}

// Reservation is a call that is about to be sent.
type Reservation struct {
	Lease    Lease
	Key      string // of the call within the attempt
	Limit    string
	Size     limit.Size
	Patience time.Duration // the longest that the caller would wait; beyond it nothing is reserved

	Step     string       // the step that its answer is stored as, the same in each attempt; "" for none
	Instead  []string     // the steps of calls that failed, in whose place it is sent, to another model
	Model    string       // as the request names it
	Rates    *price.Rates // of the model; nil if it has no price
	Currency string       // of Rates
	State    uint64       // a hash of what is asked, for [Budget.Repeats]; 0 for none
}

// Grant is the answer to a Reservation.
type Grant struct {
	Err  error // ErrLeaseLost
	OK   bool  // whether the call is reserved
	Wait time.Duration
	Gate limit.Gate // what it waits for, if Wait is not 0 or it is not OK

	Stop *Stop  // the budget that does not let it go; nil if none stops it
	Warn string // of budgets of which much is used now, each said once in a period; "" for none
}

// GateBudget is the name of the gate at which calls wait for a budget, or are stopped.
const GateBudget = "budget"

// Save is one thing to store for a running task.
type Save struct {
	Lease  Lease
	Step   *StepRow    // nil to settle only
	Nodes  []Node      // messages that the step appended
	Settle *Settlement // nil if the step is not a call
}

// Settlement says what became of a reserved call.
type Settlement struct {
	Key     string `json:",omitempty"` // of the Reservation
	Outcome CallOutcome
	Usage   llm.Usage     `json:",omitzero"`
	After   time.Duration `json:",omitempty"` // for a throttled or blocked call: when the provider said to come back
	Reason  string        `json:",omitempty"` // for a throttled or blocked call
	Seen    llm.Limits    `json:",omitzero"`
	SentAgo time.Duration `json:",omitempty"` // how long ago the call was sent

	Paid       price.Money   `json:",omitempty"` // for Usage, in the Reservation's currency
	CacheSaved price.Money   `json:",omitempty"` // see [Entry]
	Waited     time.Duration `json:",omitempty"` // for its limit, before it was sent
	Class      llm.Class     `json:",omitempty"` // of a failure

	Told    llm.Told `json:",omitzero"`  // for a throttled call: what its message said
	TooFast bool     `json:",omitempty"` // for a throttled call: traffic grew too fast, and no limit is used up
	Busy    bool     `json:",omitempty"` // for a throttled call: the provider has no room for anybody
}

// CallOutcome is what became of a call that was reserved.
type CallOutcome string

// What becomes of a call.
const (
	CallAnswered  CallOutcome = "answered"  // settle with the real usage
	CallFailed    CallOutcome = "failed"    // answered with an error that charges nothing but the request
	CallUnknown   CallOutcome = "unknown"   // no answer: the reservation stays charged
	CallNotSent   CallOutcome = "not-sent"  // nothing was sent: the reservation is given back
	CallUnreached CallOutcome = "unreached" // nothing was sent, for the provider cannot be reached: repeats pause the limit
	CallThrottled CallOutcome = "throttled" // the limit pauses
	CallBlocked   CallOutcome = "blocked"   // the limit is held
)

// Finish is how an attempt ended.
type Finish struct {
	Lease       Lease
	To          State         // Succeeded, Dead, Cancelled, Scheduled, Pending or Blocked
	Delay       time.Duration // until a Scheduled task is due, or a Blocked one is pending whatever has happened; 0 there for never
	Output      json.RawMessage
	Attempt     Attempt   // the store fills in Number, Worker and the times
	NotSent     bool      // the failure is one in which nothing was sent
	Fingerprint string    // of a dead letter's error
	Follow      []NewTask // what is added if the task is Succeeded or Blocked then
	Park        *Park     // of a Blocked task: what it waits for
	Fallback    *Stage    // of a Pending task: the operation that goes on with it, in place of its own
	Near        *NearAs   // of a Succeeded task; nil if it answers no near-duplicates
	Savings     []Saving  // answers that the attempt took and did not pay, for the ledger
}

// Filter selects tasks. Each field that is set narrows the selection; the zero
// Filter selects all.
type Filter struct {
	IDs         []ID          `json:"ids,omitempty"`
	Run         ID            `json:"run,omitzero"`
	States      []State       `json:"states,omitempty"`
	Queue       string        `json:"queue,omitempty"`
	Operation   string        `json:"operation,omitempty"`
	User        string        `json:"user,omitempty"`
	Limit       string        `json:"limit,omitempty"`
	Class       llm.Class     `json:"class,omitempty"`       // of the last attempt
	Fingerprint string        `json:"fingerprint,omitempty"` // of a dead letter
	After       ID            `json:"after,omitzero"`        // only tasks with a higher id: the last of the page before
	EndedFor    time.Duration `json:"ended_for,omitempty"`   // only tasks that ended this long ago, or longer
	Max         int           `json:"max,omitempty"`         // 0 for no bound
	Steps       bool          `json:"steps,omitempty"`       // List returns the steps too
	Bare        bool          `json:"bare,omitempty"`        // List returns rows without what they were given, which may be large; see [TaskRow.BeBare]
}

// Change is what to do with tasks.
type Change struct {
	Do    ChangeKind
	Input json.RawMessage // for Retry: the input in place of the old one; nil keeps it. Stored steps are dropped with the old input.
	// Identity goes with Input.
	Identity Hash
	InLine   bool   // for Retry: branches of a parent that has ended without success, and is to be retried, wait for their turn
	Signal   Signal // for Signalled
	Budget   string // for Resume: the budget's name
}

// ChangeKind is a way to change tasks.
type ChangeKind string

// The ways to change tasks.
const (
	Cancel ChangeKind = "cancel" // what waits is cancelled, what runs is asked to stop
	// Retry makes what is dead or cancelled pending again, with all its attempts, or
	// blocked where only so many branches may be under way; see [TaskRow.BeRetried]. With
	// an Input, none of its branches is Awaited any more.
	Retry ChangeKind = "retry"
	// Delete removes what has ended, with its steps and the messages that nothing
	// refers to any more. A result that a parent has not read yet is kept. With a
	// failure that a parent waits for in hope of a retry, the parent is cancelled.
	Delete ChangeKind = "delete"
	// Signalled stores a signal as a step of what has not ended; what waits for it is
	// pending.
	Signalled ChangeKind = "signal"
	// Resume makes what a budget had blocked pending.
	Resume ChangeKind = "resume"
)

// Group is a set of dead letters with one cause.
type Group struct {
	Fingerprint string    `json:"fingerprint"`
	Class       llm.Class `json:"class"`
	Count       int       `json:"count"`
	First       time.Time `json:"first"` // when the first of them ended
	Last        time.Time `json:"last"`
	Sample      ID        `json:"sample"`  // one of them, the latest
	Message     string    `json:"message"` // of the sample
}

// Setting changes one queue, one limit or one budget, or what may be near-duplicates.
type Setting struct {
	Queue string // the queue to pause or resume; "" if this is not about a queue
	Pause bool

	Limit  string        // the limit to change; "" if this is not about a limit
	Config *limit.Config // its configuration; nil leaves it
	Was    *limit.Config // what its configuration must be, else ErrConflict; nil for anything. A Config that is in force already is no conflict
	Hold   string        // a reason to hold the limit; "" leaves it
	Resume bool          // end a hold or a pause of the limit

	Budget *Budget // the budget to set, by its Scope, Name and Per; nil if this is not about a budget
	Raise  bool    // add Budget's caps to those that it has, in place of them; ErrNoBudget if it is not there
	Remove bool    // remove it, if it is there

	Similar *Unlike // about near-duplicates; nil if this is not
}

// Status is the state of queues and limits, and who works on them.
type Status struct {
	Queues  []QueueStatus  `json:"queues"`
	Limits  []LimitStatus  `json:"limits"`
	Budgets []BudgetStatus `json:"budgets"`
	Workers []WorkerStatus `json:"workers"`
}

// QueueStatus is the state of one queue.
type QueueStatus struct {
	Name   string        `json:"name"`
	Paused bool          `json:"paused"`
	Counts map[State]int `json:"counts"` // without the states that no task is in
}

// LimitStatus is the state of one limit.
type LimitStatus struct {
	Name   string               `json:"name"`
	Config limit.Config         `json:"config"`
	State  limit.State          `json:"state"`
	Fits   map[string]limit.Fit `json:"fits,omitempty"`  // what was learned of calls, by operation
	Users  int                  `json:"users,omitempty"` // who have used something of their ceiling
}

// Exclusive is implemented by stores that are for one goroutine at a time, such as
// one inside a transaction of the caller's. A client adds to them within the call
// of Add, and not together with others.
type Exclusive interface{ Exclusive() }

// Checker is implemented by stores that can examine what they stand on: the
// server, its settings, the file and its folder. A store that is opened logs what
// is not [FindingOK] as a warning.
type Checker interface {
	Check(ctx context.Context) ([]Finding, error)
}

// Finding is one thing that a Checker looked at.
type Finding struct {
	Level  FindingLevel `json:"level"`
	What   string       `json:"what"`             // what was looked at: "synchronous_commit"
	Found  string       `json:"found"`            // what was found, as a sentence without a full stop
	Remedy string       `json:"remedy,omitempty"` // what to do about it; "" if it is fine
}

// FindingLevel says how grave a Finding is.
type FindingLevel string

// The levels of a Finding.
const (
	FindingOK      FindingLevel = "ok"
	FindingWarning FindingLevel = "warning" // it works, and something can be lost or slow
	FindingError   FindingLevel = "error"   // a promise of the queue does not hold
)

// Migration is one numbered change of a store's schema.
type Migration struct {
	Number   int       `json:"number"` // counted from 1
	Name     string    `json:"name"`
	SQL      string    `json:"sql"`
	Checksum string    `json:"checksum"`         // SHA-256 of SQL, in hexadecimal
	Applied  time.Time `json:"applied,omitzero"` // zero if it is not applied
}
