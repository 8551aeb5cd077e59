package pawl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Part is what flows are made of: an [Operation] or another [Flow]. Only this
// package's types implement it.
type Part[In, Out any] interface {
	plan() []node
	types(In) Out // never called: it lets the compiler match the parts
}

// Flow is operations put together, from In to Out: by [Then], [Each], [All],
// [Choose], [Try] and [Fallback], in each other as needed. Its first task is added by
// Add; each following one in the transaction that records the success of the one
// before, with that one's output as its input, and with its conversation and data.
type Flow[In, Out any] struct{ nodes []node }

// Then returns the flow that runs first, and next with what first returned. An
// output that does not fit the next input does not compile.
func Then[A, B, C any](first Part[A, B], next Part[B, C]) Flow[A, C] {
	nodes := append([]node{}, first.plan()...)
	if len(nodes) == 0 || len(next.plan()) == 0 {
		return Flow[A, C]{[]node{{err: errors.New("pawl: Then has an empty flow; make it with Then, Each, All, Choose or Try")}}}
	}
	return Flow[A, C]{append(nodes, next.plan()...)}
}

// Add stores the first task of a run of the flow; see [Operation.Add]. Options
// of the queue, limit and priority are those of the first task (that of an [Each],
// [All] or [Try] makes no calls, so a Limit changes nothing there); the user, the
// deadline, the conversation and the data go along.
func (f Flow[In, Out]) Add(ctx context.Context, c *Client, in In, opts ...Option) (*Run[Out], error) {
	return addOne[Out](ctx, c, f.plan(), in, opts)
}

// AddMany stores the first tasks of runs, one for each input; see
// [Operation.AddMany].
func (f Flow[In, Out]) AddMany(ctx context.Context, c *Client, ins []In, opts ...Option) ([]*Run[Out], error) {
	return addMany[In, Out](ctx, c, f.plan(), ins, opts)
}

// Stages returns the flow as data, to draw it.
func (f Flow[In, Out]) Stages() []Stage { return stages(f.nodes) }

func (f Flow[In, Out]) plan() []node     { return f.nodes }
func (f Flow[In, Out]) types(In) (_ Out) { return }

// follow returns the task that comes after row in its line, given row's output and
// the conversation that its handler left. ok is false at the line's end.
func follow(row *TaskRow, output json.RawMessage, head Hash, chars int, data Data) (next NewTask, ok bool, err error) {
	stages, input := row.Next, output
	if len(stages) > 0 && stages[0].Here {
		chosen, err := choose(&stages[0], output)
		if err != nil {
			return NewTask{}, false, err
		}
		if chosen != nil {
			input = row.Input
		}
		stages = append(slices.Clip(chosen), stages[1:]...)
	}
	if len(stages) == 0 {
		return NewTask{}, false, nil
	}
	next = NewTask{Duplicates: Keep, Row: TaskRow{
		ID: FollowID(row.ID), Run: row.Run, User: row.User, Deadline: row.Deadline,
		Input: input, Conversation: head, Data: data,
	}}
	if l := row.Links; l != nil && (!l.Parent.IsZero() || l.Forked) {
		next.Row.Links = &Links{Parent: l.Parent, Key: l.Key, Caught: l.Caught, Forked: l.Forked, Variant: row.heritage()}
	}
	next.Row.Size.Chars = chars + len(input)
	next.Row.place(&stages[0], stages[1:])
	return next, true, nil
}

// choose returns what goes on after a stage that chooses, nil if it does not choose.
func choose(s *Stage, output json.RawMessage) ([]Stage, error) {
	if len(s.Choose) == 0 {
		return nil, nil
	}
	var name string
	if err := json.Unmarshal(output, &name); err != nil {
		return nil, Permanent(fmt.Errorf("choice of %s: %w", s.Operation, err))
	}
	var names []string
	for _, b := range s.Choose {
		if b.Name == name || b.Name == otherwise {
			return b.Stages, nil
		}
		names = append(names, fmt.Sprintf("%q", b.Name))
	}
	return nil, Permanent(fmt.Errorf("choice of %s is %q; want one of %s", s.Operation, name, list(names)))
}
