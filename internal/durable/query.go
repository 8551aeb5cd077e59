package durable

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// changeMost is how many tasks one transaction of Change changes.
const changeMost = 1000

// Change implements [pawl.Tasks]. More than 1,000 tasks are changed in several
// transactions, by id.
func (s *Store) Change(ctx context.Context, now time.Time, f pawl.Filter, c pawl.Change) ([]pawl.ID, error) {
	f.Bare = false // what a change does may depend on all of a row
	changed := []pawl.ID{}
	for left := f.Max; ; {
		part := f
		if part.Max = changeMost; f.Max > 0 {
			part.Max = min(left, changeMost)
		}
		picked, last, ids, err := s.changePart(ctx, now, part, c)
		if err != nil {
			return nil, err
		}
		changed = append(changed, ids...)
		left -= picked
		if picked < part.Max || f.Max > 0 && left == 0 {
			return changed, nil
		}
		f.After = last
	}
}

func (s *Store) changePart(ctx context.Context, now time.Time, f pawl.Filter, c pawl.Change) (picked int, last pawl.ID, changed []pawl.ID, err error) {
	var losing map[pawl.ID]bool
	change := func(a *act) error {
		if err := a.begin(); err != nil {
			return err
		}
		records, err := a.Pick(f, a.now)
		if err != nil {
			return err
		}
		a.own(records)
		may, err := a.changing(records, c)
		if err != nil {
			return err
		}
		changed = nil
		for i, r := range records {
			if may != nil && !may[i] {
				continue
			}
			done, err := a.change(r, c)
			if err != nil {
				return err
			}
			if done {
				changed = append(changed, r.ID)
			}
		}
		if picked = len(records); picked > 0 {
			last = records[picked-1].ID
		}
		if losing = a.losing(); len(losing) > 0 {
			return a.noneJoined(losing)
		}
		return nil
	}
	for err = s.update(ctx, now, change); errors.Is(err, errJoined); err = s.update(ctx, now, change) {
		err := s.open(ctx, now, func(a *act) error {
			a.book.ledger.losing = losing
			return nil
		})
		if err != nil {
			return 0, pawl.ID{}, nil, err
		}
	}
	return picked, last, changed, err
}

// changing reads what else must be known of tasks for a change, and says which of
// them it may be applied to; nil for all.
func (a *act) changing(records []*Record, c pawl.Change) (may []bool, err error) {
	switch c.Do {
	case pawl.Retry, pawl.Delete:
		parents := make([]pawl.ID, 0, len(records))
		for _, r := range records {
			if id := r.Parent(); !id.IsZero() {
				parents = append(parents, id)
			}
		}
		if _, err := a.knownOrHeld(parents); err != nil {
			return nil, err
		}
	case pawl.Signalled:
		may = make([]bool, len(records))
		ids, keys := make([]pawl.ID, len(records)), make([]StepKey, len(records))
		for i, r := range records {
			ids[i], keys[i] = r.ID, StepKey{r.ID, c.Signal.Step().Key}
		}
		_, stored, err := a.held(ids, keys)
		if err != nil {
			return nil, err
		}
		for i, there := range stored {
			may[i] = !there
		}
	}
	return may, nil
}

// change applies c to a task; it reports false if the task's state does not allow it.
func (a *act) change(r *Record, c pawl.Change) (bool, error) {
	switch c.Do {
	case pawl.Cancel:
		if r.State.Ended() || r.Cancelling {
			return false, nil
		}
		a.cancel(r)
	case pawl.Retry:
		if r.State != pawl.Dead && r.State != pawl.Cancelled {
			return false, nil
		}
		return true, a.retry(r, c)
	case pawl.Delete:
		return a.delete(r)
	case pawl.Signalled:
		if r.State.Ended() {
			return false, nil
		}
		a.signalled(r, &c.Signal)
	case pawl.Resume:
		if !r.WaitsForBudget(c.Budget) {
			return false, nil
		}
		a.update(r, (*pawl.TaskRow).BeReleased)
	}
	return true, nil
}

// retry brings a dead or cancelled task back.
func (a *act) retry(r *Record, c pawl.Change) error {
	if a.w.Input = c.Input != nil; a.w.Input {
		if err := a.disown(r); err != nil {
			return err
		}
	}
	var parent *pawl.TaskRow
	if p := a.known[r.Parent()]; p != nil {
		parent = &p.TaskRow
		if p.State == pawl.Blocked {
			a.touch(p)
		}
	}
	a.update(r, func(row *pawl.TaskRow) { row.BeRetried(c, parent) }).revived = true
	a.emit(pawl.EventRetried, &r.TaskRow)
	return nil
}

