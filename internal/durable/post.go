package durable

import (
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
	"github.com/pawlhq/pawl/internal/budget"
)

// Post is what a transaction without the book wants entered into it. It is JSON
// in the inbox.
type Post struct {
	At time.Time `json:"at"`

	Arrive  *Arrival          `json:"arrive,omitempty"`
	Correct *Correction       `json:"correct,omitempty"`
	Refund  *admission.Charge `json:"refund,omitempty"` // of calls that were not sent
	Settle  *admission.Ended  `json:"settle,omitempty"`
	Spend   *budget.Ended     `json:"spend,omitempty"`
	Budget  *pawl.Budget      `json:"budget,omitempty"`  // of a run that has begun
	Forget  []pawl.ID         `json:"forget,omitempty"`  // runs of which tasks were removed
	Entries []byte            `json:"entries,omitempty"` // of the ledger, packed
	Joined  []byte            `json:"joined,omitempty"`  // likewise, of tasks that were joined and have not ended
}

// hasEntries reports whether anything of a post comes into the ledger.
func (p *Post) hasEntries() bool { return len(p.Entries)+len(p.Joined) > 0 }

// Bin names where a task waits: tasks of one bin start in the order of Seq.
type Bin struct {
	Queue     string        `json:"queue"`
	Limit     string        `json:"limit"`
	Priority  pawl.Priority `json:"priority"`
	User      string        `json:"user,omitempty"`
	Operation string        `json:"operation"`
}

// Arrival says that tasks wait in a bin from now on, or, with a negative count,
// that so many no longer do.
type Arrival struct {
	Bin
	Tasks int   `json:"tasks"`
	Seq   int64 `json:"seq,omitempty"` // the lowest of those that arrived
}

// Correction charges a user what a task did use, in place of what was expected.
type Correction struct {
	Bin
	More  float64 `json:"more"`  // used above what was charged; negative for less
	Share float64 `json:"share"` // of the task, at its start
}
