package rivals

import (
	"context"
	"sync"
	"time"
)

// MinuteCounters is a proxy that routes by usage, as LiteLLM's router does: one
// counter of requests and one of tokens for each minute. A request is counted when
// it is sent, its tokens when it is answered. While a counter is used up, or the
// prompt alone would exceed it, calls are turned away, and wait for the next
// minute. There are 64 callers, with an SDK's retries.
func MinuteCounters(ctx context.Context, w Work) {
	m := &minuteCounters{pool: pool{Work: w, line: newLine()}, began: time.Now()}
	m.admit, m.done = m.wait, m.count
	m.run(ctx)
}

type minuteCounters struct {
	pool
	began time.Time

	mu               sync.Mutex
	minute           int     // counted from 0
	requests, tokens float64 // in this minute
}

// wait waits for a minute with room for the call, and counts it there.
func (m *minuteCounters) wait(ctx context.Context, c Call) bool {
	for {
		if m.counted(c) {
			return true
		}
		passed := m.passed(m.began)
		if !m.sleep(ctx, passed.Truncate(time.Minute)+time.Minute-passed) {
			return false
		}
	}
}

// counted counts a request, if there is room for it.
func (m *minuteCounters) counted(c Call) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn()
	if m.requests+1 > m.Limits.Requests || m.tokens+float64(c.Input) > m.Limits.Tokens {
		return false
	}
	m.requests++
	return true
}

// count adds what a call has used to the minute in which it ended.
func (m *minuteCounters) count(a Answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn()
	m.tokens += float64(a.Tokens)
}

// turn sets the counters back when a minute is over.
func (m *minuteCounters) turn() {
	if now := int(m.passed(m.began) / time.Minute); now != m.minute {
		m.minute, m.requests, m.tokens = now, 0, 0
	}
}
