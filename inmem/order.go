package inmem

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/pawlhq/pawl"
)

// lines holds the pending tasks.
//
// Each queue, limit and priority has a line of its own. In a line, users take
// turns by fair queueing: a user's next task has a start tag, the tokens that the
// user has been charged, and the lowest tag starts next. A user who comes into
// the line is charged at least its virtual time, which moves on with each task by
// its tokens divided by the users who wait: what somebody who has waited all
// along would be charged by now. So a user who comes new is among the next,
// however many tasks of others wait; a stream of new users passes nobody for
// ever; and users with much to do get equal shares of tokens.
//
// A task is charged what it is expected to use, corrected when its attempt ends.
// Each user's tasks stand first in, first out, by Seq, to which a retry returns.
type lines struct {
	byKey      map[lineKey]*line
	byPriority [3][]*line // those with tasks, highest priority first; sorted by queue and limit
}

type lineKey struct {
	queue, limit string
	priority     pawl.Priority
}

type line struct {
	lineKey
	users   map[string]*turn
	waiting turns   // users with tasks in the line, a heap
	aside   []*turn // during a claim: users who wait for other workers
	virtual float64 // virtual time: what a user who has waited all along would be charged by now
	arrived int64   // counts users that join waiting, to break ties
	listed  bool    // whether it is in byPriority
	sweep   int     // how many users make it worth to look for those to forget
}

// turn is a user's place in a line.
type turn struct {
	line    *line
	user    string
	charged float64 // the user's finish tag: the tokens charged so far
	start   float64 // the tag of the next task, while in the heap
	joined  float64 // the virtual time when the user came into the heap
	arrival int64
	at      int    // index in the heap; -1 if the user has no task in the line
	works   []work // by operation
	tasks   int    // in the line
}

// work is a user's tasks of one operation.
type work struct {
	operation string
	tasks     fifo
}

func (ls *lines) line(k lineKey) *line {
	l := ls.byKey[k]
	if l == nil {
		l = &line{lineKey: k, users: map[string]*turn{}}
		ls.byKey[k] = l
	}
	if !l.listed {
		l.listed = true
		lines := &ls.byPriority[pawl.High-k.priority]
		at, _ := slices.BinarySearchFunc(*lines, l, compareLines)
		*lines = slices.Insert(*lines, at, l)
	}
	return l
}

func compareLines(a, b *line) int {
	return cmp.Or(cmp.Compare(a.queue, b.queue), cmp.Compare(a.limit, b.limit))
}

// add puts a pending task into its line, in its place.
func (ls *lines) add(t *task) {
	r := &t.row
	l := ls.line(lineKey{r.Queue, r.Limit, r.Priority})
	u := l.users[r.User]
	if u == nil {
		l.forget()
		u = &turn{line: l, user: r.User, at: -1}
		l.users[r.User] = u
	}
	t.turn, t.inLine = u, true
	t.cost = float64(max(r.Size.Chars/4+r.Size.Output, 1))
	u.work(r.Operation).push(t)
	u.tasks++
	if u.at < 0 {
		u.joined = l.virtual
		u.start = max(u.joined, u.charged)
		l.arrived++
		u.arrival = l.arrived
		heap.Push(&l.waiting, u)
	}
}

// remove takes a task out of its line. Its entry is passed over later.
func (ls *lines) remove(t *task) {
	if !t.inLine {
		return
	}
	t.inLine = false
	u := t.turn
	if u.tasks--; u.tasks == 0 {
		heap.Remove(&u.line.waiting, u.at)
		u.works = nil
	}
}

// forget drops users without tasks whose charge no longer matters, once there
// are many of them.
func (l *line) forget() {
	if len(l.users) < max(1024, l.sweep) {
		return
	}
	for name, u := range l.users {
		if u.at < 0 && u.charged <= l.virtual {
			delete(l.users, name)
		}
	}
	l.sweep = 2 * len(l.users)
}

// take removes the next task of one of the operations and charges its user; it
// returns nil if there is none, or if admit turns the first one away. Users who
// have nothing for this worker are set aside, for restore to put back.
func (l *line) take(operations map[string]bool, admit func(*task) bool) *task {
	for len(l.waiting) > 0 {
		u := l.waiting[0]
		t := u.first(operations)
		if t == nil {
			l.aside = append(l.aside, u)
			heap.Pop(&l.waiting)
			continue
		}
		if !admit(t) {
			return nil
		}
		l.start(u, t)
		return t
	}
	return nil
}

