package pawl

import (
	"context"
	"slices"
	"strings"
)

// A list that begins anew with another input leaves branches of the old one behind. They
// are former ones, with all that is below them: nobody waits for them, so they are not
// retried. What is said of lists holds for All and Try too.

// chosen is what is to be retried of what a filter selects.
type chosen struct {
	filters []Filter   // that select it
	givenUp []*TaskRow // those of it whose branches ended with them, as bare rows
}

// choose returns what of the tasks that f selects is to be retried: all but former ones.
func (c *Client) choose(ctx context.Context, f Filter) (chosen, error) {
	page := f
	page.States, page.Bare = failedOf(f.States), true
	if len(page.States) == 0 {
		return chosen{}, nil
	}
	var found chosen
	var ids []ID
	for seen := 0; ; {
		page.Max = listMost
		if f.Max > 0 {
			page.Max = min(page.Max, f.Max-seen)
		}
		rows, err := c.store.List(ctx, c.now, page)
		if err != nil {
			return chosen{}, err
		}
		seen += len(rows)
		present, err := c.present(ctx, rows)
		if err != nil {
			return chosen{}, err
		}
		for _, r := range present {
			ids = append(ids, r.ID)
			if isGivenUp(r) {
				found.givenUp = append(found.givenUp, r)
			}
		}
		if len(rows) < page.Max || seen == f.Max {
			found.filters = without(f, ids, seen)
			return found, nil
		}
		page.After = rows[len(rows)-1].ID
	}
}

// failedOf returns those of some states in which a task may be retried; no states are all.
func failedOf(states []State) []State {
	failed := []State{Dead, Cancelled}
	if len(states) == 0 {
		return failed
	}
	return slices.DeleteFunc(failed, func(s State) bool { return !slices.Contains(states, s) })
}

// without returns filters for the tasks of ids: f itself if these are all that it selects.
func without(f Filter, ids []ID, selects int) []Filter {
	if len(ids) == selects {
		return []Filter{f}
	}
	var parts []Filter
	for part := range slices.Chunk(ids, listMost) {
		parts = append(parts, Filter{IDs: part})
	}
	return parts
}

// present returns those of some rows that are not former ones.
func (c *Client) present(ctx context.Context, rows []*TaskRow) ([]*TaskRow, error) {
	above, err := c.above(ctx, rows)
	if err != nil || len(above) == 0 {
		return rows, err
	}
	prefixes, err := c.prefixes(ctx, above)
	if err != nil {
		return nil, err
	}
	isFormer := func(r *TaskRow) bool {
		for ; r != nil; r = above[r.Parent()] {
			if prefix, own := prefixes[r.Parent()]; own && !strings.HasPrefix(r.Links.Key, prefix) {
				return true
			}
		}
		return false
	}
	return slices.DeleteFunc(slices.Clone(rows), isFormer), nil
}

// above returns the tasks above those of rows, as bare rows.
func (c *Client) above(ctx context.Context, rows []*TaskRow) (map[ID]*TaskRow, error) {
	above := map[ID]*TaskRow{}
	for len(rows) > 0 {
		var ids []ID
		asked := map[ID]bool{}
		for _, r := range rows {
			if id := r.Parent(); !id.IsZero() && above[id] == nil && !asked[id] {
				asked[id] = true
				ids = append(ids, id)
			}
		}
		var err error
		if rows, err = c.rows(ctx, ids); err != nil {
			return nil, err
		}
		for _, r := range rows {
			above[r.ID] = r
		}
	}
	return above, nil
}

// inputsMost is how many inputs of lists, which may be large, are read at a time.
const inputsMost = 16

// prefixes returns what the keys of the branches begin with that tasks of the queue's own
// have for their present inputs.
func (c *Client) prefixes(ctx context.Context, of map[ID]*TaskRow) (map[ID]string, error) {
	var own []ID
	for id, r := range of {
		if isOwnName(r.Operation) {
			own = append(own, id)
		}
	}
	prefixes := make(map[ID]string, len(own))
	for part := range slices.Chunk(own, inputsMost) {
		rows, err := c.byID(ctx, part, false)
		if err != nil {
			return nil, err
		}
		for id, r := range rows {
			prefixes[id] = branchPrefix(r.Input)
		}
	}
	return prefixes, nil
}
