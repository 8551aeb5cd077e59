package durable

import (
	"cmp"
	"container/heap"

	"github.com/pawlhq/pawl"
)

// line is the users who wait in one queue, for one limit, with one priority.
// They take turns by fair queueing over the tokens that they use: package inmem
// has the essay, and the same arithmetic with the tasks in memory.
type line struct {
	lineKey
	Virtual float64 `json:"virtual"` // virtual time: what a user who has waited all along would be charged by now
	Arrived int64   `json:"arrived"` // counts users that join waiting, to break ties

	page    string
	users   map[string]*turn
	waiting turns   // users with tasks in the line, a heap
	aside   []*turn // during a claim: users who wait for other workers
	sweep   int     // how many users make it worth to look for those to forget
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
	Charged float64 `json:"charged"` // the user's finish tag: the tokens charged so far
	Start   float64 `json:"start"`   // the tag of the next task, while in the heap
	Joined  float64 `json:"joined"`  // the virtual time when the user came into the heap
	Arrival int64   `json:"arrival"`
	Works   []work  `json:"works,omitempty"` // by operation, those with tasks

	line *line
	user string
	page string
	at   int // index in the heap; -1 if the user has no task in the line
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
		u = &turn{line: l, user: user, at: -1, page: pageKey("turn", l.queue, l.limit, l.priority, user)}
		l.users[user] = u
	}
	return u
}

// drop forgets a user, as another process did.
func (l *line) drop(user string) {
	if u := l.users[user]; u != nil && u.at >= 0 {
		heap.Remove(&l.waiting, u.at)
	}
	delete(l.users, user)
}

// place puts a user into the heap, or takes it out, as its tasks say.
func (u *turn) place() {
	h := &u.line.waiting
	switch waits := len(u.Works) > 0; {
	case waits && u.at < 0:
		heap.Push(h, u)
	case waits:
		heap.Fix(h, u.at)
	case u.at >= 0:
		heap.Remove(h, u.at)
	}
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
	if u.at >= 0 {
		return
	}
	u.Joined = l.Virtual
	u.Start = max(u.Joined, u.Charged)
	l.Arrived++
	u.Arrival = l.Arrived
	u.place()
	b.touch(l)
}

// leave counts tasks that no longer wait, and were not claimed.
func (b *Book) leave(a *Arrival) {
	u := b.line(lineKey{a.Queue, a.Limit, a.Priority}).turn(a.User)
	if w := u.work(a.Operation); w != nil {
		w.Tasks -= a.Tasks
	}
	u.tidy()
	u.place()
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
	u.Charged += c.More
	l.Virtual += min(c.More, 0) * c.Share
	if u.at >= 0 {
		u.Start = max(u.Joined, u.Charged)
		u.place()
	}
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

// tidy drops operations without tasks.
func (u *turn) tidy() {
	kept := u.Works[:0]
	for _, w := range u.Works {
		if w.Tasks > 0 {
			kept = append(kept, w)
		}
	}
	u.Works = kept
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
		if u.at < 0 && u.Charged <= l.Virtual {
			delete(l.users, name)
			delete(b.dirty, u.page)
			b.gone[u.page] = struct{}{}
		}
	}
	l.sweep = 2 * len(l.users)
}

// start takes the next task of a user, the head of the heap, out of the line.
// It returns what the user is charged, and the share of it by which virtual time
// moves on.
func (b *Book) start(u *turn, w *work, c *Candidate) (cost, share float64) {
	l := u.line
	cost = costOf(c)
	share = 1 / float64(len(l.waiting)+len(l.aside))
	l.Virtual = max(l.Virtual, u.Start) + cost*share
	u.Charged = u.Start + cost
	u.Start = u.Charged
	w.From = c.Seq + 1
	if w.Tasks--; w.Tasks <= 0 {
		u.tidy()
	}
	u.place()
	b.touch(u)
	b.touch(l)
	return cost, share
}

// costOf is what a task's user is charged until it is known what it used.
func costOf(c *Candidate) float64 { return float64(max(c.Size.Chars/4+c.Size.Output, 1)) }

// restore puts back the users that were set aside, at the end of a claim.
func (l *line) restore() {
	for _, u := range l.aside {
		heap.Push(&l.waiting, u)
	}
	l.aside = nil
}

// turns is a heap of users by start tag, then by arrival.
type turns []*turn

func (h turns) Len() int { return len(h) }
func (h turns) Less(i, j int) bool {
	if h[i].Start != h[j].Start {
		return h[i].Start < h[j].Start
	}
	return h[i].Arrival < h[j].Arrival
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