// disown has the branches of a task that begins anew with another input be nobody's: if it
// waits for one of them again, it says so.
func (a *act) disown(parent *Record) error {
	run, err := a.Run([]pawl.ID{parent.Run})
	if err != nil {
		return err
	}
	for _, r := range a.own(run) {
		if r.Awaited() && r.Parent() == parent.ID {
			a.touch(r)
			r.BeAwaited(false)
		}
	}
	return nil
}

// delete removes a task that has ended, if nobody is to read its result.
func (a *act) delete(r *Record) (bool, error) {
	if !r.State.Ended() {
		return false, nil
	}
	if parent := a.known[r.Parent()]; parent != nil && !parent.State.Ended() {
		if !r.Awaited() {
			return false, nil
		}
		a.cancel(parent) // it waited for what will never be retried now
		if err := a.join(); err != nil {
			return false, err
		}
	}
	a.touch(r).deleted = true
	a.forget(r.Run)
	if r.Links != nil && !r.Links.Near.IsZero() {
		a.dropNear(r.Links.Near, r.Seq)
	}
	return true, nil
}

// signalled stores a signal as a step of its task.
func (a *act) signalled(r *Record, s *pawl.Signal) {
	step := s.Step()
	step.At = a.now
	a.w.Steps = append(a.w.Steps, Step{r.ID, step})
	a.update(r, func(row *pawl.TaskRow) { row.BeSignalled(s.Name) })
	a.stepped(r, step.Name)
}

// List implements [pawl.Tasks].
func (s *Store) List(ctx context.Context, now time.Time, f pawl.Filter) ([]*pawl.TaskRow, error) {
	var rows []*pawl.TaskRow
	err := s.view(ctx, func(v View) error {
		at, err := clockFor(v, now, f)
		if err != nil {
			return err
		}
		records, err := v.Find(f, at)
		rows = make([]*pawl.TaskRow, len(records))
		for i, r := range records {
			rows[i] = &r.TaskRow
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// clockFor returns the time for a filter that asks for one.
func clockFor(v View, now time.Time, f pawl.Filter) (time.Time, error) {
	if f.EndedFor == 0 {
		return now, nil
	}
	return clock(v, now)
}

// Groups implements [pawl.Tasks].
func (s *Store) Groups(ctx context.Context, now time.Time, f pawl.Filter) ([]pawl.Group, error) {
	f.States, f.Max = []pawl.State{pawl.Dead}, 0
	groups := []pawl.Group{}
	err := s.view(ctx, func(v View) error {
		at, err := clockFor(v, now, f)
		if err != nil {
			return err
		}
		found, err := v.Groups(f, at)
		groups = append(groups[:0], found...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return groups, nil
}

// Conversation implements [pawl.Contexts].
func (s *Store) Conversation(ctx context.Context, head pawl.Hash) ([]pawl.Node, error) {
	nodes := []pawl.Node{}
	if head.IsZero() {
		return nodes, s.ready(ctx)
	}
	err := s.view(ctx, func(v View) (err error) {
		nodes, err = v.Conversation(head)
		return err
	})
	if err != nil {
		return nil, err
	}
	return nodes, nil
}

// Status implements [pawl.Limits].
func (s *Store) Status(ctx context.Context, now time.Time) (pawl.Status, error) {
	status := pawl.Status{}
	err := s.view(ctx, func(v View) error {
		counts, err := v.Counts()
		if err != nil {
			return err
		}
		at, err := clock(v, now)
		if err != nil {
			return err
		}
		b, err := readBook(v)
		if err != nil {
			return err
		}
		status = b.status(counts)
		status.Budgets = b.budgets.Status(at)
		status.Workers = b.alive(at)
		return nil
	})
	if err != nil {
		return pawl.Status{}, err
	}
	return status, nil
}

func (b *Book) status(counts map[string]map[pawl.State]int) pawl.Status {
	status := pawl.Status{Queues: []pawl.QueueStatus{}, Limits: b.table.Status()}
	for name := range b.queues {
		if counts[name] == nil {
			counts[name] = map[pawl.State]int{}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		q := pawl.QueueStatus{Name: name, Counts: counts[name]}
		if kept := b.queues[name]; kept != nil {
			q.Paused = kept.Paused
		}
		maps.DeleteFunc(q.Counts, func(_ pawl.State, n int) bool { return n == 0 })
		status.Queues = append(status.Queues, q)
	}
	return status
}
