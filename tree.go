package pawl

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// Tree is the whole of a run, to be shown: its tasks in their lines, the branches of
// each below it, and what comes next.
type Tree struct {
	Overview
	Line  *TreeLine   `json:"line"`            // the run's own
	Loose []*TreeLine `json:"loose,omitempty"` // branches whose parents were removed
}

// Overview is what there is to say of a run as a whole.
type Overview struct {
	Run    ID     `json:"run"`
	User   string `json:"user,omitempty"`  // of its first task
	Origin ID     `json:"origin,omitzero"` // the run that it was forked from

	// State is how [Run.Wait] finds the run: Succeeded, Dead, also while it waits for
	// the retry of a dead letter, or Cancelled. Until it ends it is what its tasks are
	// in: Running if one is, else Pending, Scheduled or Blocked.
	State  State         `json:"state"`
	Failed ID            `json:"failed,omitzero"` // the task whose failure is the run's
	Stages []Stage       `json:"stages"`          // of its own line, those that come next behind those that have begun
	Tasks  int           `json:"tasks"`           // that there are so far
	Counts map[State]int `json:"counts"`          // of them, without the states that none is in

	Usage    llm.Usage `json:"usage"`
	Attempts int       `json:"attempts"` // of its tasks, but for the queue's own; see [TreeTask]

	Added   time.Time `json:"added"`
	Started time.Time `json:"started,omitzero"` // the first attempt of any task
	Ended   time.Time `json:"ended,omitzero"`   // zero until it has
	At      time.Time `json:"at"`               // when all this was read
}

// TreeLine is tasks one after the other: the run's own line, or a branch.
type TreeLine struct {
	Key   string      `json:"key,omitempty"`  // of the branch
	Name  string      `json:"name,omitempty"` // of the branch for people: "[17]", or a name of [All]; "" if its task's operation says enough
	State State       `json:"state"`          // as of a run; for one behind a dead letter that waits for a retry, Dead
	Usage llm.Usage   `json:"usage"`          // of all its tasks and of what is below them
	Tasks []*TreeTask `json:"tasks"`
	Next  []Stage     `json:"next,omitempty"` // those that have not begun
}

// TreeTask is a task of a Tree.
type TreeTask struct {
	Task  *TaskRow  `json:"task"`  // without its steps
	Usage llm.Usage `json:"usage"` // its own, with the stored calls of an attempt that runs
	Sum   llm.Usage `json:"sum"`   // its own and that of all below it

	Attempts int           `json:"attempts"`       // that were begun, but for those that ended to wait for something
	Began    time.Time     `json:"began,omitzero"` // its first attempt
	Took     time.Duration `json:"took"`           // in attempts; of a task with branches, from its first one until it ended, or until now
	Queued   time.Duration `json:"queued"`         // until it began, or until now: for its limit, a worker, its turn
	Worked   time.Duration `json:"worked"`         // in attempts, the one that runs until now
	Waited   time.Duration `json:"waited"`         // of that, for limits
	Parked   time.Duration `json:"parked"`         // without a worker, for branches or a signal

	Steps    []TreeStep  `json:"steps"`
	Joined   []TreeJoin  `json:"joined,omitempty"` // what its handler added that was there already
	Branches []*TreeLine `json:"branches"`
}

// TreeJoin is a task of another run whose result one of a Tree takes.
type TreeJoin struct {
	ID  ID      `json:"id"`
	Run ID      `json:"run"`
	As  AddedAs `json:"as"` // AsJoined or AsReused
}

// TreeStep is a stored step of a task, without its result.
type TreeStep struct {
	Number  int           `json:"number"` // within the task, counted from 1
	Key     string        `json:"key"`
	Name    string        `json:"name"`
	Call    bool          `json:"call,omitempty"`
	Attempt int           `json:"attempt"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took"`
	Usage   llm.Usage     `json:"usage"`
	Says    string        `json:"says,omitempty"` // the first line of a call's answer, or of the result
}

// Tree returns the whole of a run, which is named by its own id or by that of any of
// its tasks. It returns ErrNotFound if nothing is left of it.
func (c *Client) Tree(ctx context.Context, run ID) (*Tree, error) {
	rows, err := c.List(ctx, Filter{Run: run, Steps: true})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		task, err := c.Get(ctx, run)
		if err != nil {
			return nil, err
		}
		if rows, err = c.List(ctx, Filter{Run: task.Run, Steps: true}); err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, fmt.Errorf("%s: %w", run, ErrNotFound)
		}
	}
	now := c.now
	if now.IsZero() {
		now = time.Now()
	}
	return plant(rows, now), nil
}

