package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/pawlhq/pawl"
)

type cancelCommand struct {
	IDs []string `arg:"" name:"id" help:"Ids of runs, which are cancelled whole, and of tasks, with all that is below them."`
	Yes bool     `short:"y" help:"Cancel however many tasks that are."`
	storeFlag
	outputFlag
}

// Help adds to the command's help.
func (*cancelCommand) Help() string {
	return `What waits is cancelled at once; what runs is asked to stop, which ends its handler's context. What follows a cancelled task in its flow
is never added. pawl dead retry ID makes a cancelled task pending again.`
}

// manyTasks is how many tasks are cancelled without asking.
const manyTasks = 50

// Run implements a command of kong.
func (c *cancelCommand) Run(ctx context.Context, t *terminal, open opener) error {
	var ids []pawl.ID
	for _, text := range c.IDs {
		id, err := idFlag("ID", text)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	client, err := c.client(ctx, open)
	if err != nil {
		return err
	}
	all := &cancelling{client: client}
	for _, id := range ids {
		if err := all.look(ctx, id); err != nil {
			return err
		}
	}
	if all.tasks > manyTasks && !c.Yes {
		return usagef("this would cancel %s; add --yes to do it", plural(all.tasks, "task"))
	}
	changed := changes{client: client, done: "cancelled", json: c.json(), refused: all.refused}
	for _, f := range all.filters {
		ids, err := client.Cancel(ctx, f)
		if err != nil {
			return errors.Join(changed.tell(t), err)
		}
		changed.changed = append(changed.changed, ids...)
	}
	return changed.tell(t)
}

// cancelling is what is to be cancelled.
type cancelling struct {
	client  *pawl.Client
	filters []pawl.Filter
	tasks   int // how many have not ended
	refused []refusal
}

var goingOn = []pawl.State{pawl.Blocked, pawl.Scheduled, pawl.Pending, pawl.Running}

// look finds out what an id names.
func (c *cancelling) look(ctx context.Context, id pawl.ID) error {
	task, err := c.client.Get(ctx, id)
	whole := err == nil && task.Run == id
	if errors.Is(err, pawl.ErrNotFound) {
		whole = true // a run may have lost its first task
	} else if err != nil {
		return err
	}
	f := pawl.Filter{IDs: []pawl.ID{id}, States: goingOn}
	run := id
	if whole {
		f = pawl.Filter{Run: id, States: goingOn}
	} else {
		run = task.Run
	}
	rows, err := c.client.List(ctx, pawl.Filter{Run: run, Bare: true})
	if err != nil {
		return err
	}
	below, open := pawl.Below(rows, id), 0
	for _, r := range rows {
		if !r.State.Ended() && (whole || r.ID == id || below[r.ID]) {
			open++
		}
	}
	switch {
	case len(rows) == 0:
		c.refused = append(c.refused, refusal{id, "there is no such run or task"})
	case open == 0 && whole:
		c.refused = append(c.refused, refusal{id, "the run has ended"})
	case open == 0 || !whole && task.State.Ended():
		c.refused = append(c.refused, refusal{id, fmt.Sprintf("it is %s; want one that has not ended", task.State)})
	default:
		c.filters, c.tasks = append(c.filters, f), c.tasks+open
	}
	return nil
}
