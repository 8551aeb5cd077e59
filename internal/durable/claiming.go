package durable

import (
	"slices"
	"time"

	"github.com/pawlhq/pawl"
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
	closed  map[*limited]bool // limits that turned a task away
	taken   []*Claim
	next    time.Time
	err     error
}

// shelf is what was fetched of a bin.
type shelf struct {
	tasks []Candidate
	empty bool // the bin has no more
	asked int
}

// claim takes as many tasks as their limits admit now, in order, and says when a
// limit that turned one away will open.
func (b *Book) claim(now time.Time, ask *pawl.Claim, most int, heads func([]HeadAsk) ([][]Candidate, error)) ([]*Claim, time.Time, error) {
	c := claiming{
		Book: b, now: now, ask: ask, most: most, heads: heads,
		operations: set(ask.Operations), shelves: map[int64]*shelf{}, closed: map[*limited]bool{},
	}
	if len(ask.Queues) > 0 {
		c.queues = set(ask.Queues)
	}
	for rank := range b.byRank {
		c.drain(b.byRank[rank])
	}
	if len(c.taken) > 0 {
		b.turned.Claims++
		b.touch(b.turned)
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
	open = slices.DeleteFunc(open, func(l *line) bool { return c.owed(l) && !c.takeFrom(l, []*line{l}) })
	for i := int(c.turned.Claims); len(open) > 0 && len(c.taken) < c.most && c.err == nil; i++ {
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
	limit := c.limits[l.limit]
	return limit != nil && limit.owes(l) && len(c.taken) < c.most && c.err == nil
}

func (l *limited) owes(to *line) bool {
	return l.Owes != nil && l.Owes.Queue == to.queue && l.Owes.Priority == to.priority
}

// takeFrom takes a line's first task and reports whether there was one. What it
// fetches, it fetches for the lines behind it too.
func (c *claiming) takeFrom(l *line, behind []*line) bool {
	if l.limit != pawl.NoLimit && c.closed[c.limits[l.limit]] {
		return false
	}
	for first := l.First(); first != nil; first = l.First() {
		u := first.Of
		w, task := c.first(u, behind)
		if c.err != nil {
			return false
		}
		if task == nil {
			l.SetAside()
			continue
		}
		calls, ok := c.admit(l, task)
		if !ok {
			return false
		}
		c.take(u, w, task, calls)
		return true
	}
	return false
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
		asks = append(asks, HeadAsk{Bin: bin, From: w.From, Most: s.asked})
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
	}
}

// admit takes a task's first call from its limit. A limit that turns a task away
// is closed for the rest of this claim: no task behind the first one, and none
// of lower priority, goes before it.
func (c *claiming) admit(l *line, t *Candidate) ([]Call, bool) {
	if l.limit == pawl.NoLimit {
		return nil, true
	}
	lim := c.limit(l.limit)
	cost := lim.Config.Estimate(t.Size)
	charged, gate, ok := lim.State.Admit(c.now, lim.Config, cost)
	if !ok {
		c.closed[lim] = true
		c.next = earlier(c.next, gate.Until)
		if !lim.owes(l) {
			lim.Owes = &owed{l.queue, l.priority}
			c.touch(lim)
		}
		return nil, false
	}
	if lim.owes(l) {
		lim.Owes = nil
	}
	c.touch(lim)
	return []Call{{Limit: l.limit, Size: t.Size, Cost: charged, At: c.now}}, true
}

func (c *claiming) take(u *turn, w *work, t *Candidate, calls []Call) {
	bin := u.number(w)
	s := c.shelves[bin]
	s.tasks = s.tasks[1:]
	task, operation := *t, w.Operation
	cost, share := c.start(u, w, &task)
	c.taken = append(c.taken, &Claim{
		Candidate: task, Bin: bin, Worker: c.ask.Worker, Lease: c.now.Add(c.ask.Lease),
		Calls: calls, Cost: cost, Share: share, In: Bin{u.line.queue, u.line.limit, u.line.priority, u.user, operation},
	})
}
