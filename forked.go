package pawl

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// forked is one new run on its way.
type forked struct {
	*forking
	run   ID
	ids   map[ID]ID // of the new tasks, by the old ones
	tasks []NewTask
}

// id returns the id that a task has in the new run: the one that the engine will look
// for it under.
func (w *forked) id(old *TaskRow) ID {
	if id, ok := w.ids[old.ID]; ok {
		return id
	}
	id := w.run
	if old.Branch() == old.ID {
		parent := w.byID[old.Parent()]
		id = ChildID(w.id(parent), old.Links.Key)
	} else if before := w.before[old.ID]; before != nil {
		id = FollowID(w.id(before))
	}
	w.ids[old.ID] = id
	return id
}

// copy returns the new task for an old one, without state.
func (w *forked) copy(old *TaskRow) NewTask {
	t := NewTask{Duplicates: Keep, Row: TaskRow{
		ID: w.id(old), Run: w.run, Operation: old.Operation, Queue: old.Queue, Limit: old.Limit, User: old.User, Priority: old.Priority,
		Input: old.Input, Conversation: old.Conversation, Data: old.Data, Next: old.Next, Size: old.Size, MaxAttempts: old.MaxAttempts,
	}}
	l := Links{Forked: true, Origin: &Origin{Task: old.ID}}
	if o := old.Links; o != nil {
		l.Key, l.Caught, l.Fallbacks = o.Key, o.Caught, o.Fallbacks
		if !o.Parent.IsZero() {
			l.Parent = w.id(w.byID[o.Parent])
		}
	}
	t.Row.Links = &l
	return t
}

// kept copies a task that has succeeded, and all that succeeded below it.
func (w *forked) kept(old *TaskRow) error {
	t := w.copy(old)
	t.Kept = true
	t.Row.Links.Origin.Kept = true
	t.Row.Output = old.Output
	steps := slices.Clone(old.Steps)
	for i := range steps {
		if steps[i].Name == stepAdd {
			if _, err := w.readdress(&steps[i]); err != nil {
				return err
			}
		}
	}
	w.withSteps(&t.Row, old, steps)
	w.tasks = append(w.tasks, t)
	for _, first := range w.branches[old.ID] {
		if _, err := w.keptBranch(first); err != nil {
			return err
		}
	}
	return nil
}

// keptBranch copies a branch, if it has succeeded.
func (w *forked) keptBranch(first *TaskRow) (bool, error) {
	if tail := w.tail(first.ID); tail.State != Succeeded || tail.Follows() {
		return false, nil
	}
	for r := first; r != nil; r = w.byID[FollowID(r.ID)] {
		if err := w.kept(r); err != nil {
			return false, err
		}
	}
	return true, nil
}

// keepLine copies what came before a task in its line.
func (w *forked) keepLine(of *TaskRow) error {
	for r := w.before[of.ID]; r != nil; r = w.before[r.ID] {
		if err := w.kept(r); err != nil {
			return err
		}
	}
	return nil
}

// again adds the task at which the run is forked.
func (w *forked) again(at *TaskRow, steps []StepRow, v Variant) error {
	t := w.copy(at)
	if input := v[variantInput]; input != nil {
		t.Row.Size.Chars += len(input) - len(t.Row.Input)
		t.Row.Input, t.Row.Links.Origin.Input = input, true
	}
	t.Row.Links.Variant = v.ofCalls()
	if len(steps) < len(at.Steps) {
		t.Row.Links.Origin.Step = at.Steps[len(steps)].Key
	}
	return w.unfinished(t, at, steps, nil)
}

// unfinished adds a task that is to go on after its steps, with those of its branches
// that have succeeded. The one of path is being added otherwise.
func (w *forked) unfinished(t NewTask, old *TaskRow, steps []StepRow, path *TaskRow) error {
	there := map[string]bool{} // the keys of branches that are there
	fan := len(old.Next) > 0 && old.Next[0].Here && old.Next[0].isFan()
	known := map[string]bool{}
	for i := range steps {
		known[steps[i].Key] = true
	}
	for _, first := range w.branches[old.ID] {
		key := first.Links.Key
		var err error
		switch {
		case path != nil && first.ID == path.Branch():
			there[key] = true
		case path == nil && fan: // it is done anew from its beginning
		case fan || known[key]:
			there[key], err = w.keptBranch(first)
		}
		if err != nil {
			return err
		}
	}
	var kept []StepRow
	for _, s := range steps {
		if s.Name == stepAdd {
			to, err := w.readdress(&s)
			if err != nil {
				return err
			}
			if to != nil && to.Parent() == old.ID && !there[to.Links.Key] {
				continue // it is added anew
			}
		}
		kept = append(kept, s)
	}
	w.withSteps(&t.Row, old, kept)
	w.tasks = append(w.tasks, t)
	return nil
}

// withSteps gives a new task copies of an old one's steps. They are of no attempt of
// its own: nothing was paid for them.
func (w *forked) withSteps(r, old *TaskRow, steps []StepRow) {
	for _, s := range steps {
		s.Attempt = 0
		r.Steps = append(r.Steps, s)
		if !s.Head.IsZero() {
			r.Head = s.Head
		}
		if name, ok := strings.CutPrefix(s.Name, signalPrefix); ok {
			if r.Links.Signals == nil {
				r.Links.Signals = map[string]int{}
			}
			r.Links.Signals[name]++
		}
		r.Links.Stored = true
	}
}

// readdress has a step that added a task name the new run's. It returns the old one,
// nil if that is of another run.
func (w *forked) readdress(s *StepRow) (to *TaskRow, err error) {
	var added Added
	if err := json.Unmarshal(s.Result, &added); err != nil {
		return nil, fmt.Errorf("stored step %s: %w", s.Key, err)
	}
	old := w.byID[added.ID]
	if old == nil {
		return nil, nil
	}
	added.ID, added.Run = w.id(old), w.run
	s.Result, err = json.Marshal(added)
	return old, err
}
