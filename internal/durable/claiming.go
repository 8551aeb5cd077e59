package durable

import (
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/admission"
)

// claiming is one claim on its way through the book. The order is that of package
// inmem; what differs is that the tasks are in the database, and are fetched a
// few at a time.
type claiming struct {
	*Book
	now        time.Time
	ask        *pawl.Claim
	most       int // tasks to take
	operations map[string]bool
	queues     map[string]bool // nil for all
	heads      func([]HeadAsk) ([][]Candidate, error)

	shelves map[int64]*shelf
	closed  map[string]bool // limits that turned a task away
	large   map[string]int  // how many large tasks each limit turned away
	taken   []*Claim
	next    time.Time
	err     error
}

// shelf is what was fetched of a bin.
type shelf struct {
	tasks  []Candidate
	next   int64 // the lowest Seq that was not fetched
	passed int64 // the lowest Seq that was passed over; 0 if none was
	empty  bool  // the bin has no more
	asked  int
}

// claim takes as many tasks as their limits admit now, in order, and says when a
// limit that turned one away will open.
func (b *Book) claim(now time.Time, ask *pawl.Claim, most int, heads func([]HeadAsk) ([][]Candidate, error)) ([]*Claim, time.Time, error) {
	c := claiming{
		Book: b, now: now, ask: ask, most: most, heads: heads,
		operations: set(ask.Operations), shelves: map[int64]*shelf{}, closed: map[string]bool{}, large: map[string]int{},
	}
	if len(ask.Queues) > 0 {
		c.queues = set(ask.Queues)
	}
	for rank := range b.byRank {
		c.drain(b.byRank[rank])
		for name := range c.large {
			c.closed[name] = true
		}
	}
	if len(c.taken) > 0 {
		b.turned.Claims++
		b.touch(b.turned)
	}
	b.budgets.Sweep(now)
	for _, k := range b.table.Sweep(now) {
		page := ceilingPage{of: k}.key()
		delete(b.dirty, page)
		b.gone[page] = struct{}{}
		b.marked = admission.Key{}
	}
	return c.taken, c.next, c.err
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// drain takes tasks of one priority, one from each line in turn, until none
// gives any more.
func (c *claiming) drain(lines []*line) {
	open := make([]*line, 0, 8)
	for _, l := range lines {
		q := c.Book.queues[l.queue]
		if l.Waiting() > 0 && (q == nil || !q.Paused) && (c.queues == nil || c.queues[l.queue]) {
			open = append(open, l)
		}
	}
	all := slices.Clone(open)
	defer func() {
		for _, l := range all {
			l.Restore()
		}
	}()
	if len(open) > 1 {
		at := int(c.turned.Claims % int64(len(open)))
		open = slices.Concat(open[at:], open[:at])
	}
	open = slices.DeleteFunc(open, func(l *line) bool { return c.owed(l) && !c.takeFrom(l, []*line{l}) })
	for i := 0; len(open) > 0 && len(c.taken) < c.most && c.err == nil; i++ {
		at := i % len(open)
		if !c.takeFrom(open[at], open[at:]) {
			open = append(open[:at], open[at+1:]...)
		}
	}
}

// owed reports whether a line comes first because its limit turned its first task
// away before. Else smaller tasks of other lines could use up for ever what that
// task waits for.
func (c *claiming) owed(l *line) bool {
	return c.owes(l) && len(c.taken) < c.most && c.err == nil
}

func (b *Book) owes(l *line) bool {
	owes := b.table.Owes(l.limit)
	return owes != nil && *owes == l.owed()
}

func (l *line) owed() admission.Owed { return admission.Owed{Queue: l.queue, Priority: l.priority} }

// takeFrom takes a line's first task that may go, and reports whether there was
// one. What it fetches, it fetches for the lines behind it too.
func (c *claiming) takeFrom(l *line, behind []*line) bool {
	for first := l.First(); first != nil && !c.closed[l.limit]; first = l.First() {
		u := first.Of
		w, task := c.first(u, behind)
		if c.err != nil {
			return false
		}
		if task == nil {
			l.SetAside()
			continue
		}
		calls, verdict := c.admit(u, w, task)
		switch verdict {
		case admission.Open:
			c.take(u, w, task, calls)
			return true
		case admission.Closed:
			c.close(l)
		case admission.Capped:
			l.SetAside()
		case admission.Large:
			c.pass(u, w, task)
		}
	}
	return false
}

// close closes a line's limit for the rest of the claim.
func (c *claiming) close(l *line) {
	c.closed[l.limit] = true
	if !c.owes(l) {
		owed := l.owed()
		lim := c.table.Limit(l.limit)
		lim.Owes = &owed
		c.table.Touch(lim)
	}
}

// pass passes over a large task. Beyond some of them its limit is closed.
func (c *claiming) pass(u *turn, w *work, t *Candidate) {
	s := c.shelves[u.number(w)]
	if s.passed == 0 {
		s.passed = t.Seq
	}
	s.tasks = s.tasks[1:]
	name := u.line.limit
	if c.large[name]++; c.large[name] >= admission.PassMost {
		c.closed[name] = true
	}
}

// first returns the user's first task of the worker's operations, nil if there
// is none.
func (c *claiming) first(u *turn, behind []*line) (*work, *Candidate) {
	if c.missing(u) {
		c.fetch(u, behind)
	}
	var of *work
	var first *Candidate
	for i := range u.Works {
		w := &u.Works[i]
		if !c.operations[w.Operation] {
			continue
		}
		s := c.shelves[u.number(w)]
		if s != nil && len(s.tasks) > 0 && (first == nil || s.tasks[0].Seq < first.Seq) {
			of, first = w, &s.tasks[0]
		}
	}
	return of, first
}

// missing reports whether a bin of the user must be fetched to know its first task.
func (c *claiming) missing(u *turn) bool {
	for i := range u.Works {
		w := &u.Works[i]
		if !c.operations[w.Operation] {
			continue
		}
		if s := c.shelves[u.number(w)]; s == nil || len(s.tasks) == 0 && !s.empty {
			return true
		}
	}
	return false
}

// fetchUsers is how many users are fetched for at a time, at most.
const fetchUsers = 256

// fetch gets the first tasks of a user, and of those who are likely to come next.
func (c *claiming) fetch(u *turn, behind []*line) {
	left := c.most - len(c.taken)
	users := []*turn{u}
	share := max(left/max(len(behind), 1), 1)
	for _, l := range behind {
		if len(users) >= fetchUsers {
			break
		}
		for _, other := range l.Lowest(min(share, fetchUsers)) {
			if other.Of != u && len(users) < fetchUsers {
				users = append(users, other.Of)
			}
		}
	}
	each := left
	if len(users) > 1 {
		each = left/len(users) + 2
	}
	var asks []HeadAsk
	for _, other := range users {
		asks = c.want(asks, other, each)
	}
	c.shelve(asks)
}

// want appends what must be asked to know the first tasks of a user.
func (c *claiming) want(asks []HeadAsk, u *turn, most int) []HeadAsk {
	for i := range u.Works {
		w := &u.Works[i]
		if !c.operations[w.Operation] {
			continue
		}
		bin := u.number(w)
		s := c.shelves[bin]
		if s == nil {
			s = &shelf{}
			c.shelves[bin] = s
		}
		if len(s.tasks) > 0 || s.empty {
			continue
		}
		// A bin that gave all it was asked for gives more the next time.
		s.asked = min(max(most, 4*s.asked), w.Tasks, c.most-len(c.taken))
		asks = append(asks, HeadAsk{Bin: bin, From: max(w.From, s.next), Most: s.asked})
	}
	return asks
}

func (c *claiming) shelve(asks []HeadAsk) {
	found, err := c.heads(asks)
	if err != nil {
		c.err = err
		return
	}
	for i, ask := range asks {
		s := c.shelves[ask.Bin]
		s.tasks, s.empty = found[i], len(found[i]) < ask.Most
		if n := len(s.tasks); n > 0 {
			s.next = s.tasks[n-1].Seq + 1
		}
	}
}

// admit takes a task's first call from its limit.
func (c *claiming) admit(u *turn, w *work, t *Candidate) ([]Call, admission.Verdict) {
	l := u.line
	if l.limit == pawl.NoLimit {
		return nil, admission.Open
	}
	charged, gate, verdict := c.table.Admit(c.now, &admission.Ask{
		Limit: l.limit, User: u.user, Operation: w.Operation, Size: t.Size, Rank: l.priority, ID: t.ID,
	})
	if verdict != admission.Open {
		c.next = earlier(c.next, gate.Until)
		return nil, verdict
	}
	if c.owes(l) {
		c.table.Limit(l.limit).Owes = nil
	}
	return []Call{{Limit: l.limit, Size: t.Size, Charged: charged, At: c.now}}, verdict
}

func (c *claiming) take(u *turn, w *work, t *Candidate, calls []Call) {
	bin := u.number(w)
	s := c.shelves[bin]
	s.tasks = s.tasks[1:]
	task, operation := *t, w.Operation
	cost, share := c.start(u, w, &task, s.passed)
	c.taken = append(c.taken, &Claim{
		Candidate: task, Bin: bin, Worker: c.ask.Worker, Lease: c.now.Add(c.ask.Lease),
		Calls: calls, Cost: cost, Share: share, In: Bin{u.line.queue, u.line.limit, u.line.priority, u.user, operation},
	})
}
