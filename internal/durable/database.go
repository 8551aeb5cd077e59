package durable

import (
	"context"
	"errors"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
	"github.com/pawlhq/pawl/internal/budget"
	"github.com/pawlhq/pawl/internal/ledger"
	"github.com/pawlhq/pawl/limit"
)

// ErrConflict is returned by a database whose transaction did not take place
// because of another one at the same time. It is done again.
var ErrConflict = errors.New("conflict with another transaction")

// Database is one database of tasks, for concurrent use. Its errors say what was
// being done and keep the driver's error; a context's end is ctx.Err().
type Database interface {
	// Update runs f in a transaction and makes true what it returns; nothing if
	// that is nil. With the book, no other transaction with the book runs at the
	// same time, here or in another process. On ErrConflict f is run again, by
	// Update itself, until ctx ends. Commit and rollback are seen by no watch
	// before they are durable.
	Update(ctx context.Context, book bool, f func(Tx) (*Writes, error)) error

	// View runs f on one state of the database, as far as the database can.
	View(ctx context.Context, f func(View) error) error

	// Events returns the events after a position, at most some thousands, in the
	// order in which they became true for each task, and the position after
	// them. Position 0 stands for "from now on": no events, and the present position.
	// It returns pawl.ErrMissed with a position when events were dropped before
	// they were read. It returns at once.
	Events(ctx context.Context, after int64) ([]pawl.Event, int64, error)

	// Interest says which types of events are to be kept, for as long as it is
	// renewed at least every InterestTime: the union over all processes is what
	// Tx.Interest returns. It must be durable when it returns.
	Interest(ctx context.Context, watcher string, types Types) error

	// Ring is called after a commit that workers or watches may want to know of.
	// The database tells other processes, as a hint: it may be late or be lost.
	// This process was told already.
	Ring(b Bell)

	// Listen calls heard for what other processes rang, until ctx ends; or at
	// steady intervals if the database cannot tell. It returns nil when ctx ends and
	// otherwise only with an error of the connection, after which it is called again.
	Listen(ctx context.Context, heard func(Bell)) error

	Close() error
}

// InterestTime is how long a watcher's interest lasts without being renewed.
const InterestTime = time.Minute

// Bell says what may have happened.
type Bell struct {
	Ready  bool // there may be something to claim
	Events bool // there are events to read
}

// Types is a set of types of events.
type Types uint16

// View reads. What it returns is the caller's own, but for bytes.
type View interface {
	// Now is the database's clock, the same during one transaction, in whole microseconds.
	Now() (time.Time, error)

	// Find returns the tasks that f selects, by id, with their payload, or bare, and with
	// their steps, if f asks for that. now is for f.EndedFor.
	Find(f pawl.Filter, now time.Time) ([]*Record, error)

	// Groups returns the dead letters that f selects, as pawl.Tasks says.
	Groups(f pawl.Filter, now time.Time) ([]pawl.Group, error)

	// Counts returns how many tasks of each queue are in each state; states that no
	// task is in may be missing.
	Counts() (map[string]map[pawl.State]int, error)

	// Pages returns the pages of the book that were written after version since,
	// all of them for 0, and the posts that wait, in their order. Deleted pages
	// come with no Value.
	Pages(since int64) (Pages, error)

	// Ahead returns how many pending tasks of bins have a lower Seq than seq. Its
	// time grows with their number, and not with that of all tasks.
	Ahead(bins []int64, seq int64) (int, error)

	// Conversation returns the nodes from the first to head; pawl.ErrNotFound if
	// one is missing.
	Conversation(head pawl.Hash) ([]pawl.Node, error)

	// Ledger returns the pages of some kinds of the hours from from to to, both
	// included, by hour, kind and number. All pages of an hour are those of one moment.
	// It may stop after some MiB, at the end of an hour: then next is the hour to go on
	// from, and else a later one than to.
	Ledger(from, to ledger.Hour, kinds ...LedgerKind) (pages []LedgerPage, next ledger.Hour, err error)
}

// MomentView is a View of a database that has no one state for several reads.
type MomentView interface {
	// LedgerAt returns the pages of some kinds of an hour, and the posts that wait, all
	// of one moment.
	LedgerAt(h ledger.Hour, kinds ...LedgerKind) ([]LedgerPage, []Post, error)
}

