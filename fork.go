package pawl

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Variant is what a forked run does differently, by name, as JSON:
//
//   - "input": the whole input of the task at which it is forked
//   - "prompt": the text of the first call that is made anew, in place of the handler's
//   - "system": the system prompt of all calls that are made anew
//   - "model": the model of all calls that are made anew, as the provider names it
//   - any other name: that field of the provider's request, of all calls made anew
//
// What holds for calls holds for those of the tasks that come after, too.
type Variant map[string]json.RawMessage

// Fork adds new runs that go another way from some point of a run on, one for each
// variant; for none of them, one that differs in nothing but what the handlers do now.
// All that the run had finished before that point is kept, and its results are found;
// what comes after is done anew, by the same operations and through the same limits.
// The run itself stays as it is. All are added in one transaction; their ids are
// returned in the order of variants.
//
// from names the point: a task, by its id or by its operation (the first of that name),
// and after a slash one of its steps, which is the first to be done anew: by its number,
// counted from 1, or by its name, as "ask" or "ask#2" for the second of that name.
// "summarize" forks where that task begins. Empty stands for the beginning of the run.
//
// A fork's tasks are nobody's duplicates: they take no results from other runs, and give
// none.
//
// Inside a branch of [Each] or [All] the others' results are kept, and the tasks above
// go on with the new one. What had failed there, or not ended, is done anew, also where
// the failure was a value of [Try].
func (c *Client) Fork(ctx context.Context, run ID, from string, variants ...Variant) ([]ID, error) {
	rows, err := c.store.List(ctx, c.now, Filter{Run: run, Steps: true})
	if err == nil && len(rows) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("fork %s: %w", run, err)
	}
	f := newForking(rows)
	at, keep, err := f.locate(from)
	if err != nil {
		return nil, fmt.Errorf("pawl: fork %s: %w", run, err)
	}
	if len(variants) == 0 {
		variants = []Variant{nil}
	}
	var tasks []NewTask
	ids := make([]ID, len(variants))
	for i, v := range variants {
		if err := v.validate(at, keep); err != nil {
			return nil, fmt.Errorf("pawl: fork %s: %w", run, err)
		}
		ids[i] = NewID()
		added, err := f.fork(ids[i], at, keep, v)
		if err != nil {
			return nil, fmt.Errorf("fork %s: %w", run, err)
		}
		tasks = append(tasks, added...)
	}
	if _, err := c.addAll(ctx, tasks); err != nil {
		return nil, fmt.Errorf("fork %s: %w", run, err)
	}
	return ids, nil
}

// Fork adds runs that go another way from some point of the run on; see [Client.Fork].
func (r *Run[Out]) Fork(ctx context.Context, from string, variants ...Variant) ([]*Run[Out], error) {
	ids, err := r.client.Fork(ctx, r.ID, from, variants...)
	if err != nil {
		return nil, err
	}
	forks := make([]*Run[Out], len(ids))
	for i, id := range ids {
		forks[i] = &Run[Out]{id, AsNew, r.client}
	}
	return forks, nil
}

// The names of a Variant that are no fields of the provider's request.
const (
	variantInput  = "input"
	variantPrompt = "prompt"
	variantSystem = "system"
	variantModel  = "model"
)

func (v Variant) validate(at *TaskRow, keep int) error {
	for name, value := range v {
		var text string
		switch {
		case name == "":
			return fmt.Errorf("a name in the variant is empty; want %q, %q, %q, %q or a field of the request", variantInput, variantPrompt, variantSystem, variantModel)
		case !json.Valid(value):
			return fmt.Errorf("%q of the variant is not JSON", name)
		case name == variantInput && keep > 0:
			return fmt.Errorf("%q of the variant is for forks where a task begins, and this one keeps %d of its steps", name, keep)
		case name == variantPrompt && isOwnName(at.Operation):
			return fmt.Errorf("%q of the variant is for the first call of a task, and %s makes none; fork at a task in one of its branches", name, at.Operation)
		case (name == variantPrompt || name == variantSystem || name == variantModel) && json.Unmarshal(value, &text) != nil:
			return fmt.Errorf("%q of the variant is %.40s; want a string", name, value)
		}
	}
	return nil
}

// ofCalls returns what of a variant holds for calls.
func (v Variant) ofCalls() Variant {
	var of Variant
	for name, value := range v {
		if name != variantInput {
			if of == nil {
				of = Variant{}
			}
			of[name] = value
		}
	}
	return of
}

// forking is a run that is forked.
type forking struct {
	rows     []*TaskRow // in the order in which they were added
	byID     map[ID]*TaskRow
	before   map[ID]*TaskRow   // by the id of what follows
	branches map[ID][]*TaskRow // first tasks of branches, by parent
}

