package pawl

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// retry retries the tasks that f selects, and what failed together with them. What is
// below comes first: a task that ran again before what it waits for would break again.
func (c *Client) retry(ctx context.Context, f Filter) ([]ID, error) {
	found, err := c.choose(ctx, f)
	if err != nil {
		return nil, err
	}
	all, err := c.retryBelow(ctx, found.givenUp)
	if err != nil {
		return nil, err
	}
	for _, f := range found.filters {
		changed, err := c.retryThese(ctx, f, Change{Do: Retry})
		if all = append(all, changed...); err != nil {
			return all, err
		}
	}
	return all, nil
}

// retryThese retries the tasks that f selects, and what died of them.
func (c *Client) retryThese(ctx context.Context, f Filter, change Change) ([]ID, error) {
	changed, err := c.store.Change(ctx, c.now, f, change)
	if err != nil {
		return nil, err
	}
	more, err := c.retryAbove(ctx, changed)
	return append(changed, more...), err
}

// retryWith retries a task with an input.
func (c *Client) retryWith(ctx context.Context, id ID, input json.RawMessage) error {
	found, err := c.byID(ctx, []ID{id}, false)
	if err != nil {
		return err
	}
	r := found[id]
	if r == nil {
		return ErrNotFound
	}
	if r.State != Dead && r.State != Cancelled {
		return c.whyNotRetried(ctx, r)
	}
	if present, err := c.present(ctx, []*TaskRow{r}); err != nil {
		return err
	} else if len(present) == 0 {
		return fmt.Errorf("it did the work of an input that a task above it has no longer; retry what does that of the present one: %w", ErrNotFound)
	}
	if isOwnName(r.Operation) {
		if branchPrefix(r.Input) == branchPrefix(input) {
			_, err = c.retryBelow(ctx, []*TaskRow{r})
		} else {
			_, err = c.cancelBelow(ctx, []ID{id})
		}
		if err != nil {
			return err
		}
	}
	// What is below it did the work of the old input.
	changed, err := c.retryThese(ctx, Filter{IDs: []ID{id}}, Change{Do: Retry, Input: input})
	if err == nil && !slices.Contains(changed, id) {
		err = fmt.Errorf("it is not dead or cancelled any more: %w", ErrNotFound)
	}
	return err
}

// whyNotRetried says why a task that has not failed cannot be retried.
func (c *Client) whyNotRetried(ctx context.Context, r *TaskRow) error {
	if r.State == Blocked {
		failed, err := c.failed(ctx, r.Run)
		if err != nil {
			return err
		}
		if failed != nil {
			return fmt.Errorf("it waits for %s, which is %s; retry that, or cancel this one first: %w", failed.ID, failed.State, ErrNotFound)
		}
	}
	return fmt.Errorf("it is %s; want a dead or cancelled task: %w", r.State, ErrNotFound)
}

// retryBelow retries what the tasks of rows died of, or what ended with them, the lowest
// first. Elements of a list are in line until that goes on: it says how many start.
func (c *Client) retryBelow(ctx context.Context, rows []*TaskRow) ([]ID, error) {
	type level struct{ elements, others []ID }
	var levels []level
	for len(rows) > 0 {
		parents := map[ID]*TaskRow{}
		for _, r := range rows {
			parents[r.ID] = r
		}
		var err error
		if rows, err = c.below(ctx, rows, []State{Dead, Cancelled}, isGivenUp); err != nil {
			return nil, err
		}
		if rows, err = c.present(ctx, rows); err != nil {
			return nil, err
		}
		var l level
		for _, r := range rows {
			if parents[r.Parent()].Operation == opEach {
				l.elements = append(l.elements, r.ID)
			} else {
				l.others = append(l.others, r.ID)
			}
		}
		levels = append(levels, l)
	}
	var all []ID
	for _, l := range slices.Backward(levels) {
		for _, part := range []struct {
			ids    []ID
			inLine bool
		}{{l.elements, true}, {l.others, false}} {
			if len(part.ids) == 0 {
				continue
			}
			changed, err := c.store.Change(ctx, c.now, Filter{IDs: part.ids}, Change{Do: Retry, InLine: part.inLine})
			if err != nil {
				return all, err
			}
			all = append(all, changed...)
		}
	}
	return all, nil
}

// retryAbove retries the dead tasks above those of ids that died of them, each with what
// else it died of, or what ended with it.
func (c *Client) retryAbove(ctx context.Context, ids []ID) (all []ID, err error) {
	for len(ids) > 0 {
		above, err := c.brokenAbove(ctx, ids)
		if err != nil || len(above) == 0 {
			return all, err
		}
		below, err := c.retryBelow(ctx, above)
		if all = append(all, below...); err != nil {
			return all, err
		}
		if ids, err = c.store.Change(ctx, c.now, Filter{IDs: idsOf(above)}, Change{Do: Retry}); err != nil {
			return all, err
		}
		all = append(all, ids...)
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

func idsOf(rows []*TaskRow) []ID {
	ids := make([]ID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	return ids
}

func isBroken(r *TaskRow) bool { return r.LastAttempt().Class == Broken }

// cancelBelow cancels what has not ended of the branches of the tasks of ids, and what is
// below that in turn. It returns the ids of these.
func (c *Client) cancelBelow(ctx context.Context, ids []ID) (all []ID, err error) {
	for len(ids) > 0 {
		rows, err := c.rows(ctx, ids)
		if err != nil {
			return all, err
		}
		// What never ran has no branches, unless it was forked with them.
		below, err := c.below(ctx, rows, []State{Blocked, Scheduled, Pending, Running}, func(r *TaskRow) bool {
			return r.Attempt > 0 || r.Links != nil && r.Links.Origin != nil
		})
		if err != nil || len(below) == 0 {
			return all, err
		}
		if ids, err = c.store.Change(ctx, c.now, Filter{IDs: idsOf(below)}, Change{Do: Cancel}); err != nil {
			return all, err
		}
		all = append(all, ids...)
	}
	return all, nil
}

// brokenAbove returns the dead tasks above those of ids that died of them.
func (c *Client) brokenAbove(ctx context.Context, ids []ID) (above []*TaskRow, err error) {
	rows, err := c.rows(ctx, ids)
	if err != nil {
		return nil, err
	}
	var parents []ID
	for _, r := range rows {
		if p := r.Parent(); !p.IsZero() {
			parents = append(parents, p)
		}
	}
	found, err := c.byID(ctx, parents, true)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		if p.State == Dead && isBroken(p) {
			above = append(above, p)
		}
	}
	return above, nil
}

// below returns the tasks in some states in the branches of those rows that are wanted,
// as bare rows.
func (c *Client) below(ctx context.Context, rows []*TaskRow, states []State, want func(*TaskRow) bool) ([]*TaskRow, error) {
	parents := map[ID]bool{}
	runs := map[ID]bool{}
	for _, r := range rows {
		if want(r) {
			parents[r.ID], runs[r.Run] = true, true
		}
	}
	var below []*TaskRow
	for run := range runs {
		tasks, err := c.store.List(ctx, c.now, Filter{Run: run, States: states, Bare: true})
		if err != nil {
			return nil, err
		}
		for _, t := range tasks {
			if parents[t.Parent()] {
				below = append(below, t)
			}
		}
	}
	return below, nil
}
