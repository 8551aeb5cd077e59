package rivals

import (
	"context"
	"sync"
)

// line is calls that wait, first in, first out, without a bound.
type line struct {
	mu    sync.Mutex
	calls []Call
	more  chan struct{} // holds one item while there may be calls
}

func newLine() *line { return &line{more: make(chan struct{}, 1)} }

// fill puts calls into the line as they arrive, until ctx ends.
func (l *line) fill(ctx context.Context, calls <-chan Call) {
	for {
		select {
		case c, ok := <-calls:
			if !ok {
				return
			}
			l.push(c)
		case <-ctx.Done():
			return
		}
	}
}

func (l *line) push(c Call) {
	l.mu.Lock()
	l.calls = append(l.calls, c)
	l.mu.Unlock()
	l.wake()
}

func (l *line) wake() {
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// pop takes the first call, if there is one.
func (l *line) pop() (Call, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) == 0 {
		return Call{}, false
	}
	c := l.calls[0]
	l.calls = l.calls[1:]
	return c, true
}

// take waits for a call. It reports false when ctx has ended.
func (l *line) take(ctx context.Context) (Call, bool) {
	for ctx.Err() == nil {
		if c, ok := l.pop(); ok {
			l.wake() // for another one that waits: there may be more
			return c, true
		}
		select {
		case <-l.more:
		case <-ctx.Done():
		}
	}
	return Call{}, false
}
