package pawl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/pawlhq/pawl/limit"
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
	if _, err := newTask(&task, plan, in, opts, nil); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	added, err := c.addition(ctx, &task)
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
	tasks, err := newTasks(plan, ins, opts)
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
	opts = a.inherited(opts)
	tasks, err := newTasks(plan, ins, opts)
	if err != nil || len(tasks) == 0 {
		return []*Run[Out]{}, err
	}
	of := addition{row: &TaskRow{}, spec: plan[0].spec}
	for _, o := range opts {
		o.apply(&of)
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

// encodeShare is how many tasks are worth a goroutine of their own to encode
// and hash them.
const encodeShare = 128

// newTasks returns the first tasks of runs of a plan, in the order of ins.
func newTasks[In any](plan []node, ins []In, opts []Option) ([]NewTask, error) {
	tasks := make([]NewTask, len(ins))
	share := max(encodeShare, (len(ins)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var shares sync.WaitGroup
	errs := make([]error, len(ins)/share+1)
	for i := 0; i < len(ins); i += share {
		end := min(i+share, len(ins))
		encode := func() {
			var buf []byte
			for j := i; j < end; j++ {
				var err error
				if buf, err = newTask(&tasks[j], plan, ins[j], opts, buf); err != nil {
					errs[i/share] = fmt.Errorf("input %d: %w", j, err)
					return
				}
			}
		}
		if end < len(ins) {
			shares.Go(encode)
		} else {
			encode()
		}
	}
	shares.Wait()
	return tasks, errors.Join(errs...)
}

// newTask makes task the first one of a plan; buf is scratch space, returned for
// the next call.
func newTask(task *NewTask, plan []node, in any, opts []Option, buf []byte) ([]byte, error) {
	if len(plan) == 0 {
		return buf, errors.New("pawl: the flow is empty; make it with Then, Each, All, Choose or Try")
	}
	a := addition{row: &task.Row, spec: plan[0].spec}
	for _, o := range opts {
		o.apply(&a)
	}
	if err := a.validate(plan); err != nil {
		return buf, err
	}
	if err := a.fill(plan, in); err != nil {
		return buf, err
	}
	task.Delay, task.Duplicates, task.Reuse = a.delay, a.spec.Duplicates, a.spec.Reuse
	if err := a.converse(task); err != nil || task.Duplicates == Keep {
		return buf, err
	}
	var err error
	if task.Row.Identity, buf, err = identity(a.row, a.spec.Version, a.key, buf); err != nil {
		return buf, fmt.Errorf("pawl: operation %s: %w", a.spec.Name, err)
	}
	return buf, nil
}

func (a *addition) validate(plan []node) error {
	if err := defect(plan); err != nil {
		return err
	}
	if a.delay < 0 {
		return fmt.Errorf("pawl: operation %s: Delay is %v; want 0 or more", a.spec.Name, a.delay)
	}
	if a.spec.Attempts < 1 {
		return fmt.Errorf("pawl: operation %s: Attempts is %d; want 1 or more", a.spec.Name, a.spec.Attempts)
	}
	if a.spec.Queue == "" || a.spec.Limit == "" {
		return fmt.Errorf("pawl: operation %s: Queue is %q and Limit is %q; want names", a.spec.Name, a.spec.Queue, a.spec.Limit)
	}
	for _, n := range []struct{ field, name string }{{"User", a.row.User}, {"Queue", a.spec.Queue}, {"Limit", a.spec.Limit}, {"Key", a.key}} {
		if !isText(n.name) {
			return fmt.Errorf("pawl: operation %s: %s is %q; want UTF-8 without zero bytes", a.spec.Name, n.field, n.name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.row.Data)) {
		if !json.Valid(a.row.Data[name]) {
			return fmt.Errorf("pawl: operation %s: Data[%q] is not JSON", a.spec.Name, name)
		}
	}
	if err := a.spec.validate(); err != nil {
		return err
	}
	return validate(plan)
}

// fill sets the row from the operation, the input and what follows.
func (a *addition) fill(plan []node, in any) error {
	s := a.spec
	input, err := marshal(in)
	if err != nil {
		return fmt.Errorf("pawl: input of %s: %w", s.Name, err)
	}
	a.row.ID = NewID()
	a.row.Run = a.row.ID
	a.row.Input = input
	a.row.Size = limit.Size{Chars: len(input)}
	first := plan[0]
	first.spec = s
	if first.isOwn() {
		first.Limit = NoLimit
	}
	a.row.place(append([]Stage{first.stage()}, stages(plan[1:])...))
	return nil
}

// converse gives the task the conversation that it starts from.
func (a *addition) converse(task *NewTask) error {
	nodes, head, err := appendNodes(Hash{}, a.messages)
	if err != nil {
		return fmt.Errorf("pawl: operation %s: %w", a.spec.Name, err)
	}
	if len(nodes) == 0 {
		return nil
	}
	task.Nodes, task.Row.Conversation = nodes, head
	for _, n := range nodes {
		task.Row.Size.Chars += len(n.Message.JSON())
	}
	return nil
}
