package saturation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

// drain is tasks that wait on one store, and a handler that does nothing.
type drain struct {
	client *pawl.Client
	store  pawl.Store
	op     pawl.Operation[prompted, struct{}]
	input  prompted
}

func newDrain(c *Config, store pawl.Store) *drain {
	d := &drain{store: store, input: prompted{newProse(c.Prose).take(200, 0)}}
	d.op = pawl.Operation[prompted, struct{}]{Name: Operation, Queue: Queue, Limit: pawl.NoLimit, Duplicates: pawl.Keep}
	d.client = d.newClient()
	return d
}

func (d *drain) newClient() *pawl.Client {
	return pawl.New(d.store, pawl.Config{Workers: drainWorkers, Queues: []string{Queue}, Logger: slog.New(slog.DiscardHandler)})
}

const drainWorkers = 2000

// fill adds n tasks to a limit, of one user.
func (d *drain) fill(ctx context.Context, n int, name, user string) error {
	for ; n > 0; n -= addMost {
		ins := make([]prompted, min(n, addMost))
		for i := range ins {
			ins[i] = d.input
		}
		if _, err := d.op.AddMany(ctx, d.client, ins, pawl.Limit(name), pawl.User(user)); err != nil {
			return err
		}
	}
	return nil
}

var errDrained = errors.New("saturation: enough is handled")

// run handles n tasks and returns how many a second.
func (d *drain) run(ctx context.Context, n int) (float64, error) {
	var handled atomic.Int64
	play, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c := d.newClient()
	d.op.Handle(c, func(context.Context, *pawl.Task[prompted]) (struct{}, error) {
		if handled.Add(1) == int64(n) {
			stop(errDrained)
		}
		return struct{}{}, nil
	})
	began := time.Now()
	err := c.Run(play)
	took := time.Since(began)
	if cause := context.Cause(play); err == nil && !errors.Is(cause, errDrained) {
		err = cause
	}
	if err != nil {
		return 0, fmt.Errorf("drain: %w", err)
	}
	return float64(handled.Load()) / took.Seconds(), nil
}

const (
	overheadTasks  = 50_000
	overheadRounds = 9
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
	rates := map[string][]float64{}
	for range overheadRounds {
		for _, name := range []string{pawl.NoLimit, e.name} {
			if err := d.fill(ctx, overheadTasks, name, ""); err != nil {
				return nil, err
			}
			rate, err := d.run(ctx, overheadTasks)
			if err != nil {
				return nil, err
			}
			rates[name] = append(rates[name], rate)
			if err := e.clean(ctx, d.client); err != nil {
				return nil, err
			}
		}
	}
	without, with := median(rates[pawl.NoLimit]), median(rates[e.name])
	r = &Result{About: fmt.Sprintf("%d tasks drained with a handler that does nothing, %d rounds in turns, medians", overheadTasks, overheadRounds)}
	r.Rows = []Row{
		{Name: "no limits", Figures: []Figure{{Name: "drained", Value: without, Unit: "tasks/s"}, percent("of no limits", 1)}},
		{Name: "limits that never bind", Figures: []Figure{{Name: "drained", Value: with, Unit: "tasks/s"}, percent("of no limits", with/without).atLeast(90)}},
	}
	return r, nil
}

const (
	manyLimits  = 1000
	manyUsers   = 10_000
	manyWaiting = 1_000_000
	manyDrained = 30_000
	manyRounds  = 9
)

// playMany drains tasks of many limits and users, with one limit used up and
// without, in turns.
func playMany(ctx context.Context, c Config) (r *Result, err error) {
	store, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	e := newEngine(store, limit.Config{}, 1)
	d := newDrain(&c, store)
	d.input = prompted{"short"}
	defer func() { err = errors.Join(err, e.clean(context.WithoutCancel(ctx), d.client), store.Close()) }()
	name := func(i int) string { return fmt.Sprintf("%s-%d", e.name, i) }
	for i := range manyLimits {
		if err := d.client.SetLimit(ctx, name(i), neverBinds); err != nil {
			return nil, err
		}
	}
	if err := d.fillMany(ctx, name); err != nil {
		return nil, err
	}
	rates := map[bool][]float64{}
	for round := range manyRounds {
		for _, exhausted := range []bool{round%2 == 0, round%2 != 0} {
			config := neverBinds
			if exhausted {
				config = limit.Config{Requests: 1, Per: 24 * time.Hour}
			}
			if err := d.client.SetLimit(ctx, name(0), config); err != nil {
				return nil, err
			}
			rate, err := d.run(ctx, manyDrained)
			if err != nil {
				return nil, err
			}
			rates[exhausted] = append(rates[exhausted], rate)
		}
	}
	without, with := median(rates[false]), median(rates[true])
	r = &Result{About: fmt.Sprintf("%d limits, %d users, %d tasks waiting, of which %d are drained in each of %d rounds in turns; medians",
		manyLimits, manyUsers, manyWaiting, manyDrained, manyRounds)}
	r.Rows = []Row{
		{Name: "all limits open", Figures: []Figure{{Name: "drained", Value: without, Unit: "tasks/s"}, percent("of all open", 1)}},
		{Name: "one used up", Figures: []Figure{{Name: "drained", Value: with, Unit: "tasks/s"}, percent("of all open", with/without).atLeast(95)}},
	}
	return r, nil
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
