package durable

import (
	"context"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/budget"
)

// Beat implements [pawl.Tasks].
func (s *Store) Beat(ctx context.Context, now time.Time, lease time.Duration, held []pawl.Lease) ([]pawl.Beat, error) {
	var beats []pawl.Beat
	err := s.update(ctx, now, func(a *act) error {
		ids := make([]pawl.ID, len(held))
		for i, l := range held {
			ids[i] = l.Task
		}
		records, _, err := a.held(ids, nil)
		if err != nil {
			return err
		}
		beats = make([]pawl.Beat, len(held))
		noted := map[*Record]bool{}
		for i, r := range records {
			if r == nil || !r.Holds(held[i]) {
				beats[i].Lost = true
				continue
			}
			beats[i].Cancelled = r.Cancelling
			r.LeaseUntil = a.now.Add(lease)
			if !noted[r] {
				noted[r] = true
				a.w.Beats = append(a.w.Beats, r)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return beats, nil
}

// Save implements [pawl.Tasks].
func (s *Store) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	var errs []error
	err := s.update(ctx, now, func(a *act) error {
		ids := make([]pawl.ID, len(saves))
		var keys []StepKey
		for i := range saves {
			ids[i] = saves[i].Lease.Task
			if step := saves[i].Step; step != nil {
				keys = append(keys, StepKey{ids[i], step.Key})
			}
		}
		records, stored, err := a.held(ids, keys)
		if err != nil {
			return err
		}
		v := saver{a, map[StepKey]bool{}, map[*Record]bool{}}
		for i, k := range keys {
			v.stored[k] = stored[i]
		}
		errs = make([]error, len(saves))
		for i := range saves {
			errs[i] = v.save(records[i], &saves[i])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return errs, nil
}

// saver saves within an act.
type saver struct {
	*act
	stored map[StepKey]bool
	noted  map[*Record]bool
}

func (v *saver) save(r *Record, s *pawl.Save) error {
	if r == nil || !r.Holds(s.Lease) {
		return pawl.ErrLeaseLost
	}
	if s.Settle != nil {
		v.settled(r, s.Settle)
	}
	if s.Step == nil || v.stored[StepKey{r.ID, s.Step.Key}] {
		return nil
	}
	v.stored[StepKey{r.ID, s.Step.Key}] = true
	step := *s.Step
	step.At = v.now
	if !step.Head.IsZero() {
		r.Head = step.Head
		v.note(r)
	}
	v.w.Nodes = append(v.w.Nodes, s.Nodes...)
	v.w.Steps = append(v.w.Steps, Step{r.ID, step})
	v.stepped(r, step.Name)
	return nil
}

// stepped tells that a step was stored.
func (a *act) stepped(r *Record, name string) {
	if a.types&typesOf(pawl.EventStep) != 0 {
		a.send(pawl.Event{
			Type: pawl.EventStep, At: a.now, Task: r.ID, Run: r.Run, Operation: r.Operation,
			Queue: r.Queue, User: r.User, State: r.State, Attempt: r.Attempt, Step: name,
		})
	}
}

// settled ends a reserved call. One that is not reserved was settled before.
func (v *saver) settled(r *Record, st *pawl.Settlement) {
	i := slices.IndexFunc(r.Calls, func(c Call) bool { return c.Key == st.Key && !c.Unknown })
	if i < 0 {
		return
	}
	c := r.Calls[i]
	r.Calls = slices.Clone(r.Calls)
	if st.Kind() == pawl.EntryUnknown {
		r.Calls[i] = Call{Key: c.Key, Worth: budget.Worth{Step: c.Step}, Unknown: true}
	} else {
		r.Calls = slices.Delete(r.Calls, i, i+1)
	}
	v.note(r)
	v.settle(r, &c, *st)
}

func (v *saver) note(r *Record) {
	if !v.noted[r] {
		v.noted[r] = true
		v.w.Calls = append(v.w.Calls, r)
	}
}
