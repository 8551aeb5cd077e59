package inmem

import (
	"context"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
)

// blockRows is how many copies of rows are allocated together, and so kept for
// as long as one of them is in use.
const blockRows = 32

// claim is one call of Claim on its way.
type claim struct {
	*Store
	now        time.Time
	ask        *pawl.Claim
	operations map[string]bool
	queues     map[string]bool // nil for all
	tasks      []*pawl.TaskRow
	block      []pawl.TaskRow // where the next copies of rows go
	calls      []call         // where the next calls of tasks go
	next       time.Time

	closed map[string]bool // limits that turned a task away
	large  map[string]int  // how many large tasks each limit turned away
	passed []*task         // those, out of their lines until the claim ends
}

// Claim implements [pawl.Tasks]. Which tasks it takes is the same on every store:
//
//  1. What the worker does not know to be running under its name, by id.
//  2. Priority by priority, the lines that hold tasks of any operation, sorted by
//     queue and limit, without those of paused queues and of other queues than the
//     worker's, beginning at the one whose place is the number of claims so far that
//     took a task, modulo the number of lines. First, each line to which a limit owes
//     its first task gives one, in that order; a line that cannot is out.
//  3. Then one task from each line in turn. With each turn the place moves on by
//     one; a line that gives nothing is out, and the modulo is of those that are
//     left.
//  4. A task whose limit has no room closes it for the rest of the claim. A user at
//     a ceiling is passed over. A large task is passed over, and tasks behind it go
//     that fit into what is not saved for it; those of lower priority do not.
func (s *Store) Claim(ctx context.Context, now time.Time, ask pawl.Claim) (pawl.Claimed, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return pawl.Claimed{}, err
	}
	defer s.mu.Unlock()
	c := claim{Store: s, now: now, ask: &ask, operations: set(ask.Operations)}
	if len(ask.Queues) > 0 {
		c.queues = set(ask.Queues)
	}
	s.workers.meet(now, &ask)
	c.repeat()
	if len(c.tasks) < ask.Max {
		c.takeAll()
	}
	claimed := pawl.Claimed{Now: now, Tasks: c.tasks, Next: s.upcoming()}
	if len(c.tasks) < ask.Max {
		s.hungry = true
		claimed.Next = earlier(c.next, claimed.Next)
	}
	s.table.Sweep(now)
	s.budgets.Sweep(now)
	return claimed, nil
}

