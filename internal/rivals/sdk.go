package rivals

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// callers is how many calls [SDKRetries] and [MinuteCounters] make at once.
const callers = 64

// SDKRetries is a program without a limiter: 64 callers, each with the retries
// that the providers' own SDKs make by themselves, which are two, after the time
// in retry-after if that is no more than a minute, else after 0.5 s, doubled, up
// to 8 s and less a quarter of it at random. A call that failed is put back at the
// end of the line once.
func SDKRetries(ctx context.Context, w Work) {
	p := pool{Work: w, line: newLine(), admit: func(context.Context, Call) bool { return true }, done: func(Answer) {}}
	p.run(ctx)
}

// pool is callers that take calls from one line.
type pool struct {
	Work
	line  *line
	admit func(context.Context, Call) bool // waits until a call may be sent; false when ctx has ended
	done  func(Answer)                     // told of each answer that is no refusal

	mu    sync.Mutex
	again map[int]bool // calls that were put back once
}

func (p *pool) run(ctx context.Context) {
	p.again = map[int]bool{}
	var all sync.WaitGroup
	all.Go(func() { p.line.fill(ctx, p.Calls) })
	for range callers {
		all.Go(func() {
			for c, ok := p.line.take(ctx); ok; c, ok = p.line.take(ctx) {
				if !p.call(ctx, c) && ctx.Err() == nil {
					p.putBack(c)
				}
			}
		})
	}
	all.Wait()
}

const sdkRetries = 2

// call makes a call as an SDK does, and reports whether it succeeded.
func (p *pool) call(ctx context.Context, c Call) bool {
	for retry := range sdkRetries + 1 {
		if !p.admit(ctx, c) {
			return false
		}
		a, err := p.Send(ctx, c)
		if err == nil && !a.Refused {
			p.done(a)
			return true
		}
		if retry < sdkRetries && !p.sleep(ctx, sdkDelay(retry, a.RetryAfter, rand.Float64())) {
			return false
		}
	}
	return false
}

// sdkDelay is how long the SDKs wait before a retry, counted from 0.
func sdkDelay(retry int, told time.Duration, random float64) time.Duration {
	if told > 0 && told <= time.Minute {
		return told
	}
	d := min(500*time.Millisecond<<retry, 8*time.Second)
	return time.Duration(float64(d) * (1 - random/4))
}

func (p *pool) putBack(c Call) {
	p.mu.Lock()
	again := p.again[c.Number]
	p.again[c.Number] = true
	p.mu.Unlock()
	if again {
		p.Lost(c)
	} else {
		p.line.push(c)
	}
}
