package pawl

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"
)

// RunFilter selects runs. Each field that is set narrows the selection; the zero
// RunFilter selects all.
type RunFilter struct {
	States    []State // of the run; see [Overview]
	Operation string  // which some task of the run has
	User      string  // whom some task of the run is done for
	Before    ID      // only runs that are older: the last of the page before
	Max       int     // 0 for no bound
}

// Runs returns the runs that f selects, newest first. Of an attempt that runs, the
// usage is not told.
//
// No store keeps runs: they are what their tasks say. All tasks of a run have ids of
// the moment in which it was added, so that runs are found by going back in time, a
// little at first and further where there is little.
func (c *Client) Runs(ctx context.Context, f RunFilter) ([]*Overview, error) {
	now := c.now
	if now.IsZero() {
		now = time.Now()
	}
	found := []*Overview{}
	back := backwards{width: 1000, from: now.UnixMilli() - 1000, to: latestMoment}
	if !f.Before.IsZero() {
		back.to = momentOf(f.Before) + 1
		back.from = back.to - back.width
	}
	for back.to > 0 {
		ids, err := c.runsWithin(ctx, &back, f)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			rows, err := c.List(ctx, Filter{Run: id})
			if err != nil {
				return nil, err
			}
			if len(rows) == 0 {
				continue
			}
			run := &plant(rows, now).Overview
			if len(f.States) == 0 || slices.Contains(f.States, run.State) {
				found = append(found, run)
			}
			if f.Max > 0 && len(found) == f.Max {
				return found, nil
			}
		}
		back.next()
	}
	return found, nil
}

// runsPage is how many tasks are read at a time in search of runs.
const runsPage = 1000

// runsWithin returns the runs of a time that may be what f selects, newest first. If
// there are too many, it makes the time shorter.
func (c *Client) runsWithin(ctx context.Context, back *backwards, f RunFilter) ([]ID, error) {
	seen := map[ID]bool{}
	ids := []ID{}
	page := Filter{States: f.States, Operation: f.Operation, User: f.User, After: idAt(back.from), Max: runsPage, Bare: true}
	for {
		rows, err := c.List(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if at := momentOf(r.ID); at >= back.to {
				rows = nil // they were read before
				break
			}
			if !seen[r.Run] && (f.Before.IsZero() || bytes.Compare(r.Run[:], f.Before[:]) < 0) {
				seen[r.Run] = true
				ids = append(ids, r.Run)
			}
		}
		if len(rows) < page.Max {
			slices.SortFunc(ids, func(a, b ID) int { return bytes.Compare(b[:], a[:]) })
			return ids, nil
		}
		last := rows[len(rows)-1].ID
		page.After = last
		if back.shorten(momentOf(last)) {
			page.After = idAt(back.from)
			clear(seen)
			ids = ids[:0]
		}
	}
}

// backwards is a time that goes back, in milliseconds since 1970: ids have no finer.
type backwards struct {
	from, to int64 // to is not part of it
	width    int64
}

const latestMoment = 1<<48 - 1

// next goes on to the time before, and takes more of it.
func (b *backwards) next() {
	b.width *= 4
	b.to = b.from
	b.from = max(b.to-b.width, 0)
}

// shorten takes only what is after read, and of that the newer half. It reports false
// if it cannot be shorter.
func (b *backwards) shorten(read int64) bool {
	to := b.to
	if to == latestMoment {
		to = b.from + b.width
	}
	from := read + max((to-read)/2, 0)
	if from <= b.from || from >= to {
		return false
	}
	b.from, b.width = from, max(to-from, 1)
	return true
}

// momentOf returns when an id was made.
func momentOf(id ID) int64 {
	return int64(binary.BigEndian.Uint64(append([]byte{0, 0}, id[:6]...)))
}

// idAt returns the lowest id of a moment.
func idAt(moment int64) (id ID) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(max(moment, 0)))
	copy(id[:], b[2:])
	return id
}
