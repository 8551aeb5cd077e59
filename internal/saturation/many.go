package saturation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawlhq/pawl/limit"
)

const (
	manyLimits  = 1000
	manyUsers   = 10_000
	manyWaiting = 1_000_000
	manyDrained = 20_000
	manyRounds  = 11
)

// playMany drains tasks of many limits and users, with one limit used up and
// without, in turns.
func playMany(ctx context.Context, c Config) (r *Result, err error) {
	store, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	e := newEngine(store, neverBinds, 1)
	d := newDrain(&c, store)
	d.input = prompted{"short"}
	defer func() { err = errors.Join(err, e.clean(context.WithoutCancel(ctx), d.client), store.Close()) }()
	name := func(i int) string { return fmt.Sprintf("%s-%d", e.name, i) }
	for i := range manyLimits {
		if err := d.client.SetLimit(ctx, name(i), e.config); err != nil {
			return nil, err
		}
	}
	if err := d.fillMany(ctx, name); err != nil {
		return nil, err
	}
	rates, err := inTurns(manyRounds, func(usedUp bool) (float64, error) {
		config := neverBinds
		if usedUp {
			config = limit.Config{Requests: 1, Per: 24 * time.Hour}
		}
		if err := d.client.SetLimit(ctx, name(0), config); err != nil {
			return 0, err
		}
		return d.run(ctx, manyDrained)
	})
	if err != nil {
		return nil, err
	}
	return &Result{
		About: fmt.Sprintf("%d limits, %d users, %d tasks waiting, of which %d are drained in each of %d rounds in turns; medians",
			manyLimits, manyUsers, manyWaiting, 2*manyDrained, manyRounds),
		Rows: rates.rows("all open", "one used up", 95),
	}, nil
}

// fillMany adds the tasks of all users, each of whom uses one limit.
func (d *drain) fillMany(ctx context.Context, name func(int) string) error {
	each := manyWaiting / manyUsers
	for user := range manyUsers {
		if err := d.fill(ctx, each, name(user%manyLimits), fmt.Sprintf("user-%d", user)); err != nil {
			return err
		}
	}
	return nil
}
