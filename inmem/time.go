package inmem

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// timeline is a heap of tasks by a time. An entry stays when its task has moved
// on; whoever reads it asks whether it still holds.
type timeline []moment

type moment struct {
	at   time.Time
	task *task
}

// compare orders moments by time, and those of one time as their tasks were added.
func (m moment) compare(other moment) int {
	return cmp.Or(m.at.Compare(other.at), cmp.Compare(m.task.row.Seq, other.task.row.Seq))
}

func (h timeline) Len() int           { return len(h) }
func (h timeline) Less(i, j int) bool { return h[i].compare(h[j]) < 0 }
func (h timeline) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timeline) Push(x any)        { *h = append(*h, x.(moment)) }
func (h *timeline) Pop() any {
	last := len(*h) - 1
	m := (*h)[last]
	(*h)[last] = moment{}
	*h = (*h)[:last]
	return m
}

func (h *timeline) push(at time.Time, t *task) { heap.Push(h, moment{at, t}) }

// next returns the first entry that holds, dropping those before it that do
// not; ok is false if there is none.
func (h *timeline) next(holds func(moment) bool) (m moment, ok bool) {
	for len(*h) > 0 {
		if m = (*h)[0]; holds(m) {
			return m, true
		}
		heap.Pop(h)
	}
	return moment{}, false
}

func isDue(m moment) bool {
	state := m.task.row.State
	return (state == pawl.Scheduled || state == pawl.Blocked) && m.task.row.Due.Equal(m.at)
}

// isDeadline passes over running tasks, whose workers keep their deadlines: they
// are filed again when they wait.
func isDeadline(m moment) bool {
	state := m.task.row.State
	return !state.Ended() && state != pawl.Running && m.task.row.Deadline.Equal(m.at)
}

// chain is a list of tasks.
type chain struct{ first, last *task }

func (c *chain) add(t *task) { c.addBehind(c.last, t) }

// addBehind adds a task behind another one, or in front of all if that is nil.
func (c *chain) addBehind(prev, t *task) {
	next := c.first
	if prev != nil {
		next = prev.next
	}
	t.chain, t.prev, t.next = c, prev, next
	if prev == nil {
		c.first = t
	} else {
		prev.next = t
	}
	if next == nil {
		c.last = t
	} else {
		next.prev = t
	}
}

func (c *chain) remove(t *task) {
	if t.prev == nil {
		c.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		c.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.chain, t.prev, t.next = nil, nil, nil
}

// hold files a running task under its lease. Of leases of one length the first to
// end stands in front: a task joins at the end, and a heartbeat puts it there again.
func (s *Store) hold(t *task, lease time.Duration) {
	c := s.leases[lease]
	if c == nil {
		c = &chain{}
		s.leases[lease] = c
	}
	c.add(t)
}

// keep files a task that has ended, by when it did. Callers read their clocks
// before they wait for the lock, so that is near the end, if not there.
func (s *Store) keep(t *task) {
	prev := s.ended.last
	for prev != nil && prev.row.Ended.After(t.row.Ended) {
		prev = prev.prev
	}
	s.ended.addBehind(prev, t)
}

// advance makes happen what is due by now: delays end, then deadlines pass, then
// leases end; each in the order of their times, and at one time by Seq.
func (s *Store) advance(now time.Time) {
	for {
		m, ok := s.due.next(isDue)
		if !ok || m.at.After(now) {
			break
		}
		s.update(now, m.task, (*pawl.TaskRow).BeReleased)
	}
	for {
		m, ok := s.deadlines.next(isDeadline)
		if !ok || m.at.After(now) {
			break
		}
		heap.Pop(&s.deadlines)
		if m.task.row.State != pawl.Running { // its worker stops the others
			s.update(now, m.task, func(r *pawl.TaskRow) { r.BeExpired(now) })
			s.over(now, m.task, false)
		}
	}
	var over []moment
	for _, l := range s.leases {
		for t := l.first; t != nil && !t.row.LeaseUntil.After(now); t = t.next {
			over = append(over, moment{t.row.LeaseUntil, t})
		}
	}
	slices.SortFunc(over, moment.compare)
	for _, m := range over {
		s.lose(now, m.task)
	}
	s.countEnds(now)
}

// lose takes a task back from a worker whose lease has ended. What was reserved
// for calls that may have been sent stays charged.
func (s *Store) lose(now time.Time, t *task) {
	open := s.abandon(now, t)
	stored, _ := t.row.Stored().Total()
	t.correct(float64(stored.Usage.Total()))
	s.update(now, t, func(r *pawl.TaskRow) { r.BeLost(now, open) })
	if t.row.State.Ended() {
		s.over(now, t, false)
		return
	}
	s.emit(now, pawl.EventRetried, t)
}

// upcoming returns the next time at which advance will have something to do;
// zero if there is none.
func (s *Store) upcoming() time.Time {
	var next time.Time
	if m, ok := s.due.next(isDue); ok {
		next = earlier(next, m.at)
	}
	if m, ok := s.deadlines.next(isDeadline); ok {
		next = earlier(next, m.at)
	}
	for _, l := range s.leases {
		if l.first != nil {
			next = earlier(next, l.first.row.LeaseUntil)
		}
	}
	return next
}

// earlier returns the earlier of two times; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
