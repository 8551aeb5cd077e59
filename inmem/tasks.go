package inmem

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
)

// Add implements [pawl.Tasks].
func (s *Store) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	now, err := s.enter(ctx, now)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	defer s.countEnds(now)
	for i := range tasks {
		if err := tasks[i].RunBudget().Validate(); err != nil {
			return nil, err
		}
	}
	if err := s.talks.check(tasks); err != nil {
		return nil, err
	}
	added := make([]pawl.Added, len(tasks))
	fresh := make([]task, len(tasks)) // one allocation for all
	for i := range tasks {
		if added[i], err = s.addBy(now, &fresh[i], &tasks[i]); err != nil {
			return nil, err
		}
	}
	return added, nil
}

// addBy adds a task. If a handler adds it, the addition is stored as a step of the
// handler's task; if that is stored already, it is the answer.
func (s *Store) addBy(now time.Time, t *task, n *pawl.NewTask) (pawl.Added, error) {
	if n.By == (pawl.Lease{}) || s.tasks[n.Row.ID] != nil {
		return s.add(now, t, n), nil
	}
	by, err := s.held(n.By)
	if err != nil || by.row.Cancelling {
		return pawl.Added{ID: n.Row.ID, Run: n.Row.Run, As: pawl.AsLost}, nil
	}
	if n.Step == nil {
		return s.add(now, t, n), nil
	}
	if stored := stepOf(&by.row, n.Step.Key); stored != nil {
		var added pawl.Added
		if err := json.Unmarshal(stored.Result, &added); err != nil {
			return added, fmt.Errorf("step %s: %w", stored.Key, err)
		}
		return added, nil
	}
	added := s.add(now, t, n)
	if added.As == pawl.AsRejected {
		return added, nil
	}
	step := *n.Step
	if step.Result, err = json.Marshal(added); err != nil {
		return pawl.Added{}, fmt.Errorf("step %s: %w", step.Key, err)
	}
	s.keepStep(now, by, step)
	s.tellStep(now, by, step.Name)
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
	t.row.State = ""
	s.tasks[t.row.ID] = t
	if t.row.Run != t.row.ID || s.runs[t.row.Run] != nil {
		s.join(t)
	}
	for i := range n.Row.Steps {
		s.talks.refer(n.Row.Steps[i].Head)
	}
	s.update(now, t, func(r *pawl.TaskRow) {
		switch r.BeAdded(now, n.Delay, s.seq); {
		case n.Kept:
			r.BeKept(now, s.seq)
		case n.InLine:
			r.BeInLine()
		}
	})
	if !t.row.Deadline.IsZero() {
		s.deadlines.push(t.row.Deadline, t)
	}
	if !n.Kept {
		s.twins.add(t)
	}
	if b := n.RunBudget(); b != nil {
		s.budgets.Configure(now, &pawl.Setting{Budget: b}) // nothing opens: the run is new
	}
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
	ended, failed := s.lineState(a.result)
	if failed || ended && now.Sub(a.result.row.Ended) >= n.Reuse {
		return nil
	}
	return a.result
}

// lineState returns whether all tasks of the line that t began have ended, and whether
// it has failed.
func (s *Store) lineState(t *task) (ended, failed bool) {
	return pawl.BranchState(s.rows(t.row.Run), t.row.ID)
}

// rows returns the rows of a run.
func (s *Store) rows(run pawl.ID) []*pawl.TaskRow {
	tasks := s.run(run)
	rows := make([]*pawl.TaskRow, len(tasks))
	for i, t := range tasks {
		rows[i] = &t.row
	}
	return rows
}

func (s *Store) duplicate(now time.Time, twin *task, n *pawl.NewTask) pawl.AddedAs {
	ended, _ := s.lineState(twin)
	switch {
	case ended:
		s.joined(now, twin, n, pawl.EntryReused)
		return pawl.AsReused
	case n.Duplicates == pawl.Reject:
		return pawl.AsRejected
	case n.Duplicates == pawl.Replace:
		of := pawl.Below(s.rows(twin.row.Run), twin.row.ID)
		for _, t := range s.run(twin.row.Run) {
			if of[t.row.ID] && !t.row.State.Ended() {
				s.cancel(now, t)
			}
		}
		return pawl.AsReplacement
	}
	s.joined(now, twin, n, pawl.EntryJoined)
	return pawl.AsJoined
}

// joined tells that a task was joined, and enters it into the ledger.
func (s *Store) joined(now time.Time, twin *task, n *pawl.NewTask, kind pawl.EntryKind) {
	s.emit(now, pawl.EventJoined, twin)
	e := &pawl.Entry{
		At: now, Kind: kind, Task: n.Row.ID, Run: twin.row.Run, Of: twin.row.ID,
		Operation: n.Row.Operation, Queue: n.Row.Queue, User: n.Row.User, Limit: n.Row.Limit,
	}
	if kind == pawl.EntryJoined {
		s.ledger.join(e)
		return
	}
	saved, _ := ledger.Close(e, s.rows(e.Run)) // its run has ended, and may be removed at any time
	for _, one := range saved {
		s.ledger.enter(one)
	}
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
	s.keepStep(now, t, *v.Step)
	if !v.Step.Head.IsZero() {
		t.row.Head = v.Step.Head
	}
	s.tellStep(now, t, v.Step.Name)
	return nil
}

func hasStep(r *pawl.TaskRow, key string) bool { return stepOf(r, key) != nil }

// stepOf returns a stored step, nil if there is none of the key.
func stepOf(r *pawl.TaskRow, key string) *pawl.StepRow {
	for i := range r.Steps {
		if r.Steps[i].Key == key {
			return &r.Steps[i]
		}
	}
	return nil
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
	s.countEnds(now)
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
	f = s.asItIs(now, f, s.abandon(now, t))
	for i := range f.Savings {
		s.ledger.enter(f.Savings[i].Entry(now, &t.row))
	}
	if f.Attempt.Calls > 0 || !f.Attempt.Used {
		t.correct(float64(f.Attempt.Usage.Total()))
	}
	s.update(now, t, func(r *pawl.TaskRow) { r.BeFinished(now, *f) })
	state := t.row.State
	if state.Ended() {
		s.over(now, t, state == pawl.Succeeded && len(f.Follow) > 0)
	} else {
		s.emit(now, pawl.EventRetried, t)
	}
	if state != pawl.Succeeded && state != pawl.Blocked {
		return nil
	}
	if t.row.Answers() {
		s.putNear(now, t, f.Near)
	}
	for i := range f.Follow {
		next := f.Follow[i] // the caller's may be used again
		s.add(now, &task{}, &next)
	}
	if state == pawl.Succeeded && len(f.Follow) > 0 {
		s.passOn(t)
	}
	if t.row.State == pawl.Blocked && f.Park != nil {
		s.park(now, t, f.Park)
	}
	return nil
}

// asItIs returns how an attempt ended, with what the store knows of it: which calls have
// no outcome, and whether the budget that it would wait for was raised meanwhile.
func (s *Store) asItIs(now time.Time, f *pawl.Finish, open []string) *pawl.Finish {
	if len(open) == 0 && f.Attempt.Open == nil && (f.Park == nil || f.Park.Stop == nil) {
		return f
	}
	is := *f
	is.Attempt.Open = open
	if is.Park != nil && is.Park.Stop != nil && !s.budgets.Stops(now, is.Park.Stop) {
		is.To, is.Park, is.Delay = pawl.Pending, nil, 0
	}
	return &is
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
	s.over(now, t, false)
}