// takeAll takes tasks, priority by priority.
func (c *claim) takeAll() {
	repeated := len(c.tasks)
	for rank := range c.lines.byPriority {
		c.drain(rank)
		for name := range c.large {
			c.close(name)
		}
	}
	c.putBack()
	if len(c.tasks) > repeated {
		c.turned++
	}
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// repeat answers what an earlier claim took, whose answer the worker did not get.
func (c *claim) repeat() {
	if c.ask.Known == nil {
		return
	}
	known := make(map[pawl.Lease]bool, len(c.ask.Known))
	for _, l := range c.ask.Known {
		known[l] = true
	}
	var missed []*task
	for _, leases := range c.leases {
		for t := leases.first; t != nil; t = t.next {
			if t.row.Worker == c.ask.Worker && !known[t.row.Lease()] {
				missed = append(missed, t)
			}
		}
	}
	slices.SortFunc(missed, func(a, b *task) int { return compareIDs(a.row.ID, b.row.ID) })
	for _, t := range missed[:min(len(missed), c.ask.Max)] {
		c.give(t)
	}
}

// drain takes tasks of one priority, one from each line in turn, until none
// gives any more.
func (c *claim) drain(rank int) {
	lines := &c.lines.byPriority[rank]
	open := make([]*line, 0, 8)
	kept := (*lines)[:0]
	for _, l := range *lines {
		if l.Waiting() == 0 {
			l.listed = false
			continue
		}
		kept = append(kept, l)
		if !c.queue(l.queue).paused && (c.queues == nil || c.queues[l.queue]) {
			open = append(open, l)
		}
	}
	clear((*lines)[len(kept):])
	*lines = kept
	defer func() {
		for _, l := range kept {
			l.Restore()
		}
	}()
	if len(open) > 1 {
		at := int(c.turned % int64(len(open)))
		open = slices.Concat(open[at:], open[:at])
	}
	open = slices.DeleteFunc(open, func(l *line) bool { return c.owed(l) && !c.takeFrom(l) })
	for i := 0; len(open) > 0 && len(c.tasks) < c.ask.Max; i++ {
		at := i % len(open)
		if !c.takeFrom(open[at]) {
			open = append(open[:at], open[at+1:]...)
		}
	}
}

// takeFrom takes a line's first task that may go, and reports whether there was one.
func (c *claim) takeFrom(l *line) bool {
	for first := l.First(); first != nil && !c.closed[l.limit]; first = l.First() {
		u := first.Of
		t := u.first(c.operations)
		if t == nil {
			l.SetAside()
			continue
		}
		switch c.admit(t) {
		case admission.Open:
			l.start(u, t)
			c.lease(t)
			return true
		case admission.Closed:
			c.close(l.limit)
			c.table.Limit(l.limit).Owes = l.owed()
		case admission.Capped:
			l.SetAside()
		case admission.Large:
			c.pass(u, t)
		}
	}
	return false
}

func (c *claim) close(name string) {
	if c.closed == nil {
		c.closed = map[string]bool{}
	}
	c.closed[name] = true
}

// pass passes over a large task. Beyond some of them its limit is closed.
func (c *claim) pass(u *turn, t *task) {
	u.work(t.row.Operation).pop()
	c.passed = append(c.passed, t)
	if c.large == nil {
		c.large = map[string]int{}
	}
	if c.large[t.row.Limit]++; c.large[t.row.Limit] >= admission.PassMost {
		c.close(t.row.Limit)
	}
}

// putBack puts the tasks that were passed over where they were.
func (c *claim) putBack() {
	for _, t := range c.passed {
		t.turn.work(t.row.Operation).push(t)
	}
}

// owed reports whether a line comes first because its limit turned its first task
// away before.
func (c *claim) owed(l *line) bool {
	owes := c.table.Owes(l.limit)
	return owes != nil && *owes == *l.owed() && len(c.tasks) < c.ask.Max
}

func (l *line) owed() *admission.Owed { return &admission.Owed{Queue: l.queue, Priority: l.priority} }

// admit takes a task's first call from its limit.
func (c *claim) admit(t *task) admission.Verdict {
	if t.row.Limit == pawl.NoLimit {
		return admission.Open
	}
	charged, gate, verdict := c.table.Admit(c.now, &admission.Ask{
		Limit: t.row.Limit, User: t.row.User, Operation: t.row.Operation,
		Size: t.row.Size, Rank: t.row.Priority, ID: t.row.ID,
	})
	if verdict != admission.Open {
		c.next = earlier(c.next, gate.Until)
		return verdict
	}
	if owes := c.table.Owes(t.row.Limit); owes != nil && *owes == *t.turn.line.owed() {
		c.table.Limit(t.row.Limit).Owes = nil
	}
	c.charge(t, call{limit: t.row.Limit, size: t.row.Size, charged: charged, at: c.now})
	return verdict
}

// charge notes what a task's first call was charged.
func (c *claim) charge(t *task, first call) {
	if len(c.calls) == cap(c.calls) {
		c.calls = make([]call, 0, min(c.ask.Max-len(c.tasks), blockRows))
	}
	c.calls = append(c.calls, first)
	n := len(c.calls)
	t.calls = c.calls[n-1 : n : n]
}

func (c *claim) lease(t *task) {
	c.update(c.now, t, func(r *pawl.TaskRow) { r.BeClaimed(c.now, c.ask.Worker, c.ask.Lease) })
	c.give(t)
	c.emit(c.now, pawl.EventStarted, t)
}

// give puts a copy of a task's row into the answer.
func (c *claim) give(t *task) {
	if len(c.block) == cap(c.block) {
		c.block = make([]pawl.TaskRow, 0, min(c.ask.Max-len(c.tasks), blockRows))
	}
	c.block = append(c.block, t.row)
	c.tasks = append(c.tasks, &c.block[len(c.block)-1])
}