// Tx is a transaction. Its reads come before its Writes.
type Tx interface {
	View

	// Interest returns the types of events that somebody watches.
	Interest() (Types, error)

	// Adding returns what must be known of tasks that are to be added. From here
	// to the commit no other transaction adds a task of one of the identities.
	Adding(a Adding) (Added, error)

	// Held returns tasks without payload (input, output, data, next, conversation,
	// identity) and steps, locked: the i-th answer is that
	// of ids[i], nil if there is no such task, the same pointer for the same id.
	// stored says of each step whether it is stored.
	Held(ids []pawl.ID, steps []StepKey) (records []*Record, stored []bool, err error)

	// Run returns all tasks of runs, locked, without payload and steps, in the
	// order of Seq.
	Run(runs []pawl.ID) ([]*Record, error)

	// Pick is Find, with the tasks locked, and without steps.
	Pick(f pawl.Filter, now time.Time) ([]*Record, error)

	// Woken returns tasks whose Wake is now or earlier, the earliest first, at
	// most some of them, locked, with their steps but for the results; and the
	// earliest Wake that is later than now, zero if there is none. Tasks that
	// another transaction holds at the moment may be left out.
	Woken(now time.Time, most int) (records []*Record, next time.Time, err error)

	// Heads returns for each ask the first pending tasks of its bin, by Seq. None is
	// left out: those that are claimed are found pending at the commit, or it fails
	// with ErrConflict.
	Heads(asks []HeadAsk) ([][]Candidate, error)

	// Running returns the tasks that run under a worker's name, with payload and
	// steps, by id.
	Running(worker string) ([]*Record, error)
}

// Adding is what Tx.Adding asks.
type Adding struct {
	IDs        []pawl.ID   // of the tasks
	Identities []pawl.Hash // those that may have twins; each once
	Heads      []pawl.Hash // conversations that should be stored; each once
	By         bool        // handlers add some of them: whose lease is lost must still learn that a task is stored
}

// Added is what Tx.Adding answers.
type Added struct {
	Runs  map[pawl.ID]pawl.ID   // of the ids that are stored already: their runs
	Twins map[pawl.Hash][]*Twin // of each identity: those in flight, and the one that succeeded last: by Ended, then by Seq
	Heads map[pawl.Hash]bool    // the conversations that are stored
	Seq   int64                 // the first of len(IDs) numbers that are this transaction's own, higher than all before
}

// Twin is a task that a new one may duplicate.
type Twin struct {
	ID, Run    pawl.ID
	Seq        int64
	State      pawl.State
	Cancelling bool
	Ended      time.Time
}

// StepKey names a step of a task.
type StepKey struct {
	Task pawl.ID
	Key  string
}

// Record is a task as a database keeps it: its row and what only stores know.
type Record struct {
	pawl.TaskRow
	Bin   int64   // where it waits; see BinOf
	Calls []Call  // reserved and not settled, or unknown
	Cost  float64 // tokens that its user's turn was charged for it at the claim
	Share float64 // of its tokens by which virtual time moved on: one part in the users who waited

	// Token is the database's own, for example the version of the row that was read.
	Token int64
}

// Wake returns when something becomes of the task by itself; zero is never.
func (r *Record) Wake() time.Time {
	switch r.State {
	case pawl.Running:
		return r.LeaseUntil
	case pawl.Scheduled, pawl.Blocked:
		return earlier(r.Due, r.Deadline)
	case pawl.Pending:
		return r.Deadline
	}
	return time.Time{}
}

// Call is a call that has been reserved and not settled, or was settled without an
// outcome: then it is kept for the record of the attempt, should that be lost.
type Call struct {
	Key   string     `json:"key,omitempty"` // "" for what the claim reserved, for the first call
	Limit string     `json:"limit"`
	Size  limit.Size `json:"size"`
	admission.Charged
	At time.Time `json:"at"` // when it may be sent

	budget.Worth

	Unknown bool `json:"unknown,omitempty"` // it is settled; only the Key and the Step are left
}

// HeadAsk asks for the first pending tasks of a bin.
type HeadAsk struct {
	Bin  int64
	From int64 // the lowest Seq to return: a task in front of it is not pending, or was taken in this transaction
	Most int
}

// Candidate is a pending task as far as a claim must know it.
type Candidate struct {
	ID, Run pawl.ID
	Seq     int64
	Attempt int // of the last claim; 0 if it was never claimed
	Size    limit.Size
}

