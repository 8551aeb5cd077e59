package durable

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

const (
	// wokenMost is how many tasks one transaction wakes: what is left is for the
	// next, which comes at once.
	wokenMost = 1000
	// wakeMost is how many transactions of one claim may wake tasks, before it
	// claims with what there is. What is due even then is for the next claim, which
	// comes at once.
	wakeMost = 3
)

// Claim implements [pawl.Tasks]. Of equal priority, the limits and queues take
// turns.
//
// What is due by now happens in a transaction of its own, so that the claim finds
// it in the database: a task that the book counts and the database does not yet
// show would be passed over, and From with it. A crash between the two is one
// before the claim.
func (s *Store) Claim(ctx context.Context, now time.Time, ask pawl.Claim) (pawl.Claimed, error) {
	for try := 1; ; try++ {
		claimed, woken, err := s.claim(ctx, now, &ask, try <= wakeMost)
		if err != nil || !woken {
			return claimed, err
		}
	}
}

// claim claims tasks; if it may and there are any, it wakes tasks instead.
func (s *Store) claim(ctx context.Context, now time.Time, ask *pawl.Claim, may bool) (claimed pawl.Claimed, woken bool, err error) {
	var taken []*Claim
	err = s.open(ctx, now, func(a *act) error {
		claimed, taken = pawl.Claimed{Now: a.now}, nil
		next, err := a.now, error(nil) // if it may not: there may be something to wake, at once
		if may {
			next, err = a.wake()
		}
		if woken = len(a.touched) > 0; err != nil || woken {
			return err
		}
		a.book.meet(a.now, ask)
		if claimed.Tasks, err = a.again(ask); err != nil {
			return err
		}
		claimed.Next = next
		if most := ask.Max - len(claimed.Tasks); most > 0 {
			var opens time.Time // when a limit will
			if taken, opens, err = a.book.claim(a.now, ask, most, a.Heads); err != nil {
				return err
			}
			if len(taken) < most {
				claimed.Next = earlier(opens, next)
			}
		}
		for _, c := range taken {
			claimed.Next = earlier(claimed.Next, c.Lease)
			a.started(c)
		}
		a.w.Claim = taken
		return nil
	})
	if err != nil || woken {
		return pawl.Claimed{}, woken, err
	}
	for _, c := range taken {
		claimed.Tasks = append(claimed.Tasks, c.Row)
	}
	return claimed, false, nil
}

// again returns tasks that run under a worker's name without its knowing.
func (a *act) again(ask *pawl.Claim) ([]*pawl.TaskRow, error) {
	if ask.Known == nil {
		return nil, nil
	}
	running, err := a.Running(ask.Worker)
	if err != nil {
		return nil, err
	}
	var rows []*pawl.TaskRow
	for _, r := range running {
		if len(rows) < ask.Max && !slices.Contains(ask.Known, r.Lease()) {
			rows = append(rows, &r.TaskRow)
		}
	}
	return rows, nil
}

func (a *act) started(c *Claim) {
	a.emit(pawl.EventStarted, &pawl.TaskRow{
		ID: c.ID, Run: c.Run, Operation: c.In.Operation, Queue: c.In.Queue, User: c.In.User,
		State: pawl.Running, Attempt: c.Attempt + 1,
	})
}

// wake makes happen what is due by now, what was due first in front, and returns
// when something will be again.
func (a *act) wake() (time.Time, error) {
	woken, next, err := a.Woken(a.now, wokenMost)
	if err != nil {
		return time.Time{}, err
	}
	a.own(woken)
	for _, stage := range []struct {
		at   func(*Record) time.Time
		wake func(*Record)
	}{
		{func(r *Record) time.Time { return r.Due }, a.due},
		{func(r *Record) time.Time { return r.Deadline }, a.expire},
		{func(r *Record) time.Time { return r.LeaseUntil }, a.lose},
	} {
		slices.SortFunc(woken, func(x, y *Record) int {
			return cmp.Or(stage.at(x).Compare(stage.at(y)), cmp.Compare(x.Seq, y.Seq))
		})
		for _, r := range woken {
			stage.wake(r)
		}
	}
	for _, r := range woken {
		next = earlier(next, r.Wake())
	}
	if len(woken) == wokenMost {
		next = a.now
	}
	return next, nil
}

// due makes a scheduled task pending whose time has come, and one that has waited
// long enough for something else.
func (a *act) due(r *Record) {
	if (r.State == pawl.Scheduled || r.State == pawl.Blocked) && !r.Due.IsZero() && !r.Due.After(a.now) {
		a.update(r, (*pawl.TaskRow).BeReleased)
	}
}

// expire ends a waiting task whose deadline has passed. The deadline of a running
// one is its worker's business.
func (a *act) expire(r *Record) {
	if r.State.Ended() || r.State == pawl.Running || r.Deadline.IsZero() || r.Deadline.After(a.now) {
		return
	}
	a.update(r, func(row *pawl.TaskRow) { row.BeExpired(a.now) })
	a.over(r, false)
}

// lose takes a task back from a worker whose lease has ended. What was reserved
// for calls that may have been sent stays charged.
func (a *act) lose(r *Record) {
	if r.State != pawl.Running || r.LeaseUntil.After(a.now) {
		return
	}
	open := a.abandon(r)
	stored, _ := r.Stored().Total()
	a.correct(r, stored.Usage.Total())
	a.update(r, func(row *pawl.TaskRow) { row.BeLost(a.now, open) })
	if r.State.Ended() {
		a.over(r, false)
		return
	}
	a.emit(pawl.EventRetried, &r.TaskRow)
}
