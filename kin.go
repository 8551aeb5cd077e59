package pawl

import (
	"context"
	"maps"
	"slices"

	"github.com/pawlhq/pawl/llm"
)

// retry retries the tasks that f selects, and what failed together with them. What is
// below comes first: a task that ran again before what it waits for would break again.
func (c *Client) retry(ctx context.Context, f Filter, change Change) ([]ID, error) {
	var all []ID
	if change.Input == nil { // else what is below did the work of the old input
		var err error
		if all, err = c.retryBelow(ctx, f); err != nil {
			return nil, err
		}
	}
	changed, err := c.store.Change(ctx, c.now, f, change)
	if err != nil {
		return nil, err
	}
	all = append(all, changed...)
	with := c.brokenWith
	if change.Input != nil {
		with = c.brokenAbove
	}
	more, err := c.spread(ctx, changed, Change{Do: Retry}, with)
	return append(all, more...), err
}

// retryBelow retries what the tasks died of that f selects, or what ended with them,
// the lowest first.
func (c *Client) retryBelow(ctx context.Context, f Filter) ([]ID, error) {
	rows, err := c.givenUp(ctx, f)
	if err != nil {
		return nil, err
	}
	var levels [][]ID
	for len(rows) > 0 {
		ids, err := c.below(ctx, rows, []State{Dead, Cancelled}, isGivenUp)
		if err != nil {
			return nil, err
		}
		if rows, err = c.rows(ctx, ids); err != nil {
			return nil, err
		}
		levels = append(levels, ids)
	}
	var all []ID
	for _, ids := range slices.Backward(levels) {
		if len(ids) == 0 {
			continue
		}
		changed, err := c.store.Change(ctx, c.now, Filter{IDs: ids}, Change{Do: Retry})
		if err != nil {
			return all, err
		}
		all = append(all, changed...)
	}
	return all, nil
}

// givenUp returns the tasks that f selects whose branches ended with them, as bare rows.
func (c *Client) givenUp(ctx context.Context, f Filter) ([]*TaskRow, error) {
	var all []*TaskRow
	for _, end := range []struct {
		state State
		class llm.Class
	}{{Dead, Broken}, {Dead, Expired}, {Cancelled, f.Class}} {
		if f.Class != "" && f.Class != end.class || len(f.States) > 0 && !slices.Contains(f.States, end.state) {
			continue
		}
		of := f
		of.States, of.Class, of.Bare = []State{end.state}, end.class, true
		rows, err := c.store.List(ctx, c.now, of)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// isGivenUp reports whether r ended so that its branches did, too: as broken by one of
// them, by a deadline that all have, or cancelled with them.
func isGivenUp(r *TaskRow) bool {
	return r.State == Cancelled || isBroken(r) || r.LastAttempt().Class == Expired
}

// rows returns the tasks of ids, those that are there, as bare rows.
func (c *Client) rows(ctx context.Context, ids []ID) ([]*TaskRow, error) {
	found, err := c.byID(ctx, ids, true)
	return slices.Collect(maps.Values(found)), err
}

func isBroken(r *TaskRow) bool { return r.LastAttempt().Class == Broken }

// spread applies a change to what goes with changed tasks, and to what goes with that
// in turn. It returns the ids of these.
func (c *Client) spread(ctx context.Context, changed []ID, change Change, with func(context.Context, []*TaskRow) ([]ID, error)) ([]ID, error) {
	var all []ID
	for len(changed) > 0 {
		rows, err := c.rows(ctx, changed)
		if err != nil {
			return all, err
		}
		ids, err := with(ctx, rows)
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
// never ran has no branches, unless it was forked with them.
func (c *Client) unfinishedBelow(ctx context.Context, rows []*TaskRow) ([]ID, error) {
	return c.below(ctx, rows, []State{Blocked, Scheduled, Pending, Running}, func(r *TaskRow) bool { return r.Attempt > 0 || r.Links != nil && r.Links.Origin != nil })
}

// brokenWith returns what failed together with rows: the dead tasks above that died of
// them, and the failures in the branches of those that died of these.
func (c *Client) brokenWith(ctx context.Context, rows []*TaskRow) ([]ID, error) {
	ids, err := c.below(ctx, rows, []State{Dead, Cancelled}, isBroken)
	if err != nil {
		return nil, err
	}
	above, err := c.brokenAbove(ctx, rows)
	return append(ids, above...), err
}

// brokenAbove returns the dead tasks above rows that died of them.
func (c *Client) brokenAbove(ctx context.Context, rows []*TaskRow) (ids []ID, err error) {
	var above []ID
	for _, r := range rows {
		if p := r.Parent(); !p.IsZero() {
			above = append(above, p)
		}
	}
	parents, err := c.byID(ctx, above, true)
	if err != nil {
		return nil, err
	}
	for id, p := range parents {
		if p.State == Dead && isBroken(p) {
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
		tasks, err := c.store.List(ctx, c.now, Filter{Run: run, States: states, Bare: true})
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
