package durable

import (
	"context"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// Finish implements [pawl.Tasks].
func (s *Store) Finish(ctx context.Context, now time.Time, finishes []pawl.Finish) ([]error, error) {
	var errs []error
	do := s.update
	if slices.ContainsFunc(finishes, func(f pawl.Finish) bool { return f.Park != nil && f.Park.Stop != nil }) {
		do = s.open // whoever raises the budget has the book too: so no task misses it
	}
	err := do(ctx, now, func(a *act) error {
		held, _, err := a.held(tasksOf(finishes), nil)
		if err != nil {
			return err
		}
		follow, err := a.adding(following(finishes))
		if err != nil {
			return err
		}
		errs = make([]error, len(finishes))
		for i := range finishes {
			if errs[i], err = a.finish(held[i], &finishes[i], follow); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return errs, nil
}

func tasksOf(finishes []pawl.Finish) []pawl.ID {
	ids := make([]pawl.ID, len(finishes))
	for i := range finishes {
		ids[i] = finishes[i].Lease.Task
	}
	return ids
}

// following returns all tasks that may follow.
func following(finishes []pawl.Finish) []pawl.NewTask {
	var tasks []pawl.NewTask
	for i := range finishes {
		tasks = append(tasks, finishes[i].Follow...)
	}
	return tasks
}

// finish records one outcome; lost says that the lease is no longer held.
func (a *act) finish(r *Record, f *pawl.Finish, follow *adder) (lost, err error) {
	if r == nil {
		return pawl.ErrLeaseLost, nil
	}
	if !r.Holds(f.Lease) {
		if r.Recorded(f.Lease) {
			return nil, nil
		}
		return pawl.ErrLeaseLost, nil
	}
	f = a.asItIs(f, a.abandon(r))
	a.saved(r, f)
	if f.Attempt.Calls > 0 || !f.Attempt.Used {
		a.correct(r, f.Attempt.Usage.Total())
	}
	a.finished(r, f)
	if r.State.Ended() {
		a.over(r, r.State == pawl.Succeeded && len(f.Follow) > 0)
	} else {
		a.emit(pawl.EventRetried, &r.TaskRow)
	}
	if r.State != pawl.Succeeded && r.State != pawl.Blocked {
		return nil, nil
	}
	if r.Answers() {
		if err := a.putNear(r, f.Near); err != nil {
			return nil, err
		}
	}
	for i := range f.Follow {
		next := f.Follow[i] // the caller's may be used again
		if _, err := follow.add(&next); err != nil {
			return nil, err
		}
	}
	switch {
	case r.State == pawl.Blocked && f.Park != nil:
		return nil, a.park(r, f.Park)
	case r.State == pawl.Succeeded && len(f.Follow) > 0:
		return nil, a.passOn(r)
	}
	return nil, nil
}

// asItIs returns how an attempt ended, with what the store knows of it: which calls have
// no outcome, and whether the budget that it would wait for was raised meanwhile.
func (a *act) asItIs(f *pawl.Finish, open []string) *pawl.Finish {
	if len(open) == 0 && f.Attempt.Open == nil && (f.Park == nil || f.Park.Stop == nil) {
		return f
	}
	is := *f
	is.Attempt.Open = open
	if is.Park != nil && is.Park.Stop != nil && !a.book.budgets.Stops(a.now, is.Park.Stop) {
		is.To, is.Park, is.Delay = pawl.Pending, nil, 0
	}
	return &is
}

// finished changes the row of a task whose attempt has ended. Another operation may
// go on with it, which waits elsewhere.
func (a *act) finished(r *Record, f *pawl.Finish) {
	from := r.Bin
	a.update(r, func(row *pawl.TaskRow) {
		row.BeFinished(a.now, *f)
		row.Due = micros(row.Due)
	})
	if f.Fallback != nil && r.State == pawl.Pending {
		r.Bin = BinOf(&r.TaskRow)
		a.w.Moves = append(a.w.Moves, Move{r, from})
	}
}
