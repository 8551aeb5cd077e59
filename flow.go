package pawl

import "context"

// Part is what flows are made of: an [Operation] or another [Flow]. Only this
// package's types implement it.
type Part[In, Out any] interface {
	plan() []spec
	types(In) Out // never called: it lets the compiler match the parts
}

// Flow is operations put together, from In to Out. Its first task is added by
// Add; each following one in the transaction that records the success of the
// one before, with that one's output as its input, and with its conversation and
// data.
type Flow[In, Out any] struct{ specs []spec }

// Then returns the flow that runs first, and next with what first returned. An
// output that does not fit the next input does not compile.
func Then[A, B, C any](first Part[A, B], next Part[B, C]) Flow[A, C] {
	return Flow[A, C]{append(append([]spec{}, first.plan()...), next.plan()...)}
}

// Add stores the first task of a run of the flow; see [Operation.Add]. Options
// of the queue, limit and priority are those of the first task; the user, the
// deadline, the conversation and the data go along.
func (f Flow[In, Out]) Add(ctx context.Context, c *Client, in In, opts ...Option) (*Run[Out], error) {
	return addOne[Out](ctx, c, f.plan(), in, opts)
}

// AddMany stores the first tasks of runs, one for each input; see
// [Operation.AddMany].
func (f Flow[In, Out]) AddMany(ctx context.Context, c *Client, ins []In, opts ...Option) ([]*Run[Out], error) {
	return addMany[In, Out](ctx, c, f.plan(), ins, opts)
}

func (f Flow[In, Out]) plan() []spec     { return f.specs }
func (f Flow[In, Out]) types(In) (_ Out) { return }

// follow returns the task that comes after row in its flow, given row's output
// and the conversation that its handler left. ok is false at the flow's end.
func follow(row *TaskRow, output []byte, head Hash, chars int, data Data) (next NewTask, ok bool) {
	if len(row.Next) == 0 {
		return NewTask{}, false
	}
	stage := row.Next[0]
	next = NewTask{Duplicates: Keep, Row: TaskRow{
		ID: NewID(), Run: row.Run, User: row.User, Deadline: row.Deadline,
		Operation: stage.Operation, Queue: stage.Queue, Limit: stage.Limit, Priority: stage.Priority,
		MaxAttempts: stage.MaxAttempts, Next: row.Next[1:],
		Input: output, Conversation: head, Data: data,
	}}
	next.Row.Size.Chars = chars + len(output)
	next.Row.Size.Output = stage.Tokens
	return next, true
}
