package saturation

import (
	"context"
	"errors"
	"fmt"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

const (
	overheadTasks  = 20_000
	overheadRounds = 21
)

// neverBinds limits everything, at values that are never reached.
var neverBinds = limit.Config{Requests: 1e11, InputTokens: 1e12, OutputTokens: 1e12, InFlight: 1e6}

// playOverhead drains tasks that no limit gates and tasks on a limit that never
// binds, in turns.
func playOverhead(ctx context.Context, c Config) (r *Result, err error) {
	store, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	e := newEngine(store, neverBinds, 1)
	d := newDrain(&c, store)
	defer func() { err = errors.Join(err, e.clean(context.WithoutCancel(ctx), d.client), store.Close()) }()
	if err := d.client.SetLimit(ctx, e.name, e.config); err != nil {
		return nil, err
	}
	rates, err := inTurns(overheadRounds, func(limited bool) (float64, error) {
		name := pawl.NoLimit
		if limited {
			name = e.name
		}
		if err := d.fill(ctx, overheadTasks, name, ""); err != nil {
			return 0, err
		}
		rate, err := d.run(ctx, overheadTasks)
		return rate, errors.Join(err, e.clean(ctx, d.client))
	})
	if err != nil {
		return nil, err
	}
	return &Result{
		About: fmt.Sprintf("%d tasks drained with a handler that does nothing, %d rounds in turns; medians", overheadTasks, overheadRounds),
		Rows:  rates.rows("no limits", "never binding", 90),
	}, nil
}
