package pawl

import (
	"context"
	"fmt"
)

// Run is one execution of a flow or of a single operation. One that a handler adds is
// a branch of the handler's own run.
type Run[Out any] struct {
	ID ID      // the id of its first task
	As AddedAs // whether it is new, or another one that is identical

	client *Client
}

// Wait returns the run's result once it has ended. A run that has a dead
// letter gives a [DeadError], a cancelled one ErrCancelled. It returns ctx.Err()
// if ctx ends first; the run itself goes on. Deadlines are kept by workers: while
// none works on the store, Wait does not see one pass.
//
// A handler that waits gives up its place at the worker, and what its claim
// reserved for a call, so that parents who wait cannot keep their children out. If it
// takes longer than Config.Patience, Wait returns [ErrParked]: return it, and the
// task waits on without a worker; the handler is run again when the run has ended. A
// handler that returns the failure of a run fails for good, until both are retried.
func (r *Run[Out]) Wait(ctx context.Context) (Out, error) {
	lines, err := r.client.wait(ctx, []ID{r.ID})
	if err != nil {
		var none Out
		return none, err
	}
	return decodeLine[Out](ctx, r.client, &lines[0])
}

// RunOf returns the run named by id, as Add returned it, to wait for it from
// another process or at a later time. Out must be what the run's last operation
// returns.
func RunOf[Out any](c *Client, id ID) *Run[Out] { return &Run[Out]{ID: id, client: c} }

func addOne[Out any](ctx context.Context, c *Client, plan []node, in any, opts []Option) (*Run[Out], error) {
	if a, err := attemptFrom(ctx); err == nil && a.client == c {
		runs, err := addChildren[any, Out](ctx, a, plan, []any{in}, opts)
		if err != nil {
			return nil, err
		}
		return runs[0], runs[0].rejected(plan)
	}
	var task NewTask
	a, err := newAddition(&task.Row, plan, opts)
	if err != nil {
		return nil, err
	}
	if _, err := a.task(&task, in, nil); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	added, err := c.addOne(ctx, &task)
	if err != nil {
		return nil, fmt.Errorf("add %s: %w", task.Row.Operation, err)
	}
	run := &Run[Out]{added.ID, added.As, c}
	return run, run.rejected(plan)
}

// rejected returns the error of a run that was not added.
func (r *Run[Out]) rejected(plan []node) error {
	if r.As != AsRejected {
		return nil
	}
	return fmt.Errorf("add %s: %s: %w", plan[0].Name, r.ID, ErrDuplicate)
}

func addMany[In, Out any](ctx context.Context, c *Client, plan []node, ins []In, opts []Option) ([]*Run[Out], error) {
	if a, err := attemptFrom(ctx); err == nil && a.client == c {
		return addChildren[In, Out](ctx, a, plan, ins, opts)
	}
	_, tasks, err := newTasks(plan, ins, opts)
	if err != nil || len(tasks) == 0 {
		return []*Run[Out]{}, err
	}
	added, err := c.addAll(ctx, tasks)
	if err != nil {
		return nil, err
	}
	return runsOf[Out](c, added), nil
}

func (c *Client) addAll(ctx context.Context, tasks []NewTask) ([]Added, error) {
	added, err := c.store.Add(ctx, c.now, tasks)
	if err != nil {
		return nil, fmt.Errorf("add %d tasks of %s: %w", len(tasks), tasks[0].Row.Operation, err)
	}
	return added, nil
}

func runsOf[Out any](c *Client, added []Added) []*Run[Out] {
	runs := make([]*Run[Out], len(added))
	all := make([]Run[Out], len(added))
	for i, a := range added {
		all[i] = Run[Out]{a.ID, a.As, c}
		runs[i] = &all[i]
	}
	return runs
}

// addChildren adds tasks that a handler adds.
func addChildren[In, Out any](ctx context.Context, a *attempt, plan []node, ins []In, opts []Option) ([]*Run[Out], error) {
	of, tasks, err := newTasks(plan, ins, a.inherited(opts))
	if err != nil || len(tasks) == 0 {
		return []*Run[Out]{}, err
	}
	adds := make([]childAdd, len(tasks))
	for i := range tasks {
		if adds[i], err = a.child(&tasks[i], of.spec.Version, of.key); err != nil {
			return nil, err
		}
	}
	added, err := a.addChildren(ctx, adds)
	if err != nil {
		return nil, err
	}
	return runsOf[Out](a.client, added), nil
}
