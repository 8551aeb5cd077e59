package pawl

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// line is what is known of a line of tasks that somebody waits for: a run, or a branch.
type line struct {
	first  ID
	tail   *TaskRow
	output json.RawMessage
	err    error
	ended  bool
}

// wait returns how lines of tasks have ended, in the order of their first tasks.
func (c *Client) wait(ctx context.Context, firsts []ID) ([]line, error) {
	a, err := attemptFrom(ctx)
	if err != nil || a.client != c {
		return c.watchLines(ctx, firsts)
	}
	lines, open, err := a.glance(ctx, firsts)
	if errors.Is(err, ErrNotFound) {
		return nil, Permanent(fmt.Errorf("what the handler waits for was removed; retry with an input to begin anew: %w", err))
	}
	if err != nil || open == 0 {
		return lines, err
	}
	if err := a.stepAside(); err != nil {
		return nil, err
	}
	most := c.config.Patience
	if !a.deadline.IsZero() {
		most = min(most, time.Until(a.deadline)/2) // it must still be able to park
	}
	patience, cancel := context.WithTimeout(ctx, most)
	lines, err = c.watchLines(patience, firsts)
	cancel()
	c.parked.Add(-1)
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrNotFound) {
		return lines, err
	}
	// It takes its time, or the store fails: the task waits on without a worker.
	if lines, open, err = a.glance(ctx, firsts); err != nil || open == 0 {
		return lines, err
	}
	var tails []*TaskRow
	for _, l := range lines {
		if !l.ended {
			tails = append(tails, l.tail)
		}
	}
	return nil, a.parkFor(firsts, tails)
}

// glance reads how lines stand, for a handler: a store that fails for a while is no
// failure of its task. open is how many have not ended.
func (a *attempt) glance(ctx context.Context, firsts []ID) (lines []line, open int, err error) {
	var gone error
	_, err = insist(ctx, func(ctx context.Context) (struct{}, error) {
		lines, open, err = a.client.look(ctx, firsts, nil)
		if errors.Is(err, ErrNotFound) {
			gone, err = err, nil
		}
		return struct{}{}, err
	})
	return lines, open, cmp.Or(err, gone)
}

// stepAside gives up the attempt's place and what its claim reserved, while its
// handler waits for a run. The place is taken back without asking: for a moment
// more handlers may run than there are places.
func (a *attempt) stepAside() error {
	if err := a.giveBack(""); err != nil {
		return err
	}
	a.client.parked.Add(1)
	raise(a.client.freed)
	return nil
}

// watchLines waits until all lines have ended, for as long as ctx lasts.
func (c *Client) watchLines(ctx context.Context, firsts []ID) ([]line, error) {
	w, err := c.waits.enter(ctx, firsts)
	if err != nil {
		return nil, err
	}
	defer c.waits.leave(w)
	lines, open, err := c.look(ctx, firsts, nil)
	for {
		if err != nil || open == 0 {
			return lines, err
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		hot := c.waits.taken(w)
		var again []ID
		for i := range lines {
			if !lines[i].ended && (hot == nil || hot[lines[i].first]) {
				again = append(again, lines[i].first)
			}
		}
		lines, open, err = c.look(ctx, again, lines)
	}
}

// look reads how lines stand; those of before that are not asked for stay as they are.
// open is how many of all have not ended.
func (c *Client) look(ctx context.Context, firsts []ID, before []line) (lines []line, open int, err error) {
	ends, err := c.tails(ctx, firsts, nil)
	if err != nil {
		return nil, 0, err
	}
	tails := make([]*TaskRow, len(ends))
	for i, first := range firsts {
		if tails[i] = ends[i].TaskRow; tails[i] == nil || ends[i].cut {
			// A part of it was removed: what is left of a run tells how it ended.
			rest, err := c.rest(ctx, first)
			if err != nil {
				return nil, 0, err
			}
			if rest != nil {
				tails[i] = rest
			}
		}
	}
	lines = before
	if lines == nil {
		lines = make([]line, len(firsts))
		for i, first := range firsts {
			lines[i].first = first
		}
	}
	read := make(map[ID]*TaskRow, len(firsts))
	for i, first := range firsts {
		if read[first] = tails[i]; tails[i] == nil {
			return nil, 0, fmt.Errorf("%s: %w", first, ErrNotFound)
		}
	}
	for i := range lines {
		l := &lines[i]
		if tail := read[l.first]; tail != nil && !l.ended {
			if err := c.find(ctx, l, tail); err != nil {
				return nil, 0, err
			}
		}
		if !l.ended {
			open++
		}
	}
	return lines, open, nil
}

// find says of a line whether it has ended, given its last task so far.
func (c *Client) find(ctx context.Context, l *line, tail *TaskRow) error {
	l.tail = tail
	if tail.State == Succeeded && tail.Follows() {
		return fmt.Errorf("%s: what follows %s was removed: %w", l.first, tail.ID, ErrNotFound)
	}
	if tail.State.Ended() {
		l.ended, l.output, l.err = true, tail.Output, endError(tail)
		return nil
	}
	if tail.State != Blocked || tail.Caught() {
		return nil
	}
	// What failed below it, and nobody catches, has failed it.
	failed, err := c.failed(ctx, tail.Run)
	if err == nil && failed != nil {
		l.ended, l.err = true, endError(failed)
	}
	return err
}

// failed returns a task of a run that waits, whose failure is the run's; nil if there is
// none.
func (c *Client) failed(ctx context.Context, run ID) (*TaskRow, error) {
	f := Filter{Run: run, States: []State{Dead, Cancelled}, Max: 100}
	for {
		rows, err := c.store.List(ctx, c.now, f)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			waited, err := c.isWaitedFor(ctx, r)
			if err != nil {
				return nil, err
			}
			if waited {
				return r, nil
			}
		}
		if len(rows) < f.Max {
			return nil, nil
		}
		f.After = rows[len(rows)-1].ID
	}
}

