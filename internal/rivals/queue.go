package rivals

import (
	"context"
	"sync"
	"time"
)

// queueTries is how often [PriorityQueue] makes a call at most.
const queueTries = 4

// PriorityQueue is the task queue of many articles on agents: three lines in
// memory, of which the first with a call goes first; one worker that makes one
// call at a time; requests and tokens a minute counted in a window that begins
// with its first call; the tokens that a call used added when it has ended; and
// exponential backoff from one second, three times, after which a call is a dead
// letter.
func PriorityQueue(ctx context.Context, w Work) {
	q := &priorityQueue{Work: w, lines: [3]*line{newLine(), newLine(), newLine()}}
	var arrivals sync.WaitGroup
	arrivals.Go(func() { q.fill(ctx) })
	for c, ok := q.next(ctx); ok; c, ok = q.next(ctx) {
		q.finish(ctx, c)
	}
	arrivals.Wait()
}

type priorityQueue struct {
	Work
	lines            [3]*line
	window           time.Time // when the window of the counters began
	requests, tokens float64   // in this window
}

// fill puts calls into their lines as they arrive, until ctx ends.
func (q *priorityQueue) fill(ctx context.Context) {
	for {
		select {
		case c, ok := <-q.Calls:
			if !ok {
				return
			}
			q.lines[c.Priority].push(c)
		case <-ctx.Done():
			return
		}
	}
}

// next returns the first call of the most urgent line. With nothing to do it looks
// again after a tenth of a second.
func (q *priorityQueue) next(ctx context.Context) (Call, bool) {
	for ctx.Err() == nil {
		for _, l := range q.lines {
			if c, ok := l.pop(); ok {
				return c, true
			}
		}
		q.sleep(ctx, 100*time.Millisecond)
	}
	return Call{}, false
}

// finish makes a call until it succeeds or is given up.
func (q *priorityQueue) finish(ctx context.Context, c Call) {
	for try := range queueTries {
		if try > 0 && !q.sleep(ctx, time.Second<<(try-1)) {
			return
		}
		if !q.admit(ctx) {
			return
		}
		a, err := q.Send(ctx, c)
		if err == nil && !a.Refused {
			q.tokens += float64(a.Tokens)
			return
		}
	}
	if ctx.Err() == nil {
		q.Lost(c)
	}
}

// admit waits for the next window if this one is used up.
func (q *priorityQueue) admit(ctx context.Context) bool {
	if q.requests >= q.Limits.Requests || q.tokens >= q.Limits.Tokens {
		if !q.sleep(ctx, time.Minute-q.passed(q.window)) {
			return false
		}
	}
	if q.window.IsZero() || q.passed(q.window) >= time.Minute {
		q.window, q.requests, q.tokens = time.Now(), 0, 0
	}
	q.requests++
	return true
}
