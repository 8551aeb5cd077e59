package saturation

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
)

// stage is a simulated account and the requests that are made of it. What is
// measured is what the provider sees: when a request first reaches it, what it
// lets in and what it refuses. All times are the account's.
type stage struct {
	requests []Request
	limits   llmsim.Limits
	length   time.Duration // how long it plays
	headers  llmsim.HeaderStyle
	scale    float64       // how many times faster than real time
	change   time.Duration // when the provider changes its limits; 0 for never
	changed  llmsim.Limits // what it changes them to
	text     *prose

	sim   *llmsim.Server
	began time.Time
	seen  []atomic.Int64 // when each request first reached the provider, from the start, in ns; 0 for not yet
}

// The provider's latency is that of a real one.
var latency = llmsim.Latency{FirstToken: 750 * time.Millisecond, TokensPerSecond: 70, Spread: 0.2}

// maxTokens is what each call allows its answer, and mostCalls how many calls
// the provider remembers.
const (
	maxTokens = 1024
	mostCalls = 1 << 20
)

// open makes the provider, before anyone plays.
func (st *stage) open() {
	st.seen = make([]atomic.Int64, len(st.requests))
	st.sim = llmsim.New(llmsim.Config{
		Limits: st.limits, Headers: st.headers, Latency: latency, Scale: st.scale, Seed: 1, Log: mostCalls,
		Decide: func(c *llmsim.Call) llmsim.Fault { st.see(c); return llmsim.None },
		Reply:  st.reply,
	})
}

// begin starts the clock, and returns a context that ends with the play.
func (st *stage) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	st.began = time.Now()
	ctx, stop := context.WithTimeout(ctx, st.real(st.length))
	if st.change == 0 {
		return ctx, stop
	}
	change := time.AfterFunc(st.real(st.change), func() { _ = st.sim.SetLimits(st.changed) }) // which are valid
	return ctx, func() {
		change.Stop()
		stop()
	}
}

// real is a time of the account in real time.
func (st *stage) real(d time.Duration) time.Duration { return scaled(d, st.scale) }

func scaled(d time.Duration, scale float64) time.Duration {
	return time.Duration(float64(d) / scale)
}

// at is when something happened, from the start.
func (st *stage) at(t time.Time) time.Duration {
	return time.Duration(float64(t.Sub(st.began)) * st.scale)
}

// see notes that a request has reached the provider.
func (st *stage) see(c *llmsim.Call) {
	if n, _, ok := asked(c); ok && n < len(st.seen) {
		st.seen[n].CompareAndSwap(0, max(int64(st.at(time.Now())), 1))
	}
}

func (st *stage) reply(c *llmsim.Call) string {
	n, output, ok := asked(c)
	if !ok {
		return "What was the number of the request?"
	}
	return st.text.take(output, n)
}

func asked(c *llmsim.Call) (number, output int, ok bool) {
	return parseOrder(c.Messages[len(c.Messages)-1].Text)
}

// model is the provider's model, reached without a socket.
func (st *stage) model() llm.Model {
	return anthropic.New(anthropic.Config{Model: "simulated", MaxTokens: maxTokens, HTTPClient: st.sim.Client()})
}

// known is the account's limits as a user would configure them.
func (st *stage) known() limit.Config {
	return limit.Config{
		Requests: float64(st.limits.Requests), InputTokens: float64(st.limits.InputTokens), OutputTokens: float64(st.limits.OutputTokens),
		Tokens: float64(st.limits.Tokens), Per: st.real(time.Minute),
	}
}

// unknown tells nothing but how long the account's minute is.
func (st *stage) unknown() limit.Config { return limit.Config{Per: st.real(time.Minute)} }

// arrive hands on the requests that arrive from the start on, as their time
// comes: those that are due together, by their numbers. It returns when ctx ends
// or add fails.
func (st *stage) arrive(ctx context.Context, add func(numbers []int) error) error {
	next := len(st.waiting())
	for ctx.Err() == nil {
		var due []int
		now := st.at(time.Now())
		for ; next < len(st.requests) && st.requests[next].At <= now; next++ {
			due = append(due, next)
		}
		if len(due) > 0 {
			if err := add(due); err != nil {
				return err
			}
		}
		until := time.Duration(math.MaxInt64)
		if next < len(st.requests) {
			until = st.real(st.requests[next].At - now)
		}
		pause(ctx, until)
	}
	return nil
}

// waiting returns the numbers of the requests that wait before the start, which
// are the first.
func (st *stage) waiting() (numbers []int) {
	for n, r := range st.requests {
		if r.At >= 0 {
			break
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// pause waits for d, in real time, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// smallAccount are the proportions of the limits of a small account on Anthropic's
// API.
var smallAccount = llmsim.Limits{Requests: 50, InputTokens: 30_000, OutputTokens: 8000}

// accountFor returns the limits of an account that allows a share of the input
// tokens that requests ask for in so long.
func accountFor(requests []Request, d time.Duration, share float64) llmsim.Limits {
	sum := 0.0
	for _, r := range requests {
		sum += float64(r.Input)
	}
	size := share * sum / d.Minutes() / float64(smallAccount.InputTokens)
	return llmsim.Limits{
		Requests:     int64(math.Ceil(size * float64(smallAccount.Requests))),
		InputTokens:  int64(math.Ceil(size * float64(smallAccount.InputTokens))),
		OutputTokens: int64(math.Ceil(size * float64(smallAccount.OutputTokens))),
	}
}

// stage returns the stage for requests to an account with these limits.
func (c *Config) stage(requests []Request, l llmsim.Limits, length time.Duration) *stage {
	return &stage{requests: requests, limits: l, length: length, scale: c.Scale, text: newProse(c.Prose)}
}
