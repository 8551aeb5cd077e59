package inmem

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
)

// List implements [pawl.Tasks].
func (s *Store) List(ctx context.Context, now time.Time, f pawl.Filter) ([]*pawl.TaskRow, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	found := s.find(now, f)
	rows := make([]*pawl.TaskRow, len(found))
	for i, t := range found {
		rows[i] = listed(&t.row, &f)
	}
	return rows, nil
}

// listed returns a copy of a row as f asks for it.
func listed(r *pawl.TaskRow, f *pawl.Filter) *pawl.TaskRow {
	if !f.Bare {
		return copyOf(r, f.Steps)
	}
	bare := *r
	bare.BeBare()
	return copyOf(&bare, f.Steps)
}

// copyOf returns a copy of a row that shares only the bytes of its values.
func copyOf(r *pawl.TaskRow, steps bool) *pawl.TaskRow {
	c := *r
	c.Attempts, c.Next, c.Data = slices.Clone(r.Attempts), slices.Clone(r.Next), maps.Clone(r.Data)
	if c.Steps = nil; steps {
		c.Steps = slices.Clone(r.Steps)
	}
	return &c
}

// find returns the tasks that f selects, by id.
func (s *Store) find(now time.Time, f pawl.Filter) []*task {
	found := []*task{}
	keep := func(t *task) {
		if t != nil && matches(now, &t.row, &f) {
			found = append(found, t)
		}
	}
	switch {
	case len(f.IDs) > 0:
		ids := slices.Clone(f.IDs)
		slices.SortFunc(ids, compareIDs)
		for _, id := range slices.Compact(ids) {
			keep(s.tasks[id])
		}
	case !f.Run.IsZero():
		for _, t := range s.run(f.Run) {
			keep(t)
		}
	case f.EndedFor > 0:
		for t := s.ended.first; t != nil && now.Sub(t.row.Ended) >= f.EndedFor; t = t.next {
			keep(t)
		}
	default:
		for _, t := range s.tasks {
			keep(t)
		}
	}
	slices.SortFunc(found, func(a, b *task) int { return compareIDs(a.row.ID, b.row.ID) })
	if f.Max > 0 && len(found) > f.Max {
		found = found[:f.Max]
	}
	return found
}

// run returns the tasks of a run, in the order in which they were added.
func (s *Store) run(id pawl.ID) []*task {
	if run := s.runs[id]; run != nil {
		return run
	}
	if t := s.tasks[id]; t != nil {
		return []*task{t}
	}
	return nil
}

func compareIDs(a, b pawl.ID) int { return bytes.Compare(a[:], b[:]) }

func matches(now time.Time, r *pawl.TaskRow, f *pawl.Filter) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(f.Queue, r.Queue) && is(f.Operation, r.Operation) && is(f.User, r.User) && is(f.Limit, r.Limit) &&
		is(f.Fingerprint, r.Fingerprint) && is(string(f.Class), string(r.LastAttempt().Class)) &&
		(f.Run.IsZero() || f.Run == r.Run) &&
		(len(f.States) == 0 || slices.Contains(f.States, r.State)) &&
		(f.EndedFor <= 0 || r.State.Ended() && now.Sub(r.Ended) >= f.EndedFor) &&
		(f.After.IsZero() || compareIDs(f.After, r.ID) < 0)
}

// Groups implements [pawl.Tasks].
func (s *Store) Groups(ctx context.Context, now time.Time, f pawl.Filter) ([]pawl.Group, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	f.States, f.Max = []pawl.State{pawl.Dead}, 0
	type cause struct {
		fingerprint string
		class       llm.Class
	}
	groups := map[cause]*pawl.Group{}
	for _, t := range s.find(now, f) {
		last := t.row.LastAttempt()
		k := cause{t.row.Fingerprint, last.Class}
		g := groups[k]
		if g == nil {
			g = &pawl.Group{Fingerprint: k.fingerprint, Class: k.class, First: t.row.Ended}
			groups[k] = g
		}
		g.Count++
		if t.row.Ended.Before(g.First) {
			g.First = t.row.Ended
		}
		if !t.row.Ended.Before(g.Last) {
			g.Last, g.Sample, g.Message = t.row.Ended, t.row.ID, last.Message
		}
	}
	sorted := make([]pawl.Group, 0, len(groups))
	for _, g := range groups {
		sorted = append(sorted, *g)
	}
	slices.SortFunc(sorted, func(a, b pawl.Group) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return compareIDs(a.Sample, b.Sample)
	})
	return sorted, nil
}

// Change implements [pawl.Tasks].
func (s *Store) Change(ctx context.Context, now time.Time, f pawl.Filter, c pawl.Change) ([]pawl.ID, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	changed := []pawl.ID{}
	for _, t := range s.find(now, f) {
		if s.change(now, t, c) {
			changed = append(changed, t.row.ID)
		}
	}
	s.countEnds(now)
	return changed, nil
}

// change applies c to a task; it reports false if the task's state does not allow it.
func (s *Store) change(now time.Time, t *task, c pawl.Change) bool {
	switch c.Do {
	case pawl.Cancel:
		if t.row.State.Ended() || t.row.Cancelling {
			return false
		}
		s.cancel(now, t)
	case pawl.Retry:
		if t.row.State != pawl.Dead && t.row.State != pawl.Cancelled {
			return false
		}
		if c.Input != nil {
			s.disown(t)
		}
		dropped := t.row.Steps
		var parent *pawl.TaskRow
		if p := s.tasks[t.row.Parent()]; p != nil {
			parent = &p.row
		}
		s.update(now, t, func(r *pawl.TaskRow) { r.BeRetried(c, parent) })
		if t.row.Steps == nil {
			s.talks.drop(dropped)
		}
		s.twins.add(t)
		s.emit(now, pawl.EventRetried, t)
	case pawl.Resume:
		if !t.row.WaitsForBudget(c.Budget) {
			return false
		}
		s.update(now, t, (*pawl.TaskRow).BeReleased)
	case pawl.Delete:
		if !t.row.State.Ended() || !s.mayDelete(t) {
			return false
		}
		if parent := s.tasks[t.row.Parent()]; parent != nil && !parent.row.State.Ended() {
			s.cancel(now, parent) // it waited for what will never be retried now
			s.countEnds(now)
		}
		s.delete(t)
	case pawl.Signalled:
		return !t.row.State.Ended() && s.signal(now, t, &c.Signal)
	}
	return true
}

// delete removes a task that has ended, with what nothing else refers to.
func (s *Store) delete(t *task) {
	s.closeJoined(t.row.Run, true)
	delete(s.tasks, t.row.ID)
	if l := t.row.Links; l != nil && !l.Near.IsZero() {
		s.dropNear(l.Near, t.row.Seq)
	}
	t.chain.remove(t)
	s.talks.drop(t.row.Steps)
	s.talks.release(t.row.Conversation)
	s.twins.forget(t)
	if run := s.runs[t.row.Run]; run != nil {
		run = slices.DeleteFunc(run, func(other *task) bool { return other == t })
		if s.runs[t.row.Run] = run; len(run) == 0 {
			delete(s.runs, t.row.Run)
		}
	}
	if len(s.run(t.row.Run)) == 0 {
		s.budgets.Forget(t.row.Run)
	}
	s.queue(t.row.Queue).counts[t.row.State]--
}
