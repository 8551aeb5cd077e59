package inmem

import (
	"context"
	"time"

	"github.com/pawlhq/pawl"
)

// Add implements [pawl.Tasks].
func (s *Store) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if err := s.talks.check(tasks); err != nil {
		return nil, err
	}
	added := make([]pawl.Added, len(tasks))
	fresh := make([]task, len(tasks)) // one allocation for all
	for i := range tasks {
		added[i] = s.add(now, &fresh[i], &tasks[i])
	}
	return added, nil
}

func (s *Store) add(now time.Time, t *task, n *pawl.NewTask) pawl.Added {
	as := pawl.AsNew
	if old := s.tasks[n.Row.ID]; old != nil {
		return pawl.Added{ID: old.row.ID, Run: old.row.Run, As: as}
	}
	if twin := s.twin(now, n); twin != nil {
		if as = s.duplicate(now, twin, n); as != pawl.AsReplacement {
			return pawl.Added{ID: twin.row.ID, Run: twin.row.Run, As: as}
		}
	}
	s.talks.keep(n.Nodes)
	s.talks.refer(n.Row.Conversation)
	s.seq++
	t.row = n.Row
	s.tasks[t.row.ID] = t
	if t.row.Run != t.row.ID || s.runs[t.row.Run] != nil {
		s.join(t)
	}
	s.update(now, t, func(r *pawl.TaskRow) { r.BeAdded(now, n.Delay, s.seq) })
	if !t.row.Deadline.IsZero() {
		s.deadlines.push(t.row.Deadline, t)
	}
	s.twins.add(t)
	s.emit(now, pawl.EventAdded, t)
	return pawl.Added{ID: t.row.ID, Run: t.row.Run, As: as}
}

// twin returns the task that a new one duplicates, nil if there is none: the
// latest in flight, or one whose result is young enough.
func (s *Store) twin(now time.Time, n *pawl.NewTask) *task {
	if n.Row.Identity.IsZero() || n.Duplicates == pawl.Keep {
		return nil
	}
	a := s.twins[n.Row.Identity]
	for t := a.newest; t != nil; t = t.older {
		if !t.row.Cancelling {
			return t
		}
	}
	if a.result == nil {
		return nil
	}
	ended, failed := s.runState(a.result)
	if failed || ended && now.Sub(a.result.row.Ended) >= n.Reuse {
		return nil
	}
	return a.result
}

// runState returns whether all tasks of t's run have ended, and whether one of
// them did not succeed.
func (s *Store) runState(t *task) (ended, failed bool) {
	ended = true
	for _, other := range s.run(t.row.Run) {
		state := other.row.State
		ended = ended && state.Ended()
		failed = failed || state == pawl.Dead || state == pawl.Cancelled || other.row.Cancelling
	}
	return ended, failed
}

func (s *Store) duplicate(now time.Time, twin *task, n *pawl.NewTask) pawl.AddedAs {
	ended, _ := s.runState(twin)
	switch {
	case ended:
		s.emit(now, pawl.EventJoined, twin)
		return pawl.AsReused
	case n.Duplicates == pawl.Reject:
		return pawl.AsRejected
	case n.Duplicates == pawl.Replace:
		for _, t := range s.run(twin.row.Run) {
			if !t.row.State.Ended() {
				s.cancel(now, t)
			}
		}
		return pawl.AsReplacement
	}
	s.emit(now, pawl.EventJoined, twin)
	return pawl.AsJoined
}

// join files a task that is not the only one of its run.
func (s *Store) join(t *task) {
	run := t.row.Run
	if s.runs[run] == nil {
		if first := s.tasks[run]; first != nil {
			s.runs[run] = []*task{first}
		}
	}
	s.runs[run] = append(s.runs[run], t)
}

// held returns the task of a lease that is still held, or ErrLeaseLost.
func (s *Store) held(l pawl.Lease) (*task, error) {
	t := s.tasks[l.Task]
	if t == nil || !t.row.Holds(l) {
		return nil, pawl.ErrLeaseLost
	}
	return t, nil
}

