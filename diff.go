package pawl

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"
)

// Diff is two runs side by side.
type Diff struct {
	A     *Overview  `json:"a"`
	B     *Overview  `json:"b"`
	Same  int        `json:"same"`  // how many pairs are
	Tasks []TaskPair `json:"tasks"` // in the order of the flow, branches behind the tasks that have them
}

// TaskPair is the tasks that stand at the same place of two runs. They have no
// Branches here: those are pairs of their own.
type TaskPair struct {
	Place string    `json:"place"`           // "analyze", or "each[17]/double" in a branch
	A     *TreeTask `json:"a,omitempty"`     // nil if only B has it
	B     *TreeTask `json:"b,omitempty"`     // nil if only A has it
	Same  bool      `json:"same"`            // both have ended, alike: the same operation, state and output, or cause of failure
	Input bool      `json:"input,omitempty"` // their inputs differ, and not because of what stands before or above them
	Kept  bool      `json:"kept,omitempty"`  // one has its result from the other, or both from a third

	Inputs  []DiffLine `json:"inputs,omitempty"`  // of A and B, where Input is true
	Outputs []DiffLine `json:"outputs,omitempty"` // of A and B, where they differ; those that are put together from branches are left out
}

// Compare puts two runs side by side: most often a run and its fork. Tasks are pairs
// if they stand at the same place: behind the same operations, in branches for the
// same element of a list or of the same name.
func Compare(a, b *Tree) *Diff {
	d := &Diff{A: &a.Overview, B: &b.Overview, Tasks: []TaskPair{}}
	d.lines("", a.Line, b.Line, false)
	for i := range d.Tasks {
		if d.Tasks[i].Same {
			d.Same++
		}
	}
	return d
}

// lines adds the pairs of two lines; either may be nil. told says that what is above
// them has other inputs.
func (d *Diff) lines(place string, a, b *TreeLine, told bool) {
	seen := map[string]int{}
	for _, p := range pairs(tasksOf(a), tasksOf(b), func(t *TreeTask) string { return t.Task.Operation }) {
		name := placeName(cmp.Or(p.a, p.b).Task.Operation)
		if seen[name]++; seen[name] > 1 {
			name += "#" + strconv.Itoa(seen[name])
		}
		pair := TaskPair{Place: place + name, A: alone(p.a), B: alone(p.b)}
		differ := false
		if p.a != nil && p.b != nil {
			pair.Same, pair.Kept = sameEnd(p.a.Task, p.b.Task), sameSource(p.a.Task, p.b.Task)
			differ = !sameJSON(p.a.Task.Input, p.b.Task.Input)
			if pair.Input = differ && !told; pair.Input {
				pair.Inputs = diffJSON(p.a.Task.Input, p.b.Task.Input)
			}
			if !isOwnName(p.a.Task.Operation) && !sameJSON(p.a.Task.Output, p.b.Task.Output) {
				pair.Outputs = diffJSON(p.a.Task.Output, p.b.Task.Output)
			}
		}
		d.Tasks = append(d.Tasks, pair)
		d.branches(place+name, p, told || differ)
		told = told || !pair.Same
	}
}

// branches adds the pairs below two tasks.
func (d *Diff) branches(place string, p pair[*TreeTask], told bool) {
	var as, bs []*TreeLine
	if p.a != nil {
		as = p.a.Branches
	}
	if p.b != nil {
		bs = p.b.Branches
	}
	for _, b := range pairs(as, bs, branchKey) {
		l := cmp.Or(b.a, b.b)
		at := place + "/"
		switch {
		case strings.HasPrefix(l.Name, "["):
			at = place + l.Name + "/"
		case l.Name != "":
			at = place + "." + l.Name + "/"
		}
		d.lines(at, b.a, b.b, told)
	}
}

// branchKey is what branches of two runs that belong together have in common. The
// keys of elements and of what handlers add depend on inputs.
func branchKey(l *TreeLine) string {
	if l.Name != "" {
		return l.Name
	}
	return l.Tasks[0].Task.Operation
}

func tasksOf(l *TreeLine) []*TreeTask {
	if l == nil {
		return nil
	}
	return l.Tasks
}

// placeName is an operation as a part of a place: those of the queue's own without
// what says so.
func placeName(operation string) string { return strings.TrimPrefix(operation, ownPrefix) }

// alone returns a task without its branches.
func alone(t *TreeTask) *TreeTask {
	if t == nil {
		return nil
	}
	a := *t
	a.Branches = []*TreeLine{}
	return &a
}

// sameEnd reports whether two tasks have ended alike.
func sameEnd(a, b *TaskRow) bool {
	return a.State.Ended() && a.State == b.State && a.Operation == b.Operation && a.Fingerprint == b.Fingerprint && sameJSON(a.Output, b.Output)
}

func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	ca, err := canonicalJSON(a)
	if err != nil {
		return false
	}
	cb, err := canonicalJSON(b)
	return err == nil && bytes.Equal(ca, cb)
}

// sameSource reports whether two tasks have one result.
func sameSource(a, b *TaskRow) bool { return sourceOf(a) == sourceOf(b) }

// sourceOf returns the task whose result r has.
func sourceOf(r *TaskRow) ID {
	if r.Links != nil && r.Links.Origin != nil && r.Links.Origin.Kept {
		return r.Links.Origin.Task
	}
	return r.ID
}

// pair is what belongs together of two lists; one of them may be nil.
type pair[T any] struct{ a, b T }

// pairs puts two lists together, in their order: what has the same name, as much as
// can be; and one with another name in the place of one.
func pairs[T any](as, bs []T, name func(T) string) (all []pair[T]) {
	var none T
	gap := func(as, bs []T) {
		if len(as) == 1 && len(bs) == 1 {
			all = append(all, pair[T]{as[0], bs[0]})
			return
		}
		for _, a := range as {
			all = append(all, pair[T]{a, none})
		}
		for _, b := range bs {
			all = append(all, pair[T]{none, b})
		}
	}
	i, j := 0, 0
	for _, m := range common(len(as), len(bs), func(i, j int) bool { return name(as[i]) == name(bs[j]) }) {
		gap(as[i:m[0]], bs[j:m[1]])
		all = append(all, pair[T]{as[m[0]], bs[m[1]]})
		i, j = m[0]+1, m[1]+1
	}
	gap(as[i:], bs[j:])
	return all
}
