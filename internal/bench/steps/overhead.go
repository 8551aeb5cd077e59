package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// spread is the distribution of some times.
type spread struct{ p50, mean, max time.Duration }

func spreadOf(took []time.Duration) spread {
	slices.Sort(took)
	sum := time.Duration(0)
	for _, d := range took {
		sum += d
	}
	return spread{took[len(took)/2], sum / time.Duration(len(took)), took[len(took)-1]}
}

// crowd is how many handlers do steps at once.
const crowd = 16

// costs are what a step costs, and what a commit does.
type costs struct {
	commit, step spread
	crowded      time.Duration
}

// nothing is the step that does nothing.
func nothing(context.Context) (int, error) { return 1, nil }

// overhead measures commits and steps in turns, so that whatever else the machine
// does bears on both. A commit stores what the step does, under a lease of its own.
func overhead(ctx context.Context, store pawl.Store, pairs int) (c costs, err error) {
	lease, err := leased(ctx, store)
	if err != nil {
		return c, err
	}
	commits, steps := make([]time.Duration, 0, pairs), make([]time.Duration, 0, pairs)
	both := pawl.Operation[int, int]{Name: "both", Duplicates: pawl.Keep}
	client := pawl.New(store, pawl.Config{Workers: crowd})
	both.Handle(client, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
		for i := range t.Input {
			began := time.Now()
			if err := commit(ctx, store, lease, i); err != nil {
				return 0, err
			}
			committed := time.Now()
			if _, err := pawl.Step(ctx, "s", nothing); err != nil {
				return 0, err
			}
			commits, steps = append(commits, committed.Sub(began)), append(steps, time.Since(committed))
		}
		return 0, nil
	})
	many := pawl.Operation[int, int]{Name: "many", Duplicates: pawl.Keep}
	many.Handle(client, func(ctx context.Context, t *pawl.Task[int]) (int, error) {
		for range t.Input {
			if _, err := pawl.Step(ctx, "s", nothing); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	stop := work(ctx, client)
	defer func() { err = errors.Join(err, stop()) }()
	run, err := both.Add(ctx, client, pairs)
	if err != nil {
		return c, err
	}
	if _, err := run.Wait(ctx); err != nil {
		return c, err
	}
	c.commit, c.step = spreadOf(commits), spreadOf(steps)
	c.crowded, err = crowded(ctx, client, many, pairs/crowd)
	return c, err
}

// leased adds a task that no worker works on, and takes its lease.
func leased(ctx context.Context, store pawl.Store) (pawl.Lease, error) {
	id := pawl.NewID()
	row := pawl.TaskRow{ID: id, Run: id, Operation: "bare", Queue: "bare", Limit: pawl.NoLimit, MaxAttempts: 1, Input: []byte(`{}`)}
	if _, err := store.Add(ctx, time.Time{}, []pawl.NewTask{{Row: row, Duplicates: pawl.Keep}}); err != nil {
		return pawl.Lease{}, err
	}
	claimed, err := store.Claim(ctx, time.Time{}, pawl.Claim{Worker: "bare", Operations: []string{"bare"}, Max: 1, Lease: time.Hour})
	if err != nil || len(claimed.Tasks) != 1 || claimed.Tasks[0].ID != id {
		return pawl.Lease{}, fmt.Errorf("claim = %d tasks, %w; want the one that was added", len(claimed.Tasks), err)
	}
	return claimed.Tasks[0].Lease(), nil
}

// commit stores one step by the store alone.
func commit(ctx context.Context, store pawl.Store, lease pawl.Lease, i int) error {
	step := &pawl.StepRow{Key: fmt.Sprint("step:s#", i+1), Name: "s", Result: []byte(`1`), Attempt: lease.Attempt}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	errs, err := store.Save(ctx, time.Time{}, []pawl.Save{{Lease: lease, Step: step}})
	return errors.Join(append(errs, err)...)
}

// crowded returns how long a step takes when many handlers do some at once: the
// time of all by their number.
func crowded(ctx context.Context, client *pawl.Client, op pawl.Operation[int, int], each int) (time.Duration, error) {
	ins := make([]int, crowd)
	for i := range ins {
		ins[i] = each
	}
	began := time.Now()
	runs, err := op.AddMany(ctx, client, ins)
	if err != nil {
		return 0, err
	}
	for _, run := range runs {
		if _, err := run.Wait(ctx); err != nil {
			return 0, err
		}
	}
	return time.Since(began) / time.Duration(crowd*each), nil
}
