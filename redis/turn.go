package redis

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
)

// turnMost is for how long a transaction has the turn at most, and crowdedFor how long a
// process remembers that it has met another one at a task.
const (
	turnMost   = 100 * time.Millisecond
	crowdedFor = time.Second
)

// crowds are the tasks that this process has met others at lately.
//
// Processes that end branches of one task at the same time all change that task, and
// one of them is refused and does its batch again. So those that have met there take
// turns from then on: who has the turn reads the task, decides and commits, while the
// others wait. As with the book, nothing rests on it: the task's version is
// checked besides, and whoever has waited for turnMost goes on without. A process that
// ends while it has the turn keeps the others for as long.
type crowds struct {
	mu    sync.Mutex
	until map[pawl.ID]time.Time
}

// mostCrowds is how many tasks are remembered at most.
const mostCrowds = 1000

// met notes that a transaction was refused because a task had changed.
func (c *crowds) met(id pawl.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until == nil || len(c.until) >= mostCrowds {
		c.until = map[pawl.ID]time.Time{}
	}
	c.until[id] = time.Now().Add(crowdedFor)
}

// any reports whether one of ids is crowded.
func (c *crowds) any(ids []pawl.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.until) == 0 {
		return false
	}
	now := time.Now()
	for _, id := range ids {
		until, ok := c.until[id]
		if ok && now.Before(until) {
			return true
		}
		if ok {
			delete(c.until, id)
		}
	}
	return false
}

// takeTurn waits for the turn, if it is to be taken for one of ids and this transaction
// does not have it. Those of this process queue up for it, and only the first of them
// asks the server.
func (t *tx) takeTurn(ids []pawl.ID) error {
	if t.queued || !t.crowds.any(ids) {
		return nil
	}
	patience := time.NewTimer(turnMost)
	defer patience.Stop()
	select {
	case t.turns <- struct{}{}:
		t.queued = true
	case <-patience.C:
		return nil
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
	token := fmt.Sprintf("%016x", rand.Uint64())
	for began := time.Now(); time.Since(began) < turnMost; {
		answer, err := t.run(t.ctx, scriptTurn, []string{t.keys.main}, token, turnMost.Milliseconds())
		if err != nil {
			return err
		}
		left, err := number(answer)
		if err != nil {
			return err
		}
		if left == 0 {
			t.turn = token
			return nil
		}
		busy := time.Duration(left) * time.Millisecond
		if err := sleep(t.ctx, min(bookWaitMin+jitter(bookWaitMax), busy)); err != nil {
			return err
		}
	}
	return nil
}

// endTurn gives up the turn, which a commit has given up already on the server.
func (t *tx) endTurn(committed bool) {
	if t.turn != "" && !committed {
		t.unlock("turn", t.turn)
	}
	if t.queued {
		<-t.turns
	}
}
