// Package turns decides whose turn it is: fair queueing over the tokens that users
// use, without knowing what a task is.
//
// A user's next task has a start tag, the tokens that the user has been charged,
// and the lowest tag starts next. A user who comes into the line is charged at
// least its virtual time, which moves on with each task by its tokens divided by
// the users who wait: what somebody who has waited all along would be charged by
// now. So a user who comes new is among the next, however many tasks of others
// wait; a stream of new users passes nobody for ever; and users with much to do
// get equal shares of tokens.
//
// A task is charged what it is expected to use, and Correct makes of that what it
// did use.
package turns

import "container/heap"

// Line is the users who wait for the same thing. U is what the owner of the line
// knows a user by. It is for one goroutine at a time; its zero value is empty.
type Line[U any] struct {
	Virtual float64 `json:"virtual"` // virtual time: what a user who has waited all along would be charged by now
	Arrived int64   `json:"arrived"` // counts users that joined, to break ties

	waiting queue[U]
	aside   []*Turn[U]
}

// Turn is a user's place in a line.
type Turn[U any] struct {
	Charged float64 `json:"charged"` // the user's finish tag: the tokens charged so far
	Start   float64 `json:"start"`   // the tag of the next task, while the user waits
	Joined  float64 `json:"joined"`  // the virtual time when the user came into the line
	Arrival int64   `json:"arrival"`

	Of U `json:"-"`

	at int // one more than the index among those who wait; 0 if the user does not, or is set aside
}

// Waiting returns how many users wait, those set aside included.
func (l *Line[U]) Waiting() int { return len(l.waiting) + len(l.aside) }

// First returns the user whose turn it is, nil if nobody waits.
func (l *Line[U]) First() *Turn[U] {
	if len(l.waiting) == 0 {
		return nil
	}
	return l.waiting[0]
}

// Waits reports whether the user waits and was not set aside.
func (t *Turn[U]) Waits() bool { return t.at > 0 }

// Enter puts a user with tasks into the line, if it is not there.
func (l *Line[U]) Enter(t *Turn[U]) {
	if t.Waits() {
		return
	}
	t.Joined = l.Virtual
	t.Start = max(t.Joined, t.Charged)
	l.Arrived++
	t.Arrival = l.Arrived
	heap.Push(&l.waiting, t)
}

// Leave takes a user without tasks out of the line, if it is there.
func (l *Line[U]) Leave(t *Turn[U]) {
	if t.Waits() {
		heap.Remove(&l.waiting, t.at-1)
	}
}

// Place puts a user whose tags were read from somewhere where they belong.
func (l *Line[U]) Place(t *Turn[U]) {
	if t.Waits() {
		heap.Fix(&l.waiting, t.at-1)
		return
	}
	heap.Push(&l.waiting, t)
}

// Begin charges a user who waits for its next task. It returns the share of its
// tokens by which virtual time moves on: one part in the users who wait.
func (l *Line[U]) Begin(t *Turn[U], tokens float64) (share float64) {
	share = 1 / float64(l.Waiting())
	l.Virtual = max(l.Virtual, t.Start) + tokens*share
	t.Charged = t.Start + tokens
	t.Start = t.Charged
	heap.Fix(&l.waiting, t.at-1)
	return share
}

// Correct charges a user for more than its task was expected to use, or less if
// more is negative. Share is what Begin returned. Usage above the estimate is the
// user's own debt; usage below it takes virtual time back.
func (l *Line[U]) Correct(t *Turn[U], more, share float64) {
	t.Charged += more
	l.Virtual += min(more, 0) * share
	if t.Waits() {
		t.Start = max(t.Joined, t.Charged)
		heap.Fix(&l.waiting, t.at-1)
	}
}

// Matters reports whether it makes a difference to remember a user who does not wait.
func (l *Line[U]) Matters(t *Turn[U]) bool { return t.Waits() || t.Charged > l.Virtual }

// SetAside passes over the first user, until Restore.
func (l *Line[U]) SetAside() {
	l.aside = append(l.aside, heap.Pop(&l.waiting).(*Turn[U]))
}

// Restore puts back the users that were set aside.
func (l *Line[U]) Restore() {
	for _, t := range l.aside {
		heap.Push(&l.waiting, t)
	}
	l.aside = nil
}

// queue is a heap of users by start tag, then by arrival.
type queue[U any] []*Turn[U]

func (q queue[U]) Len() int           { return len(q) }
func (q queue[U]) Less(i, j int) bool { return q[i].before(q[j]) }
func (q queue[U]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i+1, j+1
}
func (q *queue[U]) Push(x any) {
	t := x.(*Turn[U])
	*q = append(*q, t)
	t.at = len(*q)
}
func (q *queue[U]) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	t.at = 0
	return t
}

func (t *Turn[U]) before(other *Turn[U]) bool {
	if t.Start != other.Start {
		return t.Start < other.Start
	}
	return t.Arrival < other.Arrival
}
