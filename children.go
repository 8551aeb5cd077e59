package pawl

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// A handler that adds tasks adds branches of its own task: they belong to its run,
// carry its user and deadline if no other is said, and are stored together with the
// step that says so. A handler that is run again gets the same tasks, by that step.

// stepAdd is the name of the step that says what a handler added.
const stepAdd = "add"

// inherited are the options that tasks get from the handler that adds them, before
// those that the call gives.
func (a *attempt) inherited(opts []Option) []Option {
	return append([]Option{User(a.row.User), Deadline(a.row.Deadline)}, opts...)
}

// childAdd is what becomes of one task that a handler adds.
type childAdd struct {
	task   *NewTask
	name   string // of the step
	stored *Added // nil if it is to be added
}

// child makes a task one of the attempt's own; version and key are those of its identity.
func (a *attempt) child(task *NewTask, version, key string) (childAdd, error) {
	if task.Budget != nil {
		return childAdd{}, Permanent(fmt.Errorf("add %s: a Budget is for a run, and what a handler adds is of its task's run; give the budget where that is added, or SetBudget for operation/%s",
			task.Row.Operation, task.Row.Operation))
	}
	content, _, err := identity(&task.Row, version, key, nil)
	if err != nil {
		return childAdd{}, err
	}
	add := childAdd{task: task, name: "add:" + hex.EncodeToString(content[:16])}
	return add, a.adopt(&add)
}

// adopt gives a child the next key of its name.
func (a *attempt) adopt(add *childAdd) error {
	step, stored := a.step(add.name)
	if stored != nil {
		add.stored = &Added{}
		if err := json.Unmarshal(stored.Result, add.stored); err != nil {
			return Permanent(fmt.Errorf("stored step %s: %w", step, err))
		}
		a.count(func(t *tally) { t.saved++ })
		return nil
	}
	if err := a.diverged(stepAdd); err != nil {
		a.unstep(add.name, step)
		return err
	}
	r := &add.task.Row
	r.ID, r.Run = ChildID(a.row.ID, step), a.row.Run
	r.link(func(l *Links) { l.Parent, l.Key, l.Caught, l.Variant = a.row.ID, step, true, a.row.heritage() })
	if a.row.Links != nil && a.row.Links.Forked {
		// A fork compares: its tasks take no results of runs that do otherwise, nor give any.
		r.Links.Forked = true
		r.Identity, add.task.Duplicates = Hash{}, Keep
	}
	add.task.By = a.row.Lease()
	add.task.Step = &StepRow{Key: step, Name: stepAdd, Attempt: a.row.Attempt}
	return nil
}