// restore puts back the users that take has set aside, at the end of a claim.
func (l *line) restore() {
	for _, u := range l.aside {
		heap.Push(&l.waiting, u)
	}
	l.aside = nil
}

// start takes the first task of a user, the head of the heap, out of the line.
func (l *line) start(u *turn, t *task) {
	u.work(t.row.Operation).pop()
	t.inLine = false
	t.share = 1 / float64(len(l.waiting)+len(l.aside))
	l.virtual = max(l.virtual, u.start) + t.cost*t.share
	u.charged = u.start + t.cost
	u.start = u.charged
	if u.tasks--; u.tasks == 0 {
		heap.Remove(&l.waiting, u.at)
		u.works = nil
		return
	}
	heap.Fix(&l.waiting, u.at)
}

// correct charges a user what a task did use, in place of what was expected. The
// task has not returned to its line, where it may be expected to use something else.
func (t *task) correct(used float64) {
	u := t.turn
	u.charged += used - t.cost
	u.line.virtual += min(used-t.cost, 0) * t.share
	if u.at >= 0 {
		u.start = max(u.joined, u.charged)
		heap.Fix(&u.line.waiting, u.at)
	}
}

func (u *turn) work(operation string) *fifo {
	for i := range u.works {
		if u.works[i].operation == operation {
			return &u.works[i].tasks
		}
	}
	u.works = append(u.works, work{operation: operation})
	return &u.works[len(u.works)-1].tasks
}

// first returns the user's first task of one of the operations, nil if there is none.
func (u *turn) first(operations map[string]bool) *task {
	var first *task
	for i := range u.works {
		w := &u.works[i]
		if !operations[w.operation] {
			continue
		}
		if t := w.tasks.peek(); t != nil && (first == nil || t.row.Seq < first.row.Seq) {
			first = t
		}
	}
	return first
}

// turns is a heap of users by start tag, then by arrival.
type turns []*turn

func (h turns) Len() int { return len(h) }
func (h turns) Less(i, j int) bool {
	if h[i].start != h[j].start {
		return h[i].start < h[j].start
	}
	return h[i].arrival < h[j].arrival
}
func (h turns) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *turns) Push(x any) {
	u := x.(*turn)
	u.at = len(*h)
	*h = append(*h, u)
}
func (h *turns) Pop() any {
	last := len(*h) - 1
	u := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	u.at = -1
	return u
}

// fifo holds tasks by Seq. New tasks come in order and cost nothing to place;
// those that return to an earlier place, few at a time, are kept apart. Tasks
// that left the line in another way are passed over.
type fifo struct {
	queue []*task // ascending, from head on
	head  int
	back  []*task // returned, ascending
}

func (f *fifo) push(t *task) {
	if f.head == len(f.queue) || f.queue[len(f.queue)-1].row.Seq < t.row.Seq {
		f.queue = append(f.queue, t)
		return
	}
	i, _ := slices.BinarySearchFunc(f.back, t, func(a, b *task) int { return int(a.row.Seq - b.row.Seq) })
	f.back = slices.Insert(f.back, i, t)
}

// peek returns the first task that is still in the line, nil if there is none.
func (f *fifo) peek() *task {
	for len(f.back) > 0 && !f.back[0].inLine {
		f.back = f.back[1:]
	}
	for f.head < len(f.queue) && !f.queue[f.head].inLine {
		f.drop()
	}
	switch {
	case f.head == len(f.queue) && len(f.back) == 0:
		return nil
	case f.head == len(f.queue):
		return f.back[0]
	case len(f.back) == 0 || f.queue[f.head].row.Seq < f.back[0].row.Seq:
		return f.queue[f.head]
	}
	return f.back[0]
}

// pop removes what peek returns.
func (f *fifo) pop() {
	if t := f.peek(); len(f.back) > 0 && t == f.back[0] {
		f.back = f.back[1:]
		return
	}
	f.drop()
}

func (f *fifo) drop() {
	f.queue[f.head] = nil
	f.head++
	if f.head > 1024 && f.head > len(f.queue)/2 {
		f.queue = slices.Clone(f.queue[f.head:])
		f.head = 0
	}
}
