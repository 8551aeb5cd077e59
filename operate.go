package pawl

import (
	"context"
	"errors"
	"fmt"

	"github.com/pawlhq/pawl/limit"
)

// Get returns a task with its steps and attempts, or ErrNotFound.
func (c *Client) Get(ctx context.Context, id ID) (*TaskRow, error) {
	rows, err := c.store.List(ctx, c.now, Filter{IDs: []ID{id}, Steps: true})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	return rows[0], c.mend(ctx, rows)
}

// List returns the tasks that f selects, oldest first. For a page after
// another, set f.After to the last task's ID.
func (c *Client) List(ctx context.Context, f Filter) ([]*TaskRow, error) {
	rows, err := c.store.List(ctx, c.now, f)
	if err != nil {
		return nil, err
	}
	return rows, c.mend(ctx, rows)
}

// Groups returns the dead letters that f selects by the fingerprint and class of
// their errors, the largest group first.
func (c *Client) Groups(ctx context.Context, f Filter) ([]Group, error) {
	return c.store.Groups(ctx, c.now, f)
}

// Cancel cancels the tasks that f selects and that have not ended, with their
// branches, and returns their ids. Those that run are asked to stop: their handlers'
// contexts end. What follows a cancelled task in a flow is never added, so the
// Filter of a run cancels what is left of it.
func (c *Client) Cancel(ctx context.Context, f Filter) ([]ID, error) {
	changed, err := c.store.Change(ctx, c.now, f, Change{Do: Cancel})
	if err != nil {
		return nil, err
	}
	more, err := c.cancelBelow(ctx, changed)
	return append(changed, more...), err
}

// Retry makes the dead and cancelled tasks that f selects pending again, in
// their old places and with all their attempts, and returns their ids. Their
// stored steps are kept: nothing that was answered is asked again. A deadline is
// dropped. An element of a list that bounds how many are worked on ([AtOnce]) is blocked
// until it is its turn; where the list has been cancelled, until that is retried too.
//
// A task that died because one of its branches did ([Broken]) and that branch are
// retried together, whichever of them f selects: so the run goes on from there. What a
// list had for an input that it has no longer, after RetryWith, is not retried.
func (c *Client) Retry(ctx context.Context, f Filter) ([]ID, error) {
	return c.retry(ctx, f)
}

// RetryWith makes one dead or cancelled task pending again with another input.
// Its stored steps are dropped, and it is nobody's duplicate. It returns
// ErrNotFound if no such task is dead or cancelled.
//
// What is above it goes on as after Retry. If it is the task of an [Each], [All] or [Try],
// what it had under way for the old input is cancelled, and failures there are nothing to
// the run any more; with the input that it has, what failed there is retried.
func (c *Client) RetryWith(ctx context.Context, id ID, input any) error {
	encoded, err := marshal(input)
	if err != nil {
		return fmt.Errorf("pawl: input for %s: %w", id, err)
	}
	if err := c.retryWith(ctx, id, encoded); err != nil {
		return fmt.Errorf("retry %s: %w", id, err)
	}
	return nil
}

// Delete removes the tasks that f selects and that have ended, and returns
// their ids.
func (c *Client) Delete(ctx context.Context, f Filter) ([]ID, error) {
	return c.store.Change(ctx, c.now, f, Change{Do: Delete})
}

// Pause stops a queue: tasks can be added, and none is started until Resume.
// Those that run go on.
func (c *Client) Pause(ctx context.Context, queue string) error {
	return c.store.Configure(ctx, c.now, []Setting{{Queue: queue, Pause: true}})
}

// Resume ends the pause of a queue.
func (c *Client) Resume(ctx context.Context, queue string) error {
	return c.store.Configure(ctx, c.now, []Setting{{Queue: queue}})
}

// SetLimit replaces the configuration of a limit for all workers at once. A worker
// that starts with the limit in its [Config].Limits replaces it again.
func (c *Client) SetLimit(ctx context.Context, name string, config limit.Config) error {
	return c.store.Configure(ctx, c.now, []Setting{{Limit: name, Config: &config}})
}

// ChangeLimit changes parts of the configuration of a limit for all workers at
// once, and returns what it was and what it is. It calls change with what is in
// force, the zero Config for a limit that is new, and again if somebody else changes
// that meanwhile, so that no change is lost. An error of change is returned as it
// is, and nothing is changed. A worker that starts with the limit in its
// [Config].Limits replaces all of it.
func (c *Client) ChangeLimit(ctx context.Context, name string, change func(*limit.Config) error) (was, is limit.Config, err error) {
	for {
		status, err := c.store.Status(ctx, c.now)
		if err != nil {
			return was, is, err
		}
		was = status.limit(name).Config
		is = was
		if err := change(&is); err != nil {
			return was, was, err
		}
		set := Setting{Limit: name, Config: &is, Was: &was}
		if err := c.store.Configure(ctx, c.now, []Setting{set}); !errors.Is(err, ErrConflict) {
			return was, is, err
		}
	}
}

// limit returns the state of a limit, of one that is new if nobody knows it.
func (s *Status) limit(name string) LimitStatus {
	for _, l := range s.Limits {
		if l.Name == name {
			return l
		}
	}
	return LimitStatus{Name: name}
}

// HoldLimit stops a limit until ResumeLimit; its tasks wait and nothing fails.
func (c *Client) HoldLimit(ctx context.Context, name, reason string) error {
	if reason == "" {
		return fmt.Errorf("pawl: hold limit %s: the reason is empty; say why", name)
	}
	return c.store.Configure(ctx, c.now, []Setting{{Limit: name, Hold: reason}})
}

// ResumeLimit ends a limit's hold, whoever began it, and a pause. After a pause
// one call goes first to try.
func (c *Client) ResumeLimit(ctx context.Context, name string) error {
	return c.store.Configure(ctx, c.now, []Setting{{Limit: name, Resume: true}})
}

// Status returns the queues with their tasks by state, the limits, and the workers
// that are alive.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return c.store.Status(ctx, c.now)
}
