package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm/anthropic"
	"github.com/pawlhq/pawl/llmsim"
)

// replay is a retry that goes through stored steps of one sort.
type replay struct {
	name string
	do   func(ctx context.Context, t *pawl.Task[int], i int) error // the i-th step
}

// result is what each step stores: some words.
var result = strings.Repeat("The wheel turns one way only. ", 4)

func doSteps(ctx context.Context, _ *pawl.Task[int], _ int) error {
	_, err := pawl.Step(ctx, "s", func(context.Context) (string, error) { return result, nil })
	return err
}

// doAsks makes calls of one conversation, which a provider in this process
// answers at once.
func doAsks() func(context.Context, *pawl.Task[int], int) error {
	sim := llmsim.New(llmsim.Config{Reply: func(*llmsim.Call) string { return result }})
	model := anthropic.New(anthropic.Config{Model: "sim-1", HTTPClient: sim.Client()})
	return func(ctx context.Context, t *pawl.Task[int], i int) error {
		_, err := t.Ask(ctx, model, fmt.Sprintf("Question %d: what is to be done next, after all that was said?", i))
		return err
	}
}

// replayed is how long retries took until their first new step: from their claim
// by the store's clock, and from their handler's start.
type replayed struct{ claimed, handled spread }

// errAgain has the task tried again at once.
var errAgain = errors.New("once more")

// measure has tasks store steps and fail, and looks at their second attempts.
func (r replay) measure(ctx context.Context, store pawl.Store, steps, rounds int) (all replayed, err error) {
	op := pawl.Operation[int, int]{Name: "replay " + r.name, Duplicates: pawl.Keep, Timeout: -1, Backoff: pawl.Backoff{Base: 1, Max: 1}}
	client := pawl.New(store, pawl.Config{Workers: 1})
	tries := 0
	var began, done time.Time
	op.Handle(client, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
		if tries++; tries == 2 {
			began = time.Now()
		}
		for i := range steps {
			if err := r.do(ctx, t, i); err != nil {
				return 0, err
			}
		}
		if tries == 1 {
			return 0, errAgain
		}
		return pawl.Step(ctx, "new", func(context.Context) (int, error) {
			done = time.Now()
			return 0, nil
		})
	})
	stop := work(ctx, client)
	defer func() { err = errors.Join(err, stop()) }()
	var claimed, handled []time.Duration
	for range rounds {
		tries = 0
		run, err := op.Add(ctx, client, steps)
		if err != nil {
			return all, err
		}
		if _, err := run.Wait(ctx); err != nil {
			return all, err
		}
		row, err := client.Get(ctx, run.ID)
		if err != nil {
			return all, err
		}
		if len(row.Attempts) != 2 || row.Attempts[1].Saved != steps {
			return all, fmt.Errorf("attempts %+v; want two, the second with %d steps from the store", row.Attempts, steps)
		}
		claimed = append(claimed, done.Sub(row.Attempts[1].Started))
		handled = append(handled, done.Sub(began))
	}
	return replayed{spreadOf(claimed), spreadOf(handled)}, nil
}
