package pawl

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Operation is a named kind of work with a typed input and output. It is a
// plain value: declare it once, as a package variable, and use it wherever
// tasks are added or handled. Inputs and outputs travel as JSON.
type Operation[In, Out any] struct {
	Name       string        // unique among all operations of a store; required
	Version    string        // part of a task's identity: change it with the prompt or the model; default ""
	Queue      string        // default "default"
	Limit      string        // the limit that its calls go through; default "default", NoLimit for work without calls
	Priority   Priority      // default Normal
	Attempts   int           // tries that may be used before a task is dead; default 4
	Timeout    time.Duration // of one attempt; default 10 minutes, negative for none
	Backoff    Backoff       // between attempts; default 1 s, doubled up to 30 s, with full jitter
	Duplicates Duplicates    // what becomes of an identical task; default Join
	Reuse      time.Duration // for how long after its success a result answers identical tasks; default 0
	Tokens     int           // output tokens that a call is expected to use, for its first reservation; default: unknown

	// Strict makes a retry a dead letter, before it does anything new, if the handler
	// then takes another way than the one that stored the task's steps: its code has
	// changed. Without it that is told, in the log and in Attempt.Unasked. It is for
	// handlers that do one thing after the other.
	Strict bool

	// Similar has a task take the result of a near-duplicate that has succeeded, in
	// place of running its handler. Default nil: only identical tasks are the same.
	Similar *Similar
}

// NoLimit is the limit of operations that call no model: nothing gates them.
const NoLimit = "none"

const (
	defaultName     = "default" // of queues and limits
	defaultAttempts = 4
	defaultTimeout  = 10 * time.Minute
)

// spec is an operation without its types, as the engine handles it.
type spec struct {
	Name       string
	Version    string
	Queue      string
	Limit      string
	Priority   Priority
	Attempts   int
	Timeout    time.Duration
	Backoff    Backoff
	Duplicates Duplicates
	Reuse      time.Duration
	Tokens     int
	Strict     bool
	Similar    *Similar
}

// spec returns the operation with its defaults filled in.
func (o Operation[In, Out]) spec() spec {
	s := spec(o)
	if s.Queue == "" {
		s.Queue = defaultName
	}
	if s.Limit == "" {
		s.Limit = defaultName
	}
	if s.Attempts == 0 {
		s.Attempts = defaultAttempts
	}
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	if s.Duplicates == "" {
		s.Duplicates = Join
	}
	s.Backoff = s.Backoff.withDefaults()
	return s
}

func (s spec) validate() error {
	switch {
	case s.Name == "":
		return fmt.Errorf("pawl: Operation.Name is empty; want a name")
	case !isText(s.Name):
		return fmt.Errorf("pawl: Operation.Name is %q; want UTF-8 without zero bytes", s.Name)
	case s.Attempts < 0:
		return fmt.Errorf("pawl: operation %s: Attempts is %d; want 1 or more, or 0 for the default", s.Name, s.Attempts)
	case s.Priority < Low || s.Priority > High:
		return fmt.Errorf("pawl: operation %s: Priority is %d; want High, Normal or Low", s.Name, s.Priority)
	case s.Reuse < 0:
		return fmt.Errorf("pawl: operation %s: Reuse is %v; want 0 or more", s.Name, s.Reuse)
	case s.Tokens < 0:
		return fmt.Errorf("pawl: operation %s: Tokens is %d; want 0 or more", s.Name, s.Tokens)
	}
	if err := s.Duplicates.validate(); err != nil {
		return fmt.Errorf("pawl: operation %s: %w", s.Name, err)
	}
	if err := s.Similar.validate(); err != nil {
		return fmt.Errorf("pawl: operation %s: %w", s.Name, err)
	}
	if err := s.Backoff.validate(); err != nil {
		return fmt.Errorf("pawl: operation %s: %w", s.Name, err)
	}
	return nil
}

// isText reports whether every store can keep s as a name, and tell it from
// every other.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Handle makes fn the handler of o's tasks in c. Call it before c.Run, which
// reports what is wrong with the operation or that it has a handler already.
//
// fn's context ends with the attempt: at its timeout, when the task is
// cancelled or its deadline passes, when the worker's lease is lost or its grace
// period is over; context.Cause says which. An error of fn is a failure of the
// attempt, classified by what it wraps: an llm.Error, [Permanent], [RetryAfter],
// [Snooze]; any other is transient. A panic is a failure with its stack.
func (o Operation[In, Out]) Handle(c *Client, fn func(ctx context.Context, t *Task[In]) (Out, error)) {
	c.handle(o.spec(), func(a *attempt) (work, error) {
		t := &Task[In]{ID: a.row.ID, Run: a.row.Run, User: a.row.User, Attempt: a.row.Attempt, attempt: a}
		if err := decodeInput(a.row.Input, &t.Input); err != nil {
			return nil, Permanent(fmt.Errorf("input of %s: %w", o.Name, err))
		}
		return a.unlessSimilar(o.Similar, func(ctx context.Context) (any, error) { return fn(ctx, t) }), nil
	})
}

func decodeInput(b json.RawMessage, into any) error {
	if raw, ok := into.(*json.RawMessage); ok {
		*raw = b
		return nil
	}
	return json.Unmarshal(b, into)
}

// Add stores one task and returns its run. When it returns, the task will not
// be lost. If ctx ends first it is not known whether the task was added.
//
// An identical task in flight is joined: the returned run is that task's. See
// [Duplicates] for the other ways.
func (o Operation[In, Out]) Add(ctx context.Context, c *Client, in In, opts ...Option) (*Run[Out], error) {
	return addOne[Out](ctx, c, o.plan(), in, opts)
}

// AddMany stores one task for each input, all in one transaction, and returns
// their runs in the same order. Under [Reject] no error tells of duplicates:
// look at Run.As.
func (o Operation[In, Out]) AddMany(ctx context.Context, c *Client, ins []In, opts ...Option) ([]*Run[Out], error) {
	return addMany[In, Out](ctx, c, o.plan(), ins, opts)
}

func (o Operation[In, Out]) plan() []node     { return []node{{spec: o.spec()}} }
func (o Operation[In, Out]) types(In) (_ Out) { return }
