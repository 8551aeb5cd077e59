package llm

import (
	"fmt"
	"strings"
	"time"
)

// Class says what a failed call means for its task: whether it is tried again,
// whether that uses an attempt, and whether others must wait too.
type Class string

// The classes of failure.
const (
	Throttled Class = "throttled" // the provider's limit: the limit pauses, the task waits in its place, no attempt is used
	Blocked   Class = "blocked"   // the account: the limit is held until an operator or the provider's time; no attempt is used
	Transient Class = "transient" // tried again with backoff; uses an attempt
	Ambiguous Class = "ambiguous" // as transient, but the provider may have done the work and billed it
	NotSent   Class = "not-sent"  // nothing left this machine: tried again, no attempt is used
	Permanent Class = "permanent" // trying again cannot help: a dead letter at once
)

// Error is a failed model call, classified.
type Error struct {
	Class      Class
	API        string        // the interface that the call was made through, such as "anthropic"; "" if Pawl itself did not let it go
	Status     int           // the HTTP status; for an error event in a stream, the status that its type has elsewhere; 0 if there was no response
	Type       string        // the provider's own type of error, "" if it gave none
	Code       string        // the provider's own code, "" if it gave none
	Message    string        // the provider's own words, or what went wrong here
	RequestID  string        // the provider's id of the request, for its support
	RetryAfter time.Duration // when the provider said to come back; 0 if it did not
	Limits     Limits        // what the headers said, and the message where they said nothing
	Told       Told          // what the message said of the limit that refused the call
	TooFast    bool          // whether the provider refused because traffic grew too fast, not because a limit was used up
	Err        error         // the cause, for failures without a response
}

// Told is a limit in the server's own numbers, from the message of the failure.
// The zero Told means that it told nothing.
type Told struct {
	Limit     int64  // what is allowed in each Per
	Used      int64  // what the server had counted before the call; 0 if it did not say
	Requested int64  // what the server charges for the call; 0 if it did not say
	Per       string // "minute" or "day"; "" if it did not say
	Kind      string // "requests" or "tokens"; "" if it did not say
}

// Error describes the failure in one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.API != "" {
		b.WriteString(e.API + ": ")
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, "%d ", e.Status)
	}
	for _, word := range []string{e.Type, e.Code} {
		if word != "" {
			b.WriteString(word + " ")
		}
	}
	switch {
	case e.Message != "":
		b.WriteString(e.Message)
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	}
	return strings.TrimRight(b.String(), " :") + " (" + string(e.Class) + ")"
}

// Pauses reports whether the provider, or the account, has no room for more:
// other calls on the same limit must wait too. That is so for a throttled call,
// and for a stream that had begun and was then ended for lack of room, which is
// ambiguous all the same.
func (e *Error) Pauses() bool {
	return e.Class == Throttled || e.Class == Ambiguous && judgeStatus(e.Status) == Throttled
}

// Unwrap returns the cause, nil if the provider answered.
func (e *Error) Unwrap() error { return e.Err }