// Beat implements [pawl.Tasks].
func (s *Store) Beat(ctx context.Context, now time.Time, lease time.Duration, held []pawl.Lease) ([]pawl.Beat, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	beats := make([]pawl.Beat, len(held))
	for i, l := range held {
		t, err := s.held(l)
		if err != nil {
			beats[i].Lost = true
			continue
		}
		beats[i].Cancelled = t.row.Cancelling
		t.chain.remove(t)
		t.row.LeaseUntil = now.Add(lease)
		s.hold(t, lease)
	}
	return beats, nil
}

// Save implements [pawl.Tasks].
func (s *Store) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	errs := make([]error, len(saves))
	for i := range saves {
		errs[i] = s.save(now, &saves[i])
	}
	return errs, nil
}

func (s *Store) save(now time.Time, v *pawl.Save) error {
	t, err := s.held(v.Lease)
	if err != nil {
		return err
	}
	if v.Settle != nil {
		s.settle(now, t, *v.Settle)
	}
	if v.Step == nil || hasStep(&t.row, v.Step.Key) {
		return nil
	}
	s.talks.keep(v.Nodes)
	s.talks.refer(v.Step.Head)
	step := *v.Step
	step.At = now
	steps := t.row.Steps // copies of the row share its array
	t.row.Steps = append(steps[:len(steps):len(steps)], step)
	if !step.Head.IsZero() {
		t.row.Head = step.Head
	}
	if s.interest&eventBits[pawl.EventStep] != 0 {
		s.send(pawl.Event{
			Type: pawl.EventStep, At: now, Task: t.row.ID, Run: t.row.Run, Operation: t.row.Operation,
			Queue: t.row.Queue, User: t.row.User, State: t.row.State, Attempt: t.row.Attempt, Step: step.Name,
		})
	}
	return nil
}

func hasStep(r *pawl.TaskRow, key string) bool {
	for i := range r.Steps {
		if r.Steps[i].Key == key {
			return true
		}
	}
	return false
}

// Finish implements [pawl.Tasks].
func (s *Store) Finish(ctx context.Context, now time.Time, finishes []pawl.Finish) ([]error, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	errs := make([]error, len(finishes))
	for i := range finishes {
		errs[i] = s.finish(now, &finishes[i])
	}
	return errs, nil
}

func (s *Store) finish(now time.Time, f *pawl.Finish) error {
	t, err := s.held(f.Lease)
	if err != nil {
		if t = s.tasks[f.Lease.Task]; t != nil && t.row.Recorded(f.Lease) {
			return nil
		}
		return err
	}
	s.abandon(now, t)
	if f.Attempt.Calls > 0 || !f.Attempt.Used {
		t.correct(float64(f.Attempt.Usage.Total()))
	}
	s.update(now, t, func(r *pawl.TaskRow) { r.BeFinished(now, *f) })
	if !t.row.State.Ended() {
		s.emit(now, pawl.EventRetried, t)
		return nil
	}
	s.tellEnd(now, t)
	if t.row.State == pawl.Succeeded {
		for i := range f.Follow {
			s.add(now, &task{}, &f.Follow[i])
		}
	}
	return nil
}

// tellEnd tells of a task that has ended.
func (s *Store) tellEnd(now time.Time, t *task) {
	s.twins.end(t)
	s.emit(now, pawl.EventEnded, t)
}

// cancel cancels a task that has not ended, or asks it to stop if it runs.
func (s *Store) cancel(now time.Time, t *task) {
	if t.row.State == pawl.Running {
		if !t.row.Cancelling {
			t.row.BeCancelled(now)
			s.emit(now, pawl.EventCancelling, t)
		}
		return
	}
	s.update(now, t, func(r *pawl.TaskRow) { r.BeCancelled(now) })
	s.tellEnd(now, t)
}
