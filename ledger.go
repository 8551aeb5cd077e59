package pawl

import (
	"time"

	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// Entry is one entry of the ledger: a call that was sent, or an answer that needed
// none. It is written in the transaction that settles the call, or records that none
// was needed, and outlives its task.
type Entry struct {
	At        time.Time     `json:"at"` // when it was settled
	Kind      EntryKind     `json:"kind"`
	Task      ID            `json:"task"`
	Run       ID            `json:"run"`
	Attempt   int           `json:"attempt,omitempty"`
	Key       string        `json:"key,omitempty"` // of the call within its task
	Operation string        `json:"operation"`
	Queue     string        `json:"queue"`
	User      string        `json:"user,omitempty"`
	Limit     string        `json:"limit"`
	Model     string        `json:"model,omitempty"` // as the request named it
	Class     llm.Class     `json:"class,omitempty"` // of a failure
	Calls     int64         `json:"calls"`           // 1 for a call; of a saving, how many were not sent
	Waited    time.Duration `json:"waited,omitempty"`

	// Again says that the call's answer, or its failure, was lost once before: the call
	// was sent again, or to another model, for one whose outcome is unknown. It is that
	// one's Key.
	Again string `json:"again,omitempty"`

	// Usage is what the provider counted. Of a saving, it is what the answer that was
	// taken had used; of an unknown call, what was expected of it: possibly billed.
	Usage      llm.Usage   `json:"usage,omitzero"`
	Cost       price.Money `json:"cost,omitempty"` // of Usage; see Priced
	CacheSaved price.Money `json:"cache_saved,omitempty"`
	Currency   string      `json:"currency,omitempty"` // "" if the model has no price: then Cost is 0 and not known

	Of    ID      `json:"of,omitzero"`     // of a saving: the task whose answer was taken
	Score float64 `json:"score,omitempty"` // of a near-duplicate: how alike they are, 0 to 1
}

// EntryKind says what became of a call, or why none was needed.
type EntryKind string

// The kinds of entries of calls that were sent.
const (
	EntryAnswered EntryKind = "answered"
	EntryFailed   EntryKind = "failed"  // answered with an error, of which nothing is known to be billed
	EntryRefused  EntryKind = "refused" // the provider's limits were used up, or the account is blocked
	EntryUnknown  EntryKind = "unknown" // no answer was stored: possibly billed
)

// The kinds of entries of savings.
const (
	EntryRetried EntryKind = "retried" // stored answers, taken by a retry or after a crash
	EntryJoined  EntryKind = "joined"  // an identical task that was in flight does it for both
	EntryReused  EntryKind = "reused"  // the result of an identical task
	EntrySimilar EntryKind = "similar" // the result of a near-duplicate
	EntryShadow  EntryKind = "shadow"  // a near-duplicate whose result would have been taken, but was not: it saved nothing
)

// EntryKinds lists the kinds of entries: those of calls, then those of savings.
func EntryKinds() []EntryKind {
	return []EntryKind{EntryAnswered, EntryFailed, EntryRefused, EntryUnknown,
		EntryRetried, EntryJoined, EntryReused, EntrySimilar, EntryShadow}
}

// IsSaving reports whether an entry is about calls that were not sent.
func (k EntryKind) IsSaving() bool {
	switch k {
	case EntryRetried, EntryJoined, EntryReused, EntrySimilar, EntryShadow:
		return true
	}
	return false
}

// Kind returns the kind of entry that a settled call has in the ledger; "" if nothing
// was sent. A stream that had begun, and was ended for lack of room, pauses its limit and
// is possibly billed all the same.
func (st *Settlement) Kind() EntryKind {
	switch st.Outcome {
	case CallAnswered:
		return EntryAnswered
	case CallFailed:
		return EntryFailed
	case CallThrottled:
		if st.Class == llm.Ambiguous {
			return EntryUnknown
		}
		return EntryRefused
	case CallBlocked:
		return EntryRefused
	case CallUnknown:
		return EntryUnknown
	}
	return ""
}

// Sum is what several entries of one kind amount to.
type Sum struct {
	Calls int64       `json:"calls"`
	Usage llm.Usage   `json:"usage,omitzero"`
	Cost  price.Money `json:"cost,omitempty"`
}

// Plus returns the sum of both.
func (s Sum) Plus(t Sum) Sum {
	return Sum{s.Calls + t.Calls, s.Usage.Add(t.Usage), s.Cost + t.Cost}
}

// Saving is answers that needed no call. The rest of its [Entry] is its task's.
type Saving struct {
	Kind EntryKind
	Sum
	Model    string
	Currency string
	Of       ID      // the task whose answers they are
	Score    float64 // of a near-duplicate
}

// Entry returns the ledger's entry of a saving of a task's attempt.
func (s *Saving) Entry(now time.Time, r *TaskRow) *Entry {
	return &Entry{
		At: now, Kind: s.Kind, Task: r.ID, Run: r.Run, Attempt: r.Attempt,
		Operation: r.Operation, Queue: r.Queue, User: r.User, Limit: r.Limit, Model: s.Model,
		Calls: s.Calls, Usage: s.Usage, Cost: s.Cost, Currency: s.Currency, Of: s.Of, Score: s.Score,
	}
}

// UsageRow is what the entries of the ledger amount to that are alike in the
// dimensions that were asked for; the fields of the others are zero.
type UsageRow struct {
	UsageKey

	Sums       map[EntryKind]Sum `json:"sums"`                  // without the kinds of which there is none
	Unpriced   Sum               `json:"unpriced,omitzero"`     // of the answered calls, those of models without a price: counted in tokens only
	Again      int64             `json:"again,omitempty"`       // of the answered and the unknown calls, those sent again for one whose outcome is unknown: possibly paid twice
	Waited     int64             `json:"waited,omitempty"`      // of the calls, those that waited for their limit's room in place of being refused
	CacheSaved price.Money       `json:"cache_saved,omitempty"` // by the provider's cache, against its price for other input; negative if it cost more
}

// UsageKey is what entries are summed by.
type UsageKey struct {
	From      time.Time `json:"from,omitzero"` // the start of the hour, the day or the month, in UTC
	Operation string    `json:"operation,omitempty"`
	Queue     string    `json:"queue,omitempty"`
	User      string    `json:"user,omitempty"`
	Limit     string    `json:"limit,omitempty"`
	Model     string    `json:"model,omitempty"`
	Run       ID        `json:"run,omitzero"`
	Currency  string    `json:"currency,omitempty"` // always told apart: "" for models without a price, and for calls without an answer
}

// Sent returns how many calls were sent.
func (r *UsageRow) Sent() int64 {
	var n int64
	for kind, s := range r.Sums {
		if !kind.IsSaving() {
			n += s.Calls
		}
	}
	return n
}

// Dimension is something to sum the ledger by.
type Dimension string

// The dimensions.
const (
	ByHour      Dimension = "hour"
	ByDay       Dimension = "day"
	ByMonth     Dimension = "month"
	ByOperation Dimension = "operation"
	ByQueue     Dimension = "queue"
	ByUser      Dimension = "user"
	ByLimit     Dimension = "limit"
	ByModel     Dimension = "model"
	ByRun       Dimension = "run" // as long as single entries are kept: 30 days
)

// Dimensions lists the dimensions.
func Dimensions() []Dimension {
	return []Dimension{ByHour, ByDay, ByMonth, ByOperation, ByQueue, ByUser, ByLimit, ByModel, ByRun}
}

// LedgerFilter selects entries of the ledger. Each field that is set narrows the
// selection.
type LedgerFilter struct {
	Since     time.Time `json:"since,omitzero"` // from the start of its hour
	Until     time.Time `json:"until,omitzero"` // to the end of its hour
	Operation string    `json:"operation,omitempty"`
	Queue     string    `json:"queue,omitempty"`
	User      string    `json:"user,omitempty"`
	Limit     string    `json:"limit,omitempty"`
	Model     string    `json:"model,omitempty"`
	Run       ID        `json:"run,omitzero"`

	Kinds []EntryKind `json:"kinds,omitempty"`
}

// Entries is a part of the ledger, oldest hour first.
type Entries struct {
	Entries []Entry
	// Next is where to go on from, zero at the end. It is the start of an hour.
	Next time.Time
}
