package inmem

import (
	"cmp"
	"slices"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/turns"
)

// lines holds the pending tasks.
//
// Each queue, limit and priority has a line of its own, in which users take turns
// as package turns says. Each user's tasks stand first in, first out, by Seq, to
// which a retry returns.
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
	turns.Line[*turn]
	users  map[string]*turn
	listed bool // whether it is in byPriority
	sweep  int  // how many users make it worth to look for those to forget
}

// turn is a user's place in a line.
type turn struct {
	turns.Turn[*turn]
	line  *line
	user  string
	works []work // by operation
	tasks int    // in the line
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
		u = &turn{line: l, user: r.User}
		u.Of = u
		l.users[r.User] = u
	}
	t.turn, t.inLine = u, true
	t.cost = float64(max(r.Size.Chars/4+r.Size.Output, 1))
	u.work(r.Operation).push(t)
	u.tasks++
	l.Enter(&u.Turn)
}

// remove takes a task out of its line. Its entry is passed over later.
func (ls *lines) remove(t *task) {
	if !t.inLine {
		return
	}
	t.inLine = false
	u := t.turn
	if u.tasks--; u.tasks == 0 {
		u.line.Leave(&u.Turn)
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
		if !l.Matters(&u.Turn) {
			delete(l.users, name)
		}
	}
	l.sweep = 2 * len(l.users)
}

// start takes the first task of a user, whose turn it is, out of the line.
func (l *line) start(u *turn, t *task) {
	u.work(t.row.Operation).pop()
	t.inLine = false
	t.share = l.Begin(&u.Turn, t.cost)
	if u.tasks--; u.tasks == 0 {
		l.Leave(&u.Turn)
		u.works = nil
	}
}

// correct charges a user what a task did use, in place of what was expected. The
// task has not returned to its line, where it may be expected to use something else.
func (t *task) correct(used float64) {
	t.turn.line.Correct(&t.turn.Turn, used-t.cost, t.share)
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