// plant returns the tree of the rows of one run.
func plant(rows []*TaskRow, now time.Time) *Tree {
	t := &Tree{Overview: Overview{Run: rows[0].Run, Counts: map[State]int{}, Stages: []Stage{}, At: now}, Line: &TreeLine{}}
	lines := map[ID]*TreeLine{} // by their first tasks
	tasks := make(map[ID]*TreeTask, len(rows))
	for _, r := range rows {
		task := newTreeTask(r, now)
		tasks[r.ID] = task
		line := lines[r.Branch()]
		if line == nil {
			line = &TreeLine{}
			if r.Branch().IsZero() {
				line = t.Line
			} else {
				line.Key = r.Links.Key
			}
			lines[r.Branch()] = line
		}
		line.Tasks = append(line.Tasks, task)
		t.count(task)
	}
	for first, line := range lines {
		if first.IsZero() {
			first = t.Run
		}
		line.sort(first)
		if line == t.Line {
			continue
		}
		if parent := tasks[line.Tasks[0].Task.Parent()]; parent != nil {
			line.Name = branchName(parent.Task, line.Key)
			parent.Branches = append(parent.Branches, line)
		} else {
			t.Loose = append(t.Loose, line)
		}
	}
	for _, task := range tasks {
		task.sortBranches()
		task.took(now)
	}
	sortLines(t.Loose)
	t.Line.close()
	for _, line := range t.Loose {
		line.close()
	}
	t.conclude()
	return t
}

// count adds a task to what is said of the run.
func (t *Tree) count(task *TreeTask) {
	r := task.Task
	t.Tasks++
	t.Counts[r.State]++
	t.Usage = t.Usage.Add(task.Usage)
	if !isOwnName(r.Operation) {
		t.Attempts += task.Attempts
	}
	if !task.Began.IsZero() && (t.Started.IsZero() || task.Began.Before(t.Started)) {
		t.Started = task.Began
	}
	if r.ID == t.Run || t.Added.IsZero() {
		t.Added, t.User = r.Added, r.User
		if r.ID == t.Run && r.Links != nil && r.Links.Origin != nil {
			t.Origin = r.Links.Origin.Task // the first task of that run, which names it
		}
	}
}

// conclude says how the run stands, once its lines are closed.
func (t *Tree) conclude() {
	for _, task := range t.Line.Tasks {
		t.Stages = append(t.Stages, task.Task.Stage())
	}
	t.Stages = append(t.Stages, t.Line.Next...)
	if t.State = t.Line.State; t.State.Ended() {
		last := t.Line.Tasks[len(t.Line.Tasks)-1].failure()
		t.Ended = last.Ended
		if t.State != Succeeded {
			t.Failed = last.ID
		}
		return
	}
	for _, s := range []State{Running, Pending, Scheduled, Blocked} {
		if t.Counts[s] > 0 {
			t.State = s
			return
		}
	}
}

// newTreeTask returns a task without its branches.
func newTreeTask(r *TaskRow, now time.Time) *TreeTask {
	t := &TreeTask{Task: r, Usage: r.Usage(), Steps: make([]TreeStep, len(r.Steps)), Branches: []*TreeLine{}}
	for i, s := range r.Steps {
		t.Steps[i] = TreeStep{i + 1, s.Key, s.Name, s.Call, s.Attempt, s.At, s.Took, s.Usage, says(&s)}
		if r.State == Running && s.Attempt == r.Attempt {
			t.Usage = t.Usage.Add(s.Usage)
		}
		var added Added
		if s.Name == "add" && !s.Call && json.Unmarshal(s.Result, &added) == nil && added.Run != r.Run {
			t.Joined = append(t.Joined, TreeJoin(added))
		}
	}
	r.Steps = nil
	t.clock(now)
	return t
}

// clock says where a task's time went.
func (t *TreeTask) clock(now time.Time) {
	r := t.Task
	parked := time.Time{} // since when it has been
	t.Attempts = r.Attempt
	for _, a := range r.Attempts {
		if a.Class == Parked {
			t.Attempts--
		}
		if t.Began.IsZero() {
			t.Began = a.Started
		}
		if !parked.IsZero() {
			t.Parked += a.Started.Sub(parked)
			parked = time.Time{}
		}
		t.Worked += a.Ended.Sub(a.Started)
		t.Waited += a.Waited
		if a.Class == Parked {
			parked = a.Ended
		}
	}
	if r.State == Running {
		if t.Began.IsZero() {
			t.Began = r.Started
		}
		t.Worked += max(now.Sub(r.Started), 0)
	}
	until := now
	if r.State == Running {
		until = r.Started
	} else if r.State.Ended() {
		until = r.Ended
	}
	if !parked.IsZero() {
		t.Parked += max(until.Sub(parked), 0)
	}
	if t.Began.IsZero() {
		t.Queued = max(until.Sub(r.Added), 0)
	} else {
		t.Queued = max(t.Began.Sub(r.Added), 0)
	}
}

// took says how long a task took, once its branches are known.
func (t *TreeTask) took(now time.Time) {
	if t.Took = t.Worked; len(t.Branches) > 0 && !t.Began.IsZero() {
		t.Took = cmp.Or(t.Task.Ended, now).Sub(t.Began)
	}
}
