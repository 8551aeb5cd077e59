package rivals

import (
	"context"
	"sync"
	"time"
)

// The settings of the script.
const (
	cookbookTries = 5
	cookbookPause = 15 * time.Second
	cookbookLoop  = time.Millisecond // real time, as a loop takes that long however fast the account lives
)

// Cookbook is the script for parallel requests in OpenAI's cookbook
// (api_request_parallel_processor.py): a loop that fills a capacity of requests
// and one of tokens evenly, to a minute's worth at most; takes what a call needs
// from both before it is sent; lets the first call wait until there is enough for
// it, and all others with it; takes what failed before anything new; and after a
// rate limit error sends nothing for 15 seconds. A call is tried five times.
func Cookbook(ctx context.Context, w Work) {
	c := &cookbook{Work: w, fresh: newLine(), retries: newLine(), filled: time.Now()}
	c.requests, c.tokens = w.Limits.Requests, w.Limits.Tokens
	c.running.Go(func() { c.fresh.fill(ctx, w.Calls) })
	defer c.running.Wait()
	tick := time.NewTicker(cookbookLoop)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if wait := c.pause(); wait > 0 && !w.sleep(ctx, wait) {
			return
		}
		c.step(ctx)
	}
}

type cookbook struct {
	Work
	fresh, retries   *line
	requests, tokens float64 // capacities
	filled           time.Time
	next             *Call
	running          sync.WaitGroup

	mu      sync.Mutex
	tries   map[int]int // of calls that failed, by number
	refused time.Time   // the last time
}

// pause is how long to send nothing after a rate limit error.
func (c *cookbook) pause() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused.IsZero() {
		return 0
	}
	return cookbookPause - c.passed(c.refused)
}

// step fills the capacities and sends all that they have room for. The script
// sends one call each millisecond, which at a higher scale would be too slow.
func (c *cookbook) step(ctx context.Context) {
	minutes := c.passed(c.filled).Minutes()
	c.filled = time.Now()
	c.requests = min(c.requests+minutes*c.Limits.Requests, c.Limits.Requests)
	c.tokens = min(c.tokens+minutes*c.Limits.Tokens, c.Limits.Tokens)
	for c.pause() <= 0 && c.pick() && c.requests >= 1 && c.tokens >= float64(c.next.Input) {
		call := *c.next
		c.next = nil
		c.requests--
		c.tokens -= float64(call.Input)
		c.running.Go(func() { c.send(ctx, call) })
	}
}

// pick says whether there is a call that is next.
func (c *cookbook) pick() bool {
	for _, l := range []*line{c.retries, c.fresh} {
		if c.next != nil {
			break
		}
		if call, ok := l.pop(); ok {
			c.next = &call
		}
	}
	return c.next != nil
}

func (c *cookbook) send(ctx context.Context, call Call) {
	a, err := c.Send(ctx, call)
	if err == nil && !a.Refused || ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	if a.Refused {
		c.refused = time.Now()
	}
	if c.tries == nil {
		c.tries = map[int]int{}
	}
	c.tries[call.Number]++
	again := c.tries[call.Number] < cookbookTries
	c.mu.Unlock()
	if again {
		c.retries.push(call)
	} else {
		c.Lost(call)
	}
}
