package saturation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// Queue is where the tasks of all plays wait, and Operation what they are.
const (
	Queue     = "pawl-bench-limits"
	Operation = "pawl-bench-limits"
)

// prompted is what a task carries.
type prompted struct{ Prompt string }

// engine is Pawl as a contender: a store, and workers that make the calls of its
// tasks. Each play has a limit of its own name, since a store remembers what it
// has learned.
type engine struct {
	store  pawl.Store
	name   string // of the limit
	config limit.Config
	scale  float64

	url       string  // of the store, for workers
	elsewhere Workers // the processes that work; the zero value is this one
}

// workers is how many handlers each process has: more calls than that are never in
// flight, and it is as many as the rivals have callers.
const workers = 64

// newEngine returns an engine for one play.
func newEngine(store pawl.Store, config limit.Config, scale float64) *engine {
	return &engine{store: store, name: fmt.Sprintf("%s-%d", Queue, time.Now().UnixNano()), config: config, scale: scale}
}

func (e *engine) operation() pawl.Operation[prompted, struct{}] {
	return pawl.Operation[prompted, struct{}]{
		Name: Operation, Queue: Queue, Limit: e.name, Duplicates: pawl.Keep,
		Backoff: pawl.Backoff{Base: scaled(time.Second, e.scale), Max: scaled(30*time.Second, e.scale)},
	}
}

func (e *engine) client(config pawl.Config) *pawl.Client {
	config.Queues = []string{Queue}
	config.Logger = slog.New(slog.DiscardHandler)
	return pawl.New(e.store, config)
}

// compete lets the engine play on a stage. What waits before the start is stored
// before the clock begins.
func (e *engine) compete(ctx context.Context, st *stage) error {
	adder := e.client(pawl.Config{})
	if err := adder.SetLimit(ctx, e.name, e.config); err != nil {
		return err
	}
	if err := e.add(ctx, adder, st, st.waiting()); err != nil {
		return err
	}
	play, stop := st.begin(ctx)
	defer stop()
	var work sync.WaitGroup
	var failed error
	work.Go(func() {
		if e.elsewhere.Processes > 0 {
			failed = e.workElsewhere(play, st, e.elsewhere)
		} else {
			failed = e.work(play, st.model())
		}
		stop()
	})
	err := st.arrive(play, func(numbers []int) error { return e.add(play, adder, st, numbers) })
	if play.Err() != nil {
		err = nil // the end of the play is no failure
	}
	stop()
	work.Wait()
	return errors.Join(err, failed, e.clean(context.WithoutCancel(ctx), adder))
}

// work makes the calls of tasks until ctx ends. Those under way then are broken off.
func (e *engine) work(ctx context.Context, model llm.Model) error {
	c := e.client(pawl.Config{Workers: workers, Grace: -1, Patience: scaled(30*time.Second, e.scale)})
	e.operation().Handle(c, func(ctx context.Context, t *pawl.Task[prompted]) (struct{}, error) {
		_, err := t.Ask(ctx, model, t.Input.Prompt, pawl.NoCache()) // like its rivals: no call continues another
		return struct{}{}, err
	})
	return c.Run(ctx)
}

// addMost is how many tasks are added at a time.
const addMost = 1000

// add stores the tasks of requests, in batches of the same user and priority.
func (e *engine) add(ctx context.Context, c *pawl.Client, st *stage, numbers []int) error {
	for len(numbers) > 0 {
		r := st.requests[numbers[0]]
		n := slices.IndexFunc(numbers, func(i int) bool {
			return st.requests[i].User != r.User || st.requests[i].Priority != r.Priority
		})
		if n < 0 {
			n = len(numbers)
		}
		n = min(n, addMost)
		ins := make([]prompted, n)
		for i, number := range numbers[:n] {
			ins[i] = prompted{st.text.prompt(number, st.requests[number])}
		}
		numbers = numbers[n:]
		opts := []pawl.Option{priorities[r.Priority]}
		if r.User != "" {
			opts = append(opts, pawl.User(r.User))
		}
		if _, err := e.operation().AddMany(ctx, c, ins, opts...); err != nil {
			return err
		}
	}
	return nil
}

var priorities = [...]pawl.Priority{pawl.High, pawl.Normal, pawl.Low}

// clean removes all tasks of all plays.
func (e *engine) clean(ctx context.Context, c *pawl.Client) error {
	all := pawl.Filter{Queue: Queue, Operation: Operation, Max: addMost}
	for _, do := range []func(context.Context, pawl.Filter) ([]pawl.ID, error){c.Cancel, c.Delete} {
		for {
			changed, err := do(ctx, all)
			if err != nil {
				return fmt.Errorf("clean queue %s: %w", Queue, err)
			}
			if len(changed) == 0 {
				break
			}
		}
	}
	return nil
}
