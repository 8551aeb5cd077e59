package durable

import (
	"context"
	"time"

	"github.com/pawlhq/pawl"
)

// Finish implements [pawl.Tasks].
func (s *Store) Finish(ctx context.Context, now time.Time, finishes []pawl.Finish) ([]error, error) {
	var errs []error
	err := s.update(ctx, now, func(a *act) error {
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
	a.abandon(r)
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
	for i := range f.Follow {
		next := f.Follow[i] // the caller's may be used again
		r.PassOn(&next.Row)
		if _, err := follow.add(&next); err != nil {
			return nil, err
		}
	}
	if r.State == pawl.Blocked && f.Park != nil {
		return nil, a.park(r, f.Park)
	}
	return nil, nil
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
