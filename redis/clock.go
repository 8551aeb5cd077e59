package redis

import (
	"sync"
	"time"
)

// clock is the server's clock as of its last answer. In between, the time that has
// passed here is added; what the server says is later than that by half a round
// trip at most. A transaction that assumed a time which is not the server's by
// more is refused by commit.lua, and asks.
type clock struct {
	mu     sync.Mutex
	server time.Time
	here   time.Time // when the answer came
}

// clockFresh is for how long an answer is good. Clocks drift by some microseconds
// in that time.
const clockFresh = time.Second

// set takes an answer of the server. A later one that was longer on its way does
// not turn the clock back.
func (c *clock) set(server time.Time) {
	here := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if passed := here.Sub(c.here); passed < clockFresh && c.server.Add(passed).After(server) {
		return
	}
	c.server, c.here = server, here
}

// now returns the server's time; ok is false if it must be asked.
func (c *clock) now() (now time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	passed := time.Since(c.here)
	return c.server.Add(passed).Truncate(time.Microsecond), passed < clockFresh
}

// doubt forgets the last answer.
func (c *clock) doubt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.here = time.Time{}
}
