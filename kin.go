package pawl

import "context"

// spread applies a change to what goes with changed tasks, and to what goes with that
// in turn. It returns the ids of these.
func (c *Client) spread(ctx context.Context, changed []ID, change Change, with func(context.Context, []*TaskRow) ([]ID, error)) ([]ID, error) {
	var all []ID
	for len(changed) > 0 {
		rows, err := c.byID(ctx, changed)
		if err != nil {
			return all, err
		}
		list := make([]*TaskRow, 0, len(rows))
		for _, r := range rows {
			list = append(list, r)
		}
		ids, err := with(ctx, list)
		if err != nil || len(ids) == 0 {
			return all, err
		}
		if changed, err = c.store.Change(ctx, c.now, Filter{IDs: ids}, change); err != nil {
			return all, err
		}
		all = append(all, changed...)
	}
	return all, nil
}

// unfinishedBelow returns the tasks of the branches of rows that have not ended. What
// never ran has no branches.
func (c *Client) unfinishedBelow(ctx context.Context, rows []*TaskRow) ([]ID, error) {
	return c.below(ctx, rows, []State{Blocked, Scheduled, Pending, Running}, func(r *TaskRow) bool { return r.Attempt > 0 })
}

// brokenWith returns what failed together with rows: the dead tasks above that died of
// them, and the failures in the branches of those that died of these.
func (c *Client) brokenWith(ctx context.Context, rows []*TaskRow) ([]ID, error) {
	ids, err := c.below(ctx, rows, []State{Dead, Cancelled}, func(r *TaskRow) bool { return r.LastAttempt().Class == Broken })
	if err != nil {
		return nil, err
	}
	var above []ID
	for _, r := range rows {
		if p := r.Parent(); !p.IsZero() {
			above = append(above, p)
		}
	}
	parents, err := c.byID(ctx, above)
	if err != nil {
		return nil, err
	}
	for id, p := range parents {
		if p.State == Dead && p.LastAttempt().Class == Broken {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// below returns the tasks in some states in the branches of those rows that are wanted.
func (c *Client) below(ctx context.Context, rows []*TaskRow, states []State, want func(*TaskRow) bool) ([]ID, error) {
	parents := map[ID]bool{}
	runs := map[ID]bool{}
	for _, r := range rows {
		if want(r) {
			parents[r.ID], runs[r.Run] = true, true
		}
	}
	var ids []ID
	for run := range runs {
		tasks, err := c.store.List(ctx, c.now, Filter{Run: run, States: states})
		if err != nil {
			return nil, err
		}
		for _, t := range tasks {
			if parents[t.Parent()] {
				ids = append(ids, t.ID)
			}
		}
	}
	return ids, nil
}