// isWaitedFor reports whether a run waits, for want of r, which has failed: whether all
// tasks above r are blocked by what is below them, and nobody catches its failure. A task
// that begins anew, with another input, leaves failures behind that are nothing to it.
func (c *Client) isWaitedFor(ctx context.Context, r *TaskRow) (bool, error) {
	for !r.Caught() && r.Awaited() {
		above, err := c.rows(ctx, []ID{r.Parent()})
		if err != nil || len(above) == 0 || above[0].State != Blocked {
			return false, err
		}
		if r = above[0]; r.Parent().IsZero() {
			return true, nil
		}
	}
	return false, nil
}

// listMost is how many tasks are read by their ids at a time.
const listMost = 1000

// tail is the last task so far of a line.
type tail struct {
	*TaskRow      // nil if there is none
	cut      bool // it has succeeded, and what follows it is not there: that was removed
}

// tails returns the last task so far of each line that begins with one of firsts.
// lengths are how many tasks each of them has in all, if that is known: then no row has
// to say what follows it, and they are bare.
func (c *Client) tails(ctx context.Context, firsts []ID, lengths []int) ([]tail, error) {
	tails := make([]tail, len(firsts))
	ids := slices.Clone(firsts)
	at := make([]int, len(firsts)) // whose ids they are
	for i := range at {
		at[i] = i
	}
	for place := 1; len(ids) > 0; place++ {
		rows, err := c.byID(ctx, ids, lengths != nil)
		if err != nil {
			return nil, err
		}
		var nextIDs []ID
		var nextAt []int
		for i, id := range ids {
			r, of := rows[id], at[i]
			if r == nil {
				continue
			}
			follows := r.State == Succeeded && (lengths == nil && r.Follows() || lengths != nil && place < lengths[of])
			if tails[of] = (tail{r, follows}); follows {
				nextIDs, nextAt = append(nextIDs, FollowID(id)), append(nextAt, of)
			}
		}
		ids, at = nextIDs, nextAt
	}
	return tails, nil
}

// byID reads tasks by their ids, bare or whole. What of many there is is read at the same time.
func (c *Client) byID(ctx context.Context, ids []ID, bare bool) (map[ID]*TaskRow, error) {
	parts := slices.Collect(slices.Chunk(ids, listMost))
	rows := make([][]*TaskRow, len(parts))
	errs := make([]error, len(parts))
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	var reads sync.WaitGroup
	for i, part := range parts {
		free <- struct{}{}
		reads.Go(func() {
			rows[i], errs[i] = c.store.List(ctx, c.now, Filter{IDs: part, Bare: bare})
			<-free
		})
	}
	reads.Wait()
	found := make(map[ID]*TaskRow, len(ids))
	for _, part := range rows {
		for _, r := range part {
			found[r.ID] = r
		}
	}
	return found, errors.Join(errs...)
}

// rest returns the last task that is left of a run's own line; nil if there is none.
func (c *Client) rest(ctx context.Context, run ID) (*TaskRow, error) {
	rows, err := c.store.List(ctx, c.now, Filter{Run: run})
	if err != nil {
		return nil, err
	}
	var last *TaskRow
	for _, r := range rows {
		if r.Parent().IsZero() && (last == nil || r.Seq > last.Seq) {
			last = r
		}
	}
	return last, nil
}

// WaitAll returns the results of runs in their order, once all have ended. The first
// failure, in that order, is its error. Inside a handler it waits without a worker,
// as [Run.Wait] does.
func WaitAll[Out any](ctx context.Context, runs []*Run[Out]) ([]Out, error) {
	outs := make([]Out, len(runs))
	if len(runs) == 0 {
		return outs, nil
	}
	firsts := make([]ID, len(runs))
	for i, r := range runs {
		firsts[i] = r.ID
	}
	lines, err := runs[0].client.wait(ctx, firsts)
	if err != nil {
		return nil, err
	}
	for i := range lines {
		if outs[i], err = decodeLine[Out](ctx, runs[i].client, &lines[i]); err != nil {
			return nil, err
		}
	}
	return outs, nil
}

// decodeLine returns the result of a line that has ended. The failure of one that a
// handler waits for is, if the handler returns it, a failure for good.
func decodeLine[Out any](ctx context.Context, c *Client, l *line) (out Out, err error) {
	if l.err != nil {
		if a, none := attemptFrom(ctx); none == nil && a.client == c {
			return out, &verdict{err: l.err, class: Broken}
		}
		return out, l.err
	}
	if err := json.Unmarshal(l.output, &out); err != nil {
		return out, fmt.Errorf("output of %s: %w", l.first, err)
	}
	return out, nil
}
