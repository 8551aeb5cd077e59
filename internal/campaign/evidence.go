package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/campaign/worker"
)

// evidence is all that is known of a campaign when it is over. The store's word
// is compared with that of those who do not depend on it: the users, the
// workers' witnesses, and the provider.
type evidence struct {
	added  map[int][]promise // what users were told, by document
	rows   []*pawl.TaskRow   // every task of the store, with its steps
	ended  map[pawl.ID]int   // how often each task ended, by its events
	gaps   int               // times that events may have been missed
	acks   []worker.Ack      // what was acknowledged to workers
	bills  map[int]*bill     // what the provider was asked and paid, by document
	limits []pawl.LimitStatus
	queues []pawl.QueueStatus
	deaths map[string]time.Time // of workers
	counts counts
}

// counts are figures that are shown and not judged.
type counts struct {
	Adds, FailedAdds, Joined int
	Requests, PaidTwice      int64
}

func (c *campaign) gather(ctx context.Context, adds *adding, ended *endings, crew *crew) (e *evidence, err error) {
	e = &evidence{added: adds.acked}
	if err := e.gather(ctx, c, ended, crew); err != nil {
		return nil, err
	}
	sums := c.provider.sim.Stats()
	e.counts = counts{FailedAdds: adds.failed, Joined: adds.joined, Requests: sums.Requests, PaidTwice: sums.PaidTwice}
	for _, runs := range adds.acked {
		e.counts.Adds += len(runs)
	}
	return e, nil
}

// gather asks all but the users.
func (e *evidence) gather(ctx context.Context, c *campaign, ended *endings, crews ...*crew) (err error) {
	if e.rows, err = c.everything(ctx); err != nil {
		return err
	}
	ended.settle(ctx, e.rows)
	ended.stop()
	e.ended, e.gaps = ended.times, ended.gaps
	e.deaths = map[string]time.Time{}
	for _, crew := range crews {
		acks, err := crew.acks()
		if err != nil {
			return err
		}
		e.acks = append(e.acks, acks...)
		maps.Copy(e.deaths, crew.deaths())
	}
	status, err := again(ctx, func() (pawl.Status, error) { return c.client.Status(ctx) })
	if err != nil {
		return err
	}
	e.limits, e.queues = status.Limits, status.Queues
	for c.provider.sim.Stats().Open > 0 && ctx.Err() == nil {
		pause(ctx, 50*time.Millisecond) // of calls whose worker is gone
	}
	e.bills = c.provider.bills()
	return ctx.Err()
}

// everything returns all tasks with their steps, page by page.
func (c *campaign) everything(ctx context.Context) ([]*pawl.TaskRow, error) {
	var all []*pawl.TaskRow
	page := pawl.Filter{Max: 500, Steps: true}
	for {
		rows, err := again(ctx, func() ([]*pawl.TaskRow, error) { return c.client.List(ctx, page) })
		if err != nil {
			return nil, fmt.Errorf("list all tasks: %w", err)
		}
		all = append(all, rows...)
		if len(rows) < page.Max {
			return all, nil
		}
		page.After = rows[len(rows)-1].ID
	}
}

// again does something until it succeeds, for some seconds: connections from
// before a crash of the server fail once.
func again[T any](ctx context.Context, do func() (T, error)) (T, error) {
	for patience := time.Now().Add(10 * time.Second); ; pause(ctx, 100*time.Millisecond) {
		out, err := do()
		if err == nil || ctx.Err() != nil || time.Now().After(patience) {
			return out, err
		}
	}
}

// runs returns the tasks by run, in the order in which they were added.
func (e *evidence) runs() map[pawl.ID][]*pawl.TaskRow {
	runs := map[pawl.ID][]*pawl.TaskRow{}
	for _, r := range e.rows {
		runs[r.Run] = append(runs[r.Run], r)
	}
	for _, rows := range runs {
		slices.SortStableFunc(rows, func(a, b *pawl.TaskRow) int { return a.Added.Compare(b.Added) })
	}
	return runs
}

// numberIn returns the document that a task is about.
func numberIn(r *pawl.TaskRow) (int, error) {
	var in document
	if err := json.Unmarshal(r.Input, &in); err != nil {
		return 0, fmt.Errorf("input of %s: %w", r.ID, err)
	}
	return in.Number, nil
}
