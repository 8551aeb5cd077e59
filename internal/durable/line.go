package durable

import (
	"cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/turns"
)

// line is the users who wait in one queue, for one limit, with one priority. They
// take turns as package turns says.
type line struct {
	lineKey
	turns.Line[*turn]

	page  string
	users map[string]*turn
	sweep int // how many users make it worth to look for those to forget
}

type lineKey struct {
	queue, limit string
	priority     pawl.Priority
}

func compareLines(a, b *line) int {
	return cmp.Or(cmp.Compare(a.queue, b.queue), cmp.Compare(a.limit, b.limit))
}

// turn is a user's place in a line.
type turn struct {
	turns.Turn[*turn]
	Works []work `json:"works,omitempty"` // by operation, those with tasks

	line *line
	user string
	page string
}

// work is a user's tasks of one operation.
type work struct {
	Operation string `json:"operation"`
	Tasks     int    `json:"tasks"` // how many wait
	From      int64  `json:"from"`  // none that waits has a lower Seq

	bin int64 // 0 until it is needed
}

func (l *line) turn(user string) *turn {
	u := l.users[user]
	if u == nil {
		u = &turn{line: l, user: user, page: pageKey("turn", l.queue, l.limit, l.priority, user)}
		u.Of = u
		l.users[user] = u
	}
	return u
}

// drop forgets a user, as another process did.
func (l *line) drop(user string) {
	if u := l.users[user]; u != nil {
		l.Leave(&u.Turn)
	}
	delete(l.users, user)
}

// place puts a user whose page was read where it belongs.
func (u *turn) place() {
	if len(u.Works) > 0 {
		u.line.Place(&u.Turn)
		return
	}
	u.line.Leave(&u.Turn)
}

// arrive counts tasks that wait from now on, of which seq is the first.
func (b *Book) arrive(a *Arrival) {
	l := b.line(lineKey{a.Queue, a.Limit, a.Priority})
	if l.users[a.User] == nil {
		b.forget(l)
	}
	u := l.turn(a.User)
	w := u.work(a.Operation)
	if w == nil {
		u.Works = append(u.Works, work{Operation: a.Operation, From: a.Seq})
		w = &u.Works[len(u.Works)-1]
	}
	w.Tasks += a.Tasks
	w.From = min(w.From, a.Seq)
	b.touch(u)
	if !u.Waits() {
		l.Enter(&u.Turn)
		b.touch(l)
	}
}

// leave counts tasks that no longer wait, and were not claimed.
func (b *Book) leave(a *Arrival) {
	u := b.line(lineKey{a.Queue, a.Limit, a.Priority}).turn(a.User)
	if w := u.work(a.Operation); w != nil {
		w.Tasks -= a.Tasks
	}
	u.tidy()
	b.touch(u)
}

// correct charges a user what a task did use, in place of what was expected.
func (b *Book) correct(c *Correction) {
	l := b.line(lineKey{c.Queue, c.Limit, c.Priority})
	u := l.users[c.User]
	if u == nil { // it was forgotten: its charge was behind virtual time
		u = l.turn(c.User)
		u.Charged = l.Virtual
	}
	l.Correct(&u.Turn, c.More, c.Share)
	b.touch(u)
	b.touch(l)
}

func (u *turn) work(operation string) *work {
	for i := range u.Works {
		if u.Works[i].Operation == operation {
			return &u.Works[i]
		}
	}
	return nil
}

// tidy drops operations without tasks, and takes a user who has no more out of the
// line.
func (u *turn) tidy() {
	kept := u.Works[:0]
	for _, w := range u.Works {
		if w.Tasks > 0 {
			kept = append(kept, w)
		}
	}
	if u.Works = kept; len(kept) == 0 {
		u.line.Leave(&u.Turn)
	}
}

// number returns the bin of a user's work.
func (u *turn) number(w *work) int64 {
	if w.bin == 0 {
		b := Bin{Queue: u.line.queue, Limit: u.line.limit, Priority: u.line.priority, User: u.user, Operation: w.Operation}
		w.bin = b.number()
	}
	return w.bin
}

// forget drops users without tasks whose charge no longer matters, once there
// are many of them.
func (b *Book) forget(l *line) {
	if len(l.users) < max(1024, l.sweep) {
		return
	}
	for name, u := range l.users {
		if !l.Matters(&u.Turn) {
			delete(l.users, name)
			delete(b.dirty, u.page)
			b.gone[u.page] = struct{}{}
		}
	}
	l.sweep = 2 * len(l.users)
}

// start takes the next task of a user, whose turn it is, out of the line, though
// others may have been passed over, from a Seq on that is not 0 then. It returns
// what the user is charged, and the share of it by which virtual time moves on.
func (b *Book) start(u *turn, w *work, c *Candidate, passed int64) (cost, share float64) {
	l := u.line
	cost = costOf(c)
	share = l.Begin(&u.Turn, cost)
	if w.From = c.Seq + 1; passed > 0 {
		w.From = passed
	}
	if w.Tasks--; w.Tasks <= 0 {
		u.tidy()
	}
	b.touch(u)
	b.touch(l)
	return cost, share
}

// costOf is what a task's user is charged until it is known what it used.
func costOf(c *Candidate) float64 { return float64(max(c.Size.Chars/4+c.Size.Output, 1)) }
