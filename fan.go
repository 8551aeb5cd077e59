package pawl

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
)

// maxBranches is how many branches one task may have: they are added in one
// transaction.
const maxBranches = 100_000

// castagnoli tells inputs apart at the speed of memory.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// fans returns the handlers of the queue's own operations.
func fans() map[string]*handler {
	own := map[string]*handler{}
	for _, name := range []string{opEach, opAll, opTry} {
		own[name] = &handler{
			spec: Operation[any, any]{Name: name, Limit: NoLimit}.spec(),
			prepare: func(a *attempt) (work, error) {
				return func(ctx context.Context) (any, error) { return a.fan(ctx) }, nil
			},
		}
	}
	return own
}

// branch is one of those that a task has.
type branch struct {
	key    string
	stages []Stage
	input  json.RawMessage
}

// lengths returns how many tasks each branch has, one after the other; nil if that is
// not known of all of them: where a stage chooses, its answer says what follows.
func lengths(all []branch) []int {
	known := make([]int, len(all))
	for i := range all {
		if slices.ContainsFunc(all[i].stages, func(s Stage) bool { return len(s.Choose) > 0 }) {
			return nil
		}
		known[i] = len(all[i].stages)
	}
	return known
}

// fan is the handler of a task that has branches and puts their outputs together. It
// runs at least twice: first it adds the branches and waits for them, at the end it
// reads what they returned. In between it does nothing: see [Links].
func (a *attempt) fan(ctx context.Context) (any, error) {
	stage := &a.row.Next[0]
	all, prefix, err := a.fanOut(stage)
	if err != nil {
		return nil, Permanent(err)
	}
	firsts := make([]ID, len(all))
	for i := range all {
		firsts[i] = ChildID(a.row.ID, all[i].key)
	}
	tails := make([]tail, len(all))
	if a.row.Attempt > 1 || a.row.Links != nil && a.row.Links.Origin != nil {
		known := lengths(all)
		if tails, err = insist(ctx, func(ctx context.Context) ([]tail, error) { return a.client.tails(ctx, firsts, known) }); err != nil {
			return nil, err
		}
	}
	strict := stage.Try == nil && (stage.Each == nil || !stage.Each.BestEffort)
	park := Park{Branches: firsts, Prefix: prefix, All: strict}
	if stage.Each != nil {
		park.AtOnce = stage.Each.AtOnce
	}
	open := false
	var failed *TaskRow
	var follow []NewTask
	for i, t := range tails {
		switch {
		case t.cut:
			return nil, Permanent(fmt.Errorf("what follows %s was removed; retry with an input to begin anew: %w", t.ID, ErrNotFound))
		case t.TaskRow == nil:
			follow = append(follow, a.branch(&all[i], !strict, park.AtOnce > 0))
		case !t.State.Ended():
			open = true
		case t.State != Succeeded && strict && a.row.Caught():
			failed = cmp.Or(failed, t.TaskRow)
		case t.State != Succeeded && strict:
			open = true // until somebody retries it
		}
	}
	if failed != nil {
		return nil, a.giveUp(ctx, failed, tails)
	}
	if open || len(follow) > 0 {
		return nil, a.park(park, follow, 0, fmt.Sprintf("waits for %d branches", len(all)))
	}
	return gather(stage, tails)
}

// giveUp returns the failure of a task that cannot do without a branch that failed.
// Branches that have not started would do so for nothing, and are cancelled.
func (a *attempt) giveUp(ctx context.Context, failed *TaskRow, tails []tail) error {
	var ids []ID
	for _, t := range tails {
		if t.TaskRow != nil && t.IsInLine() {
			ids = append(ids, t.ID)
		}
	}
	for part := range slices.Chunk(ids, listMost) {
		_, err := insist(ctx, func(ctx context.Context) ([]ID, error) {
			return a.client.store.Change(ctx, a.client.now, Filter{IDs: part}, Change{Do: Cancel})
		})
		if err != nil {
			return err
		}
	}
	return broken(failed)
}

