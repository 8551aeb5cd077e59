package pawl

import (
	"time"

	"github.com/pawlhq/pawl/limit"
)

// Standing is where a task stands, as a store knows it: what Client.Why reads.
type Standing struct {
	Row     *TaskRow  // without its steps
	Now     time.Time // of the store
	Paused  bool      // whether its queue is paused
	Workers int       // those alive that handle its operation and queue

	// What follows is of a task that waits: it is blocked, scheduled or pending.

	// Ahead is how many tasks likely start before it: those of higher priority on
	// its limit, and those that have their turns before its own. Tasks in paused
	// queues, that no worker handles, or whose users are at a ceiling are not
	// counted. A task that is scheduled or blocked has no turn yet: it is 0.
	Ahead int

	// Gates are what would keep its first call waiting if it were next: for each
	// limit that the call is charged to, and each ceiling of its user, first what
	// stops it altogether, then the buckets that lack something.
	Gates []limit.Gate

	// Stop is a budget that stops its next call, whatever that call needs: the account
	// is used up, or the run has repeated itself. Of several it is the one that lets
	// the call go last. It keeps no task from starting. Nil if there is none, and for a
	// task that is blocked. Of a task that is scheduled it is as of when that is due.
	Stop *Stop

	// Next is when it likely starts, if what waits now uses what recent tasks used
	// and nothing comes that goes first; zero if that cannot be known: its queue is
	// paused, no worker handles it, or its limit is held until somebody resumes it.
	Next time.Time
}
