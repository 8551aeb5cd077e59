package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/pawlhq/pawl"
)

// changes applies a change to dead letters.
type changes struct {
	client *pawl.Client
	do     func(context.Context, pawl.Filter) ([]pawl.ID, error)
	done   string // what the tasks are afterwards, for people
	most   int    // tasks to change; 0 for no bound
	json   bool

	changed []pawl.ID
	refused []refusal
}

// refusal is a task that was not changed.
type refusal struct {
	ID     pawl.ID `json:"id"`
	Reason string  `json:"reason"`
}

// changeMost is how many tasks are changed at a time.
const changeMost = 500

// run changes the tasks that are named, or else those that the filters select, and
// says what came of it.
func (p pick) run(ctx context.Context, t *terminal, c *changes, ids []pawl.ID) error {
	err := c.named(ctx, ids)
	if len(ids) == 0 {
		filter, bad := p.filter()
		if bad != nil {
			return bad
		}
		err = c.selected(ctx, filter)
	}
	return errors.Join(c.tell(t), err)
}

// named changes tasks one by one, and keeps why one could not be.
func (c *changes) named(ctx context.Context, ids []pawl.ID) error {
	for _, id := range ids {
		changed, err := c.do(ctx, pawl.Filter{IDs: []pawl.ID{id}, States: []pawl.State{pawl.Dead, pawl.Cancelled}})
		if err != nil {
			return err
		}
		c.changed = append(c.changed, changed...)
		if len(changed) > 0 {
			continue
		}
		reason := "there is no such task"
		if row, err := c.client.Get(ctx, id); err == nil {
			reason = fmt.Sprintf("it is %s; want one that is dead or cancelled", row.State)
		} else if !errors.Is(err, pawl.ErrNotFound) {
			return err
		}
		c.refused = append(c.refused, refusal{id, reason})
	}
	return nil
}

// selected changes what a filter selects, each task once: one that is run again
// and dies meanwhile is left alone.
func (c *changes) selected(ctx context.Context, f pawl.Filter) error {
	f.Bare = true
	for {
		if f.Max = changeMost; c.most > 0 {
			f.Max = min(f.Max, c.most-len(c.changed))
		}
		if f.Max == 0 {
			return nil
		}
		rows, err := c.client.List(ctx, f)
		if err != nil || len(rows) == 0 {
			return err
		}
		ids := make([]pawl.ID, len(rows))
		for i, r := range rows {
			ids[i] = r.ID
		}
		changed, err := c.do(ctx, pawl.Filter{IDs: ids, States: f.States})
		if err != nil {
			return err
		}
		c.changed = append(c.changed, changed...)
		f.After = ids[len(ids)-1]
	}
}

// tell says what was changed and what was not, which is a failure.
func (c *changes) tell(t *terminal) error {
	if c.json {
		err := printJSON(t.out, struct {
			Changed []pawl.ID `json:"changed"`
			Refused []refusal `json:"refused"`
		}{list(c.changed), list(c.refused)})
		if err != nil {
			return err
		}
	} else {
		fmt.Fprintf(t.out, "%s %s\n", plural(len(c.changed), "task"), c.done)
	}
	var problems []error
	for _, r := range c.refused {
		problems = append(problems, fmt.Errorf("%s: %s", r.ID, r.Reason))
	}
	return errors.Join(problems...)
}
