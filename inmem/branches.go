package inmem

import (
	"time"

	"github.com/pawlhq/pawl"
)

// park has a task that is blocked wait for its branches, or for a signal, as
// [pawl.Links] says.
func (s *Store) park(now time.Time, t *task, p *pawl.Park) {
	s.countEnds(now) // what has ended before is not waited for
	if !p.Behind.IsZero() {
		s.parkBehind(now, t, p.Behind)
		return
	}
	rows := make([]*pawl.TaskRow, len(p.Branches))
	for i, first := range p.Branches {
		if tail := s.tail(first); tail != nil {
			rows[i] = &tail.row
		}
	}
	var await, start []*pawl.TaskRow
	s.update(now, t, func(r *pawl.TaskRow) { await, start = r.BeParked(p, rows) })
	for _, r := range await {
		r.BeAwaited(true)
	}
	for _, r := range start {
		s.update(now, s.tasks[r.ID], (*pawl.TaskRow).BeReleased)
	}
}

// tail returns the last task so far of the branch that begins with first, nil if
// there is none.
func (s *Store) tail(first pawl.ID) *task {
	t := s.tasks[first]
	for t != nil && t.row.State == pawl.Succeeded {
		next := s.tasks[pawl.FollowID(t.row.ID)]
		if next == nil {
			break
		}
		t = next
	}
	return t
}

// over tells of a task that has ended; what waits for its branch learns of it in
// countEnds, unless another task follows.
func (s *Store) over(now time.Time, t *task, follows bool) {
	s.tellEnd(now, t)
	if t.row.Awaited() && !follows {
		s.ends = append(s.ends, t)
	}
}

// passOn has what stands behind t in its line by now be awaited in t's place. That is
// what was added to follow it; where something was there already, it may have ended.
func (s *Store) passOn(t *task) {
	if !t.row.Awaited() {
		return
	}
	last := s.tail(t.row.ID)
	t.row.PassOn(&last.row)
	if last.row.State.Ended() {
		s.ends = append(s.ends, last)
	}
}

// countEnds counts the branches that have ended in this call, and releases what has waited
// for the last of its own, and what has waited for a near-duplicate.
func (s *Store) countEnds(now time.Time) {
	s.wakeBehind(now)
	ends := s.ends
	s.ends = nil
	var start []*task // whose next branch may start, each as often
	for _, t := range ends {
		parent := s.tasks[t.row.Parent()]
		counts, more := true, false
		if parent != nil && parent.row.State == pawl.Blocked {
			s.update(now, parent, func(r *pawl.TaskRow) { counts, more = r.BranchHasEnded(&t.row) })
		}
		if counts {
			t.row.BeAwaited(false)
		}
		if more {
			start = append(start, parent)
		}
	}
	for _, parent := range start {
		s.startNext(now, parent)
	}
}

// startNext starts the next branch in the line of a parent.
func (s *Store) startNext(now time.Time, parent *task) {
	for id := parent.row.NextInLine(); !id.IsZero(); id = parent.row.NextInLine() {
		if next := s.tail(id); next != nil && next.row.IsInLine() && next.row.Awaited() {
			s.update(now, next, (*pawl.TaskRow).BeReleased)
			return
		}
	}
}

// disown has the branches of a task that begins anew with another input be nobody's: if it
// waits for one of them again, it says so.
func (s *Store) disown(parent *task) {
	for _, t := range s.run(parent.row.Run) {
		if t.row.Parent() == parent.row.ID {
			t.row.BeAwaited(false)
		}
	}
}

// mayDelete reports whether nobody is to read the result of a task that has ended.
func (s *Store) mayDelete(t *task) bool {
	parent := s.tasks[t.row.Parent()]
	return parent == nil || parent.row.State.Ended() || t.row.Awaited()
}

// signal stores a signal as a step of its task. It reports false if it is stored
// already.
func (s *Store) signal(now time.Time, t *task, g *pawl.Signal) bool {
	step := g.Step()
	if hasStep(&t.row, step.Key) {
		return false
	}
	s.keepStep(now, t, step)
	if t.row.State == pawl.Running { // it stays where it is
		t.row.BeSignalled(g.Name)
	} else {
		s.update(now, t, func(r *pawl.TaskRow) { r.BeSignalled(g.Name) })
	}
	s.tellStep(now, t, step.Name)
	return true
}

// keepStep appends a step to a task's.
func (s *Store) keepStep(now time.Time, t *task, step pawl.StepRow) {
	step.At = now
	steps := t.row.Steps // copies of the row share its array
	t.row.Steps = append(steps[:len(steps):len(steps)], step)
}

// tellStep tells that a step was stored.
func (s *Store) tellStep(now time.Time, t *task, name string) {
	if s.interest&eventBits[pawl.EventStep] == 0 {
		return
	}
	s.send(pawl.Event{
		Type: pawl.EventStep, At: now, Task: t.row.ID, Run: t.row.Run, Operation: t.row.Operation,
		Queue: t.row.Queue, User: t.row.User, State: t.row.State, Attempt: t.row.Attempt, Step: name,
	})
}