// branchPrefix returns what the keys of the branches for an input begin with. Those for
// another input are others, so that a task that gets a new one does not take the results
// of the old one for its own.
func branchPrefix(input json.RawMessage) string {
	return fmt.Sprintf("%08x.", crc32.Checksum(input, castagnoli))
}

// fanOut returns the branches of a stage, and what their keys begin with.
func (a *attempt) fanOut(s *Stage) (all []branch, prefix string, err error) {
	prefix = branchPrefix(a.row.Input)
	switch {
	case s.Try != nil:
		return []branch{{prefix + "try", s.Try, a.row.Input}}, prefix, nil
	case s.Each == nil:
		for _, b := range s.All {
			all = append(all, branch{prefix + b.Name, b.Stages, a.row.Input})
		}
		return all, prefix, nil
	}
	list, err := elements(a.row.Input)
	if err != nil {
		return nil, "", fmt.Errorf("input of %s: %w", s.Operation, err)
	}
	if len(list) > maxBranches {
		return nil, "", fmt.Errorf("input of %s has %d elements; at most %d are allowed", s.Operation, len(list), maxBranches)
	}
	all = make([]branch, len(list))
	for i, e := range list {
		all[i] = branch{prefix + strconv.Itoa(i), s.Each.Stages, e}
	}
	return all, prefix, nil
}

// branch returns the first task of a branch of the attempt's task.
func (a *attempt) branch(b *branch, caught, inLine bool) NewTask {
	r := a.row
	task := NewTask{Duplicates: Keep, InLine: inLine, Row: TaskRow{
		ID: ChildID(r.ID, b.key), Run: r.Run, User: r.User, Deadline: r.Deadline,
		Input: b.input, Conversation: r.Conversation, Data: r.Data,
		Links: &Links{Parent: r.ID, Key: b.key, Caught: caught || r.Caught(), Forked: r.Links != nil && r.Links.Forked, Variant: r.heritage()},
	}}
	task.Row.Size.Chars = max(r.Size.Chars-len(r.Input), 0) + len(b.input)
	task.Row.place(&b.stages[0], b.stages[1:])
	return task
}

// gather puts the outputs of branches together, which have all ended.
func gather(s *Stage, tails []tail) (json.RawMessage, error) {
	if s.Try != nil {
		return outcomeOfTry(tails[0].TaskRow)
	}
	var out bytes.Buffer
	out.WriteByte("[{"[min(len(s.All), 1)])
	for i, t := range tails {
		if i > 0 {
			out.WriteByte(',')
		}
		value := t.Output
		var err error
		switch {
		case s.Each == nil:
			var name json.RawMessage
			name, err = marshal(s.All[i].Name)
			out.Write(append(name, ':'))
		case s.Each.BestEffort:
			value, err = outcomeOfTry(t.TaskRow)
		}
		if err != nil {
			return nil, err
		}
		out.Write(value)
	}
	out.WriteByte("]}"[min(len(s.All), 1)])
	return out.Bytes(), nil
}

// outcomeOfTry returns what became of a part that was tried, as a Result.
func outcomeOfTry(t *TaskRow) (json.RawMessage, error) {
	if t.State == Succeeded {
		return marshal(Result[json.RawMessage]{Value: t.Output})
	}
	last := t.LastAttempt()
	f := &Failure{Task: t.ID, Class: last.Class, Message: last.Message}
	if t.State == Cancelled {
		f.Class, f.Message = Stopped, ErrCancelled.Error()
	}
	return marshal(Result[*struct{}]{Failure: f})
}

// broken is the failure of a task that cannot do without one that failed.
func broken(t *TaskRow) error { return &verdict{err: endError(t), class: Broken} }

// endError returns why a task that has ended has no output; nil if it has.
func endError(t *TaskRow) error {
	switch t.State {
	case Dead:
		return &DeadError{t}
	case Cancelled:
		return fmt.Errorf("%s: %w", t.ID, ErrCancelled)
	}
	return nil
}
