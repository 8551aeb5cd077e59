package storetest

import (
	"context"
	"time"

	"github.com/pawlhq/pawl"
)

// Clocked returns a store that takes the time from this process: where a call says
// that the store's own clock is to be used, it passes time.Now, in microseconds. In
// a bubble of testing/synctest that is the fake clock, which a server does not know.
func Clocked(store pawl.Store) pawl.Store { return clocked{store, nil} }

// ClockedAhead is Clocked with a clock that is ahead of this process's by what ahead
// returns, as a server's may be; behind, if that is below 0.
func ClockedAhead(store pawl.Store, ahead func() time.Duration) pawl.Store {
	return clocked{store, ahead}
}

type clocked struct {
	pawl.Store
	ahead func() time.Duration // nil for 0
}

// clock returns now, or the time if it is zero.
func (c clocked) clock(now time.Time) time.Time {
	if !now.IsZero() {
		return now
	}
	now = time.Now()
	if c.ahead != nil {
		now = now.Add(c.ahead())
	}
	return now.Truncate(time.Microsecond)
}

func (c clocked) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	return c.Store.Add(ctx, c.clock(now), tasks)
}

func (c clocked) Claim(ctx context.Context, now time.Time, ask pawl.Claim) (pawl.Claimed, error) {
	return c.Store.Claim(ctx, c.clock(now), ask)
}

func (c clocked) Beat(ctx context.Context, now time.Time, lease time.Duration, held []pawl.Lease) ([]pawl.Beat, error) {
	return c.Store.Beat(ctx, c.clock(now), lease, held)
}

func (c clocked) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	return c.Store.Save(ctx, c.clock(now), saves)
}

func (c clocked) Finish(ctx context.Context, now time.Time, finishes []pawl.Finish) ([]error, error) {
	return c.Store.Finish(ctx, c.clock(now), finishes)
}

func (c clocked) Change(ctx context.Context, now time.Time, f pawl.Filter, change pawl.Change) ([]pawl.ID, error) {
	return c.Store.Change(ctx, c.clock(now), f, change)
}

func (c clocked) List(ctx context.Context, now time.Time, f pawl.Filter) ([]*pawl.TaskRow, error) {
	return c.Store.List(ctx, c.clock(now), f)
}

func (c clocked) Groups(ctx context.Context, now time.Time, f pawl.Filter) ([]pawl.Group, error) {
	return c.Store.Groups(ctx, c.clock(now), f)
}

func (c clocked) Reserve(ctx context.Context, now time.Time, calls []pawl.Reservation) ([]pawl.Grant, error) {
	return c.Store.Reserve(ctx, c.clock(now), calls)
}

func (c clocked) Configure(ctx context.Context, now time.Time, settings []pawl.Setting) error {
	return c.Store.Configure(ctx, c.clock(now), settings)
}

func (c clocked) Status(ctx context.Context, now time.Time) (pawl.Status, error) {
	return c.Store.Status(ctx, c.clock(now))
}

func (c clocked) Explain(ctx context.Context, now time.Time, id pawl.ID) (pawl.Standing, error) {
	return c.Store.Explain(ctx, c.clock(now), id)
}

func (c clocked) Near(ctx context.Context, now time.Time, looks []pawl.Look) ([]pawl.Nearby, error) {
	return c.Store.Near(ctx, c.clock(now), looks)
}
