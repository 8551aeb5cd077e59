package saturation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl"
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
	runtime.GC() // what came before is not the worker's
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

// inTurns drains twice in each of so many rounds, first one way and then the other,
// or the other way round, so that what else the machine does hits both.
func inTurns(rounds int, measure func(other bool) (float64, error)) (comparison, error) {
	var c comparison
	for round := range rounds {
		var rates [2]float64
		for turn := range 2 {
			way := (round + turn) % 2
			rate, err := measure(way == 1)
			if err != nil {
				return c, err
			}
			rates[way] = rate
		}
		c.one, c.other = append(c.one, rates[0]), append(c.other, rates[1])
		c.ratios = append(c.ratios, rates[1]/rates[0])
	}
	return c, nil
}

// comparison is the rates of two ways to drain, in tasks a second, round by round.
type comparison struct{ one, other, ratios []float64 }

// rows are the medians of both, of which the other is wanted to be at least so many
// per cent of the one.
func (c comparison) rows(one, other string, least float64) []Row {
	row := func(name string, rates []float64, ratio Figure) Row {
		return Row{Name: name, Figures: []Figure{{Name: "drained", Value: math.Round(median(rates)), Unit: "tasks/s"}, ratio}}
	}
	of := "of " + one
	return []Row{
		row(one, c.one, percent(of, 1)),
		row(other, c.other, percent(of, median(c.ratios)).atLeast(least)),
	}
}
