// Package rivals holds other ways to keep within a provider's limits, each written
// from its published algorithm and as good as that lets it be. They are what
// Pawl's limits are measured beside. Each knows what an account allows and counts
// a prompt's tokens exactly; none reads more of a response than its original does.
package rivals

import (
	"context"
	"time"
)

// Call is one call that is to be made.
type Call struct {
	Number   int
	Input    int // tokens of the prompt
	Priority int // 0, 1 or 2: the lowest number goes first
}

// Answer is what came back from a call.
type Answer struct {
	Refused    bool          // by a rate limit; nothing was used
	RetryAfter time.Duration // when the provider said to come back, in the account's time; 0 if it did not
	Tokens     int           // used of the limit that the rival counts
}

// Limits is what a rival is told of the account, a minute.
type Limits struct{ Requests, Tokens float64 }

// Work is what a rival is given to do.
type Work struct {
	Calls  <-chan Call // as they arrive; a rival takes each at once and keeps its own line
	Limits Limits
	Scale  float64 // how many times faster than real time the account lives; more than 0

	// Send makes one call, without retries. It is safe for concurrent use. An
	// error means that the call failed in another way than by a rate limit.
	Send func(context.Context, Call) (Answer, error)
	// Lost is told of each call that the rival gives up. It is safe for
	// concurrent use.
	Lost func(Call)
}

// Rival is one way to do the work. Run returns when ctx ends, and nothing that it
// started is running then.
type Rival struct {
	Name string // short, for tables
	Run  func(ctx context.Context, w Work)
}

// All returns the rivals, in the order in which they are shown.
func All() []Rival {
	return []Rival{
		{"priority queue", PriorityQueue},
		{"cookbook script", Cookbook},
		{"minute counters", MinuteCounters},
		{"SDK retries", SDKRetries},
	}
}

// real is d of the account's time in real time.
func (w *Work) real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / w.Scale)
}

// passed is how much of the account's time has passed since a real time.
func (w *Work) passed(since time.Time) time.Duration {
	return time.Duration(float64(time.Since(since)) * w.Scale)
}

// sleep waits for d of the account's time, and reports whether ctx is still alive.
func (w *Work) sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(w.real(d))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