// Writes is what a transaction changes. Each task is in one of Add, Claim,
// Change, End, Revive and Delete at most; it may be in Steps, Calls and Beats besides.
type Writes struct {
	Now time.Time

	Add    []*Record // new tasks, of any state but running, with Seq, Bin and payload, and Output if they have ended
	Claim  []*Claim  // pending tasks that run now
	Change []*Record // tasks that have not ended: what of them may change has, but for payload and steps
	End    []*Record // tasks that have ended now; of the payload, only Output is new. Or before, without success: then only Links has changed
	Revive []*Record // dead or cancelled tasks that are pending again
	Input  bool      // the revived ones have a new Input, Identity and Size, and their steps are dropped
	Moves  []Move    // of those in Change, the ones that another operation goes on with
	Delete []*Record // ended tasks, with their steps and all messages that nothing refers to any more

	Beats []*Record // only LeaseUntil has changed
	Calls []*Record // only Calls, Size and Head have changed
	Steps []Step
	Nodes []pawl.Node // messages that may be new

	// Holds are running tasks whose handlers add tasks. Nothing of them changes, but
	// whoever has read one of them at the same time, to change it, fails with
	// ErrConflict: it may have read the run as it was without the new tasks.
	Holds []*Record

	// Drops are removed from the ledger, and then Ledger written; a page that is there
	// already is replaced.
	Drops  []LedgerRange
	Ledger []LedgerPage

	Posts  []Post // into the inbox, as one letter
	Pages  []Page // of the book: written or, with no Value, deleted; under Version
	Opened bool   // the book was open: all posts that Pages returned are entered and go
	// Version is that of the pages: the book's before, and one.
	Version int64

	Events []pawl.Event
	Bell   Bell
}

// LedgerPage is a part of the ledger: bytes that nothing but this package reads.
type LedgerPage struct {
	Kind   LedgerKind
	Hour   ledger.Hour
	Number int64  // of the page, within the hour and kind: for calls, the version of the book under which it is written
	Value  []byte // nil in Writes deletes the page, if it is there
}

// LedgerKind is what a page of the ledger holds.
type LedgerKind int16

// The kinds of pages.
const (
	LedgerTail LedgerKind = 1 // the entries of one transaction, which no sum has yet
	LedgerLog  LedgerKind = 2 // entries that the sums have
	LedgerHour LedgerKind = 3 // the sums of the hour
	LedgerDay  LedgerKind = 4 // the sums of the day that the hour begins
	LedgerJoin LedgerKind = 7 // the entries of tasks that were joined and, as far as is known, have not ended

	// Those of near-duplicates have a part of their scope's hash in place of the hour.
	NearTask  LedgerKind = 5 // a task whose result answers them, or will, by its Seq
	NearApart LedgerKind = 6 // two texts that are never the same, by a hash of both

	// Those of what waits for one have a part of its id in place of the hour.
	NearBehind LedgerKind = 8 // a task that waits, by its Seq
)

// IsNear reports whether pages of a kind are of near-duplicates: they are read a group at
// a time, and written with the book or without.
func (k LedgerKind) IsNear() bool { return k == NearTask || k == NearApart || k == NearBehind }

// LedgerRange is all pages of a kind, of the hours from From to To, both included.
type LedgerRange struct {
	Kind     LedgerKind
	From, To ledger.Hour
}

// Move is a task that has another Operation, Queue, Limit, MaxAttempts and Bin; From
// is the bin before.
type Move struct {
	*Record
	From int64
}

// Step is a step to store.
type Step struct {
	Task pawl.ID
	pawl.StepRow
}

// Claim is a task that is claimed: it runs, as of Writes.Now, under Worker, with
// one more Attempt and no Due, as [pawl.TaskRow.BeClaimed] says. The database sets
// Row to the whole task, with payload and steps, as it is after that.
type Claim struct {
	Candidate
	Bin    int64
	In     Bin // the bin's parts
	Worker string
	Lease  time.Time // until when
	Calls  []Call
	Cost   float64
	Share  float64

	Row *pawl.TaskRow
}

// Pages is a part of the book.
type Pages struct {
	Version int64 // the highest of all pages, 0 for an empty book
	Pages   []Page
	Posts   []Post // of all letters that wait

	// Whole says that these are all pages, though not all were asked for: the
	// database no longer knows which were deleted since. What is not here is gone.
	Whole bool
}

// Page is one entry of the book: bytes that nothing but this package reads.
type Page struct {
	Key     string // text without zero bytes, up to some 2 KiB
	Version int64  // under which it was written; in Writes: under which it is stored now, 0 if it is new
	Value   []byte // nil if it is deleted
}

// earlier returns the earlier of two times; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
