package durable

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
)

// Add implements [pawl.Tasks].
func (s *Store) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	var added []pawl.Added
	err := s.update(ctx, now, func(a *act) error {
		d, err := a.adding(tasks)
		if err != nil {
			return err
		}
		added = make([]pawl.Added, len(tasks))
		for i := range tasks {
			if added[i], err = d.add(&tasks[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return added, nil
}

// byLeases reads the tasks whose handlers add tasks, and what their steps say of the
// additions that took place before.
func (a *act) byLeases(tasks []pawl.NewTask) (map[StepKey]pawl.Added, error) {
	var ids []pawl.ID
	var keys []StepKey
	for i := range tasks {
		by, step := tasks[i].By.Task, tasks[i].Step
		if !by.IsZero() && (len(ids) == 0 || ids[len(ids)-1] != by) {
			ids = append(ids, by)
		}
		if !by.IsZero() && step != nil {
			keys = append(keys, StepKey{by, step.Key})
		}
	}
	said := map[StepKey]pawl.Added{}
	if len(ids) == 0 {
		return said, nil
	}
	_, stored, err := a.held(ids, keys)
	if err != nil {
		return nil, err
	}
	for i, there := range stored {
		if !there {
			continue
		}
		if said[keys[i]], err = a.said(keys[i]); err != nil {
			return nil, err
		}
	}
	return said, nil
}

// said returns what a stored step says of an addition.
func (a *act) said(k StepKey) (added pawl.Added, err error) {
	found, err := a.Find(pawl.Filter{IDs: []pawl.ID{k.Task}, Steps: true}, a.now)
	if err != nil || len(found) == 0 {
		return added, err
	}
	i := slices.IndexFunc(found[0].Steps, func(s pawl.StepRow) bool { return s.Key == k.Key })
	if i < 0 {
		return added, nil
	}
	if err := json.Unmarshal(found[0].Steps[i].Result, &added); err != nil {
		return added, fmt.Errorf("step %s: %w", k.Key, err)
	}
	return added, nil
}

// adder adds tasks within an act, one after the other: a task may be the twin of
// one that was added just before it.
type adder struct {
	*act
	found Added
	runs  map[pawl.ID][]*Record  // as far as they were needed
	said  map[StepKey]pawl.Added // by the steps of the handlers that add
}

// adding reads what must be known of tasks that are to be added.
func (a *act) adding(tasks []pawl.NewTask) (*adder, error) {
	said, err := a.byLeases(tasks)
	if err != nil {
		return nil, err
	}
	ask := Adding{IDs: make([]pawl.ID, len(tasks))}
	own := map[pawl.Hash]bool{} // conversations that come with the tasks
	seen := map[pawl.Hash]bool{}
	for i := range tasks {
		t := &tasks[i]
		if err := t.RunBudget().Validate(); err != nil {
			return nil, err
		}
		ask.IDs[i] = t.Row.ID
		ask.By = ask.By || !t.By.Task.IsZero()
		for _, n := range t.Nodes {
			own[n.Hash] = true
		}
		if id := t.Row.Identity; !id.IsZero() && t.Duplicates != pawl.Keep && !seen[id] {
			seen[id] = true
			ask.Identities = append(ask.Identities, id)
		}
	}
	for i := range tasks {
		if head := tasks[i].Row.Conversation; !head.IsZero() && !own[head] && !seen[head] {
			seen[head] = true
			ask.Heads = append(ask.Heads, head)
		}
	}
	known, err := a.Adding(ask)
	if err != nil {
		return nil, err
	}
	if err := a.begin(); err != nil {
		return nil, err
	}
	for i := range tasks {
		if head := tasks[i].Row.Conversation; !head.IsZero() && !own[head] && !known.Heads[head] {
			return nil, fmt.Errorf("pawl: task %s starts from conversation %s, which is not stored", tasks[i].Row.ID, head)
		}
	}
	if known.Runs == nil {
		known.Runs = map[pawl.ID]pawl.ID{}
	}
	if known.Twins == nil {
		known.Twins = map[pawl.Hash][]*Twin{}
	}
	return &adder{act: a, found: known, runs: map[pawl.ID][]*Record{}, said: said}, nil
}

func (d *adder) add(n *pawl.NewTask) (pawl.Added, error) {
	as := pawl.AsNew
	id := n.Row.ID
	if run, ok := d.found.Runs[id]; ok {
		return pawl.Added{ID: id, Run: run, As: as}, nil
	}
	if by := n.By; by != (pawl.Lease{}) {
		if r := d.known[by.Task]; r == nil || !r.Holds(by) || r.Cancelling {
			return pawl.Added{ID: id, Run: n.Row.Run, As: pawl.AsLost}, nil
		}
		if n.Step != nil {
			if added, ok := d.said[StepKey{by.Task, n.Step.Key}]; ok {
				return added, nil
			}
		}
	}
	added, err := d.addNew(n)
	if err == nil && n.Step != nil && n.By != (pawl.Lease{}) && added.As != pawl.AsRejected {
		err = d.addStep(n, added)
	}
	return added, err
}

// addStep stores what became of an addition with the task whose handler did it.
func (d *adder) addStep(n *pawl.NewTask, added pawl.Added) error {
	result, err := json.Marshal(added)
	if err != nil {
		return fmt.Errorf("step %s: %w", n.Step.Key, err)
	}
	step := *n.Step
	step.Result, step.At = result, d.now
	d.said[StepKey{n.By.Task, step.Key}] = added
	d.w.Steps = append(d.w.Steps, Step{n.By.Task, step})
	d.stepped(d.known[n.By.Task], step.Name)
	return nil
}

// addNew adds a task that is not stored yet, or finds its twin.
func (d *adder) addNew(n *pawl.NewTask) (pawl.Added, error) {
	as, id := pawl.AsNew, n.Row.ID
	twin, err := d.twin(n)
	if err != nil {
		return pawl.Added{}, err
	}
	if twin != nil {
		if as, err = d.duplicate(twin, n); err != nil {
			return pawl.Added{}, err
		}
		if as != pawl.AsReplacement {
			return pawl.Added{ID: twin.ID, Run: twin.Run, As: as}, nil
		}
	}
	if d.known[id] != nil { // in its run: the database took it for new, without looking
		return pawl.Added{}, ErrConflict
	}
	d.insert(n)
	if b := n.RunBudget(); b != nil {
		d.post(Post{Budget: b})
	}
	return pawl.Added{ID: id, Run: n.Row.Run, As: as}, nil
}

func (d *adder) insert(n *pawl.NewTask) {
	r := &Record{TaskRow: n.Row}
	r.Deadline = micros(r.Deadline)
	r.Bin = BinOf(&r.TaskRow)
	d.w.Nodes = append(d.w.Nodes, n.Nodes...)
	switch r.BeAdded(d.now, n.Delay, d.found.Seq); {
	case n.Kept:
		r.BeKept(d.now, d.found.Seq)
	case n.InLine:
		r.BeInLine()
	}
	r.Due = micros(r.Due)
	d.found.Seq++
	for _, step := range r.Steps {
		d.w.Steps = append(d.w.Steps, Step{r.ID, step})
	}
	r.Steps = nil
	d.own([]*Record{r})
	d.touch(r).isNew = true
	if r.State == pawl.Pending {
		d.arrive(r)
	}
	if by := d.known[n.By.Task]; by != nil && !slices.Contains(d.w.Holds, by) {
		d.w.Holds = append(d.w.Holds, by)
	}
	d.w.Bell.Ready = true
	d.emit(pawl.EventAdded, &r.TaskRow)

	d.found.Runs[r.ID] = r.Run
	if run, ok := d.runs[r.Run]; ok {
		d.runs[r.Run] = append(run, r)
	}
	if id := r.Identity; !id.IsZero() {
		d.found.Twins[id] = append(d.found.Twins[id], &Twin{ID: r.ID, Run: r.Run, Seq: r.Seq, State: r.State})
	}
}

// micros returns t as databases keep it.
func micros(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Microsecond)
}

// twin returns the task that a new one duplicates, nil if there is none: the
// latest in flight, or one whose result is young enough.
func (d *adder) twin(n *pawl.NewTask) (*Twin, error) {
	if n.Row.Identity.IsZero() || n.Duplicates == pawl.Keep {
		return nil, nil
	}
	var newest, result *Twin
	for _, t := range d.found.Twins[n.Row.Identity] {
		if r := d.known[t.ID]; r != nil { // as this act has changed it
			t.State, t.Cancelling, t.Ended = r.State, r.Cancelling, r.Ended
		}
		switch {
		case !t.State.Ended() && !t.Cancelling && (newest == nil || t.Seq > newest.Seq):
			newest = t
		case t.State == pawl.Succeeded && (result == nil || t.isLater(result)):
			result = t
		}
	}
	if newest != nil || result == nil {
		return newest, nil
	}
	ended, failed, err := d.runState(result)
	if err != nil || failed || ended && d.now.Sub(result.Ended) >= n.Reuse {
		return nil, err
	}
	return result, nil
}

// isLater reports whether t ended after another task, or was added after it if
// they ended at the same time.
func (t *Twin) isLater(than *Twin) bool {
	order := t.Ended.Compare(than.Ended)
	return order > 0 || order == 0 && t.Seq > than.Seq
}

// run returns all tasks of a run.
func (d *adder) run(id pawl.ID) ([]*Record, error) {
	run, ok := d.runs[id]
	if ok {
		return run, nil
	}
	run, err := d.Run([]pawl.ID{id})
	if err != nil {
		return nil, err
	}
	for _, t := range d.touched {
		if t.isNew && t.Run == id {
			run = append(run, t.Record)
		}
	}
	d.runs[id] = d.own(run)
	return run, nil
}

// runState returns whether all tasks of a task's line have ended, and whether it has
// failed.
func (d *adder) runState(t *Twin) (ended, failed bool, err error) {
	run, err := d.run(t.Run)
	if err != nil {
		return false, false, err
	}
	ended, failed = pawl.BranchState(rowsOf(run), t.ID)
	return ended, failed, nil
}

func rowsOf(records []*Record) []*pawl.TaskRow {
	rows := make([]*pawl.TaskRow, len(records))
	for i, r := range records {
		rows[i] = &r.TaskRow
	}
	return rows
}

func (d *adder) duplicate(twin *Twin, n *pawl.NewTask) (pawl.AddedAs, error) {
	if twin.State == pawl.Succeeded {
		ended, _, err := d.runState(twin)
		if err != nil {
			return "", err
		}
		if ended {
			return pawl.AsReused, d.joined(twin, n, pawl.EntryReused)
		}
	}
	switch n.Duplicates {
	case pawl.Reject:
		return pawl.AsRejected, nil
	case pawl.Replace:
		return pawl.AsReplacement, d.replace(twin)
	}
	return pawl.AsJoined, d.joined(twin, n, pawl.EntryJoined)
}

// joined tells that a task was joined, and enters it into the ledger.
func (d *adder) joined(twin *Twin, n *pawl.NewTask, kind pawl.EntryKind) error {
	e := &pawl.Entry{
		At: d.now, Kind: kind, Task: n.Row.ID, Run: twin.Run, Of: twin.ID,
		Operation: n.Row.Operation, Queue: n.Row.Queue, User: n.Row.User, Limit: n.Row.Limit,
	}
	if kind == pawl.EntryJoined {
		d.post(Post{Joined: ledger.Pack(nil, e)})
	} else { // its run has ended, and may be removed at any time
		run, err := d.run(twin.Run)
		if err != nil {
			return err
		}
		var packed []byte
		saved, _ := ledger.Close(e, rowsOf(run))
		for _, s := range saved {
			packed = ledger.Pack(packed, s)
		}
		if packed != nil {
			d.post(Post{Entries: packed})
		}
	}
	if d.types&typesOf(pawl.EventJoined) == 0 {
		return nil
	}
	run, err := d.run(twin.Run)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(run, func(r *Record) bool { return r.ID == twin.ID }); i >= 0 {
		d.emit(pawl.EventJoined, &run[i].TaskRow)
	}
	return nil
}

// replace cancels what has not ended of a twin's line, and all below it.
func (d *adder) replace(twin *Twin) error {
	run, err := d.run(twin.Run)
	if err != nil {
		return err
	}
	of := pawl.Below(rowsOf(run), twin.ID)
	for _, r := range run {
		if of[r.ID] && !r.State.Ended() {
			d.cancel(r)
		}
	}
	return nil
}