// addChildren adds what a handler adds, but for what was added before.
func (a *attempt) addChildren(ctx context.Context, adds []childAdd) ([]Added, error) {
	answers := make([]Added, len(adds))
	var tasks []NewTask
	var at []int
	for i, add := range adds {
		if add.stored != nil {
			answers[i] = *add.stored
			continue
		}
		tasks, at = append(tasks, *add.task), append(at, i)
	}
	if len(tasks) > 0 {
		added, err := insist(ctx, func(ctx context.Context) ([]Added, error) { return a.client.addAll(ctx, tasks) })
		if err != nil {
			return nil, err
		}
		for j, got := range added {
			answers[at[j]] = got
		}
	}
	for i, got := range answers {
		switch got.As {
		case AsLost:
			return nil, a.refused(ctx)
		case AsJoined:
			above, err := a.isAbove(ctx, got)
			if above {
				answers[i], err = a.addBeside(ctx, &adds[i])
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return answers, nil
}

// refused returns why nothing was added: the task was asked to stop, or the lease is lost.
func (a *attempt) refused(ctx context.Context) error {
	rows, err := insist(ctx, func(ctx context.Context) ([]*TaskRow, error) {
		return a.client.store.List(ctx, a.client.now, Filter{IDs: []ID{a.row.ID}, Bare: true})
	})
	if err != nil {
		return err
	}
	if len(rows) == 1 && rows[0].Holds(a.row.Lease()) && rows[0].Cancelling {
		a.cancel(ErrCancelled)
		return ErrCancelled
	}
	return ErrLeaseLost
}

// isAbove reports whether a task that a new one has joined is above the attempt's own,
// or waits for its run: so this one must not wait for it.
func (a *attempt) isAbove(ctx context.Context, twin Added) (bool, error) {
	if twin.Run != a.row.Run {
		return a.waitsForUs(ctx, twin.Run)
	}
	for r := a.row; ; {
		if first := r.Branch(); first == twin.ID || first.IsZero() && r.Run == twin.ID {
			return true, nil
		}
		if r.Parent().IsZero() {
			return false, nil
		}
		rows, err := insist(ctx, func(ctx context.Context) ([]*TaskRow, error) {
			return a.client.store.List(ctx, a.client.now, Filter{IDs: []ID{r.Parent()}, Bare: true})
		})
		if err != nil || len(rows) == 0 {
			return false, err
		}
		r = rows[0]
	}
}

// waitsMost is how many runs are looked through for one that waits for this one.
const waitsMost = 100

// waitsForUs reports whether handlers of another run have joined a task of this run, or
// of a run of which that holds. Their steps say so, which are stored with the joining:
// of two that join each other, the later one at least sees it.
func (a *attempt) waitsForUs(ctx context.Context, run ID) (bool, error) {
	runs := []ID{run}
	seen := map[ID]bool{run: true}
	for i := 0; i < len(runs) && i < waitsMost; i++ {
		rows, err := insist(ctx, func(ctx context.Context) ([]*TaskRow, error) {
			return a.client.store.List(ctx, a.client.now, Filter{Run: runs[i], States: []State{Blocked, Scheduled, Pending, Running}, Steps: true, Bare: true})
		})
		if err != nil {
			return false, err
		}
		for _, r := range rows {
			for _, s := range r.Steps {
				var added Added
				if s.Name != stepAdd || json.Unmarshal(s.Result, &added) != nil || added.As != AsJoined || seen[added.Run] {
					continue
				}
				if added.Run == a.row.Run {
					return true, nil
				}
				seen[added.Run] = true
				runs = append(runs, added.Run)
			}
		}
	}
	return false, nil
}

// addBeside adds a child once more, as nobody's duplicate, that was joined to a task
// which waits for it.
func (a *attempt) addBeside(ctx context.Context, add *childAdd) (Added, error) {
	add.name, add.stored = add.name+":own", nil
	if err := a.adopt(add); err != nil || add.stored != nil {
		if err != nil {
			return Added{}, err
		}
		return *add.stored, nil
	}
	add.task.Duplicates, add.task.Row.Identity = Keep, Hash{}
	added, err := insist(ctx, func(ctx context.Context) ([]Added, error) { return a.client.addAll(ctx, []NewTask{*add.task}) })
	if err != nil {
		return Added{}, err
	}
	if added[0].As == AsLost {
		return Added{}, a.refused(ctx)
	}
	return added[0], nil
}

// A handler looks again at runs that are not its own: when they have gone on for an
// eighth longer than they had, but in a minute at the latest.
const (
	pollSoonest = time.Second
	pollLatest  = time.Minute
)

// parkFor has the attempt wait for lines of tasks. Its own branches wake it when they
// end; others it looks at again.
func (a *attempt) parkFor(firsts []ID, tails []*TaskRow) error {
	firsts = distinct(firsts)
	what := fmt.Sprintf("waits for %d tasks", len(firsts))
	if len(firsts) == 1 {
		what = "waits for " + firsts[0].String()
	}
	again := pollLatest
	foreign := false
	for _, t := range tails {
		if t.Parent() != a.row.ID {
			foreign = true
			again = min(again, max(pollSoonest, a.row.Started.Sub(t.Added)/8))
		}
	}
	if foreign {
		return a.leave(parking{delay: again, what: what})
	}
	return a.park(Park{Branches: firsts}, nil, 0, what)
}

// distinct returns ids without those that are there already: identical tasks are one
// branch, which ends once.
func distinct(ids []ID) []ID {
	seen := make(map[ID]bool, len(ids))
	var out []ID
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