func newForking(rows []*TaskRow) *forking {
	f := &forking{rows: slices.Clone(rows), byID: map[ID]*TaskRow{}, before: map[ID]*TaskRow{}, branches: map[ID][]*TaskRow{}}
	slices.SortFunc(f.rows, func(a, b *TaskRow) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, r := range f.rows {
		f.byID[r.ID] = r
		f.before[FollowID(r.ID)] = r
		if r.Branch() == r.ID {
			f.branches[r.Parent()] = append(f.branches[r.Parent()], r)
		}
	}
	return f
}

// locate returns the task where to go on, and how many of its steps are kept.
func (f *forking) locate(from string) (at *TaskRow, keep int, err error) {
	if from == "" {
		return f.rows[0], 0, nil
	}
	if at := f.named(from); at != nil {
		return at, 0, nil
	}
	at, step := f.rows[0], from
	if i := strings.LastIndexByte(from, '/'); i >= 0 {
		at, step = f.named(from[:i]), from[i+1:]
	} else if len(f.rows) > 1 {
		at = nil
	}
	if at == nil {
		return nil, 0, fmt.Errorf("it has no task %q; it has %s", strings.TrimSuffix(from, "/"+step), list(f.names()))
	}
	if keep, ok := stepNamed(at, step); ok {
		return at, keep, nil
	}
	return nil, 0, fmt.Errorf("task %s (%s) has no step %q; it has %s", at.ID, at.Operation, step, list(stepNames(at)))
}

// named returns the task with an id, or the first of an operation; nil if there is none.
func (f *forking) named(name string) *TaskRow {
	if id, err := ParseID(name); err == nil {
		return f.byID[id]
	}
	for _, r := range f.rows {
		if r.Operation == name {
			return r
		}
	}
	return nil
}

func (f *forking) names() []string {
	var names []string
	for _, r := range f.rows {
		if !slices.Contains(names, r.Operation) && len(names) < namesMost {
			names = append(names, r.Operation)
		}
	}
	return names
}

// namesMost is how many names an error lists.
const namesMost = 20

// stepNamed returns how many steps come before the one that is named.
func stepNamed(r *TaskRow, name string) (before int, ok bool) {
	if n, err := strconv.Atoi(name); err == nil {
		return n - 1, n >= 1 && n <= len(r.Steps)
	}
	nth := 1
	if i := strings.LastIndexByte(name, '#'); i >= 0 {
		if n, err := strconv.Atoi(name[i+1:]); err == nil && n >= 1 {
			name, nth = name[:i], n
		}
	}
	for i := range r.Steps {
		if r.Steps[i].Name == name {
			if nth--; nth == 0 {
				return i, true
			}
		}
	}
	return 0, false
}

func stepNames(r *TaskRow) []string {
	if len(r.Steps) == 0 {
		return []string{"none"}
	}
	var names []string
	for i := range r.Steps[:min(len(r.Steps), namesMost)] {
		names = append(names, strconv.Itoa(i+1)+" ("+r.Steps[i].Name+")")
	}
	if len(r.Steps) > namesMost {
		names = append(names, "more, up to "+strconv.Itoa(len(r.Steps)))
	}
	return names
}

// fork returns the tasks of a new run.
func (f *forking) fork(run ID, at *TaskRow, keep int, v Variant) ([]NewTask, error) {
	if err := f.whole(at); err != nil {
		return nil, err
	}
	w := &forked{forking: f, run: run, ids: map[ID]ID{}}
	steps := at.Steps[:keep]
	if err := w.again(at, steps, v); err != nil {
		return nil, err
	}
	if err := w.keepLine(at); err != nil {
		return nil, err
	}
	// The tasks above wait for the new one.
	for path := at; !path.Parent().IsZero(); {
		above := f.byID[path.Parent()]
		if above == nil {
			return nil, fmt.Errorf("%s: %w", path.Parent(), ErrNotFound)
		}
		if err := w.unfinished(w.copy(above), above, f.stepsBefore(above, path), path); err != nil {
			return nil, err
		}
		if err := w.keepLine(above); err != nil {
			return nil, err
		}
		path = above
	}
	return w.tasks, nil
}

// whole reports what was removed of the lines that lead to a task, without which the
// others cannot go on with a new one.
func (f *forking) whole(at *TaskRow) error {
	for r := at; !r.Parent().IsZero(); r = f.byID[r.Parent()] {
		for _, id := range []ID{r.Branch(), r.Parent()} {
			if f.byID[id] == nil {
				return fmt.Errorf("%s was removed: %w", id, ErrNotFound)
			}
		}
	}
	return nil
}

// stepsBefore returns the steps of a task that do not depend on a branch of its that
// a task of path stands in: those that were stored before it was added, and those
// before it had ended.
func (f *forking) stepsBefore(above, path *TaskRow) []StepRow {
	ended := f.tail(path.Branch()).Ended
	if ended.IsZero() {
		return above.Steps
	}
	steps := above.Steps
	added := slices.IndexFunc(steps, func(s StepRow) bool { return s.Key == path.Links.Key })
	for i := added + 1; i < len(steps); i++ {
		if !steps[i].At.Before(ended) {
			return steps[:i]
		}
	}
	return steps
}

// tail returns the last task of the line that begins with first.
func (f *forking) tail(first ID) *TaskRow {
	r := f.byID[first]
	for r != nil {
		next := f.byID[FollowID(r.ID)]
		if next == nil {
			break
		}
		r = next
	}
	return r
}
