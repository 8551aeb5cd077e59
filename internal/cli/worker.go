package cli

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

type workerCommand struct {
	providerFlags
	Workers int    `default:"16" help:"How many handlers may run at once in this process." placeholder:"N"`
	Store   string `env:"PAWL_STORE" default:"sqlite:pawl-demo.db" placeholder:"URL" help:"The store that the tasks are in: sqlite:PATH, postgres://…, redis://… Default: sqlite:pawl-demo.db, the demo's."`
}

// Help adds to the command's help.
func (*workerCommand) Help() string {
	return `It works on the tasks of pawl demo, in the store that both name, until an interrupt (ctrl-C): then it takes no more, and ends when
those that it has are done; a second interrupt ends it at once, and its tasks run again elsewhere when their leases end.

All workers of a store share its limits. Unless --requests, --tokens or --speed is given, a worker takes those that the demo has set.
Each simulates a provider of its own; to share one, start pawl simulate and give its URL to all with --provider anthropic --base-url URL.`
}

// Run implements a command of kong.
func (c *workerCommand) Run(ctx context.Context, t *terminal, open opener) (err error) {
	if c.Workers < 1 || c.Workers > 10_000 {
		return usagef("--workers is %d; want 1 to 10,000", c.Workers)
	}
	if err := checkStore(c.Store); err != nil {
		return err
	}
	given := c.Requests != nil || c.Tokens != nil || c.Speed != nil
	if err := c.providerFlags.check(); err != nil {
		return err
	}
	store, err := open(ctx, c.Store, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var shared bool
	if !given {
		if shared, err = c.adopt(ctx, store); err != nil {
			return err
		}
	}
	p, err := c.open(ctx, t, brought())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	config := pawl.Config{Workers: c.Workers, Queues: []string{queueName}, Grace: grace, Prices: p.costs.Table, Logger: slog.New(newLines(t.out, "", slog.LevelInfo))}
	if !shared {
		config.Limits = map[string]limit.Config{limitName: p.limit}
	}
	return c.work(ctx, pawl.New(store, config), p, config.Logger)
}

// adopt takes the account's limits from the store, if they are set there, and says
// whether they were.
func (c *workerCommand) adopt(ctx context.Context, store pawl.Store) (bool, error) {
	status, err := store.Status(ctx, time.Time{})
	if err != nil {
		return false, err
	}
	for _, l := range status.Limits {
		if l.Name != limitName || !l.Config.Limited() {
			continue
		}
		c.Requests, c.Tokens = &l.Config.Requests, &l.Config.Tokens
		if per := l.Config.Per; per > 0 && c.Provider == simulated {
			speed := time.Minute.Seconds() / per.Seconds()
			c.Speed = &speed
		}
		return true, nil
	}
	return false, nil
}

// work works on tasks until ctx ends and those that were begun are done.
func (c *workerCommand) work(ctx context.Context, client *pawl.Client, p *provider, log *slog.Logger) error {
	var did done
	h := newHandlers(p, c.Points)
	h.told = did.tell(log)
	h.handle(client, p.backoff())
	log.Info("works on the demo's tasks until an interrupt", "provider", p.title, "limits", limits(*c.Requests, *c.Tokens), "prices", p.costs.words())
	interrupted := sync.OnceFunc(func() {
		log.Info("interrupted: takes no more tasks, and ends when those that it has are done")
	})
	stop := context.AfterFunc(ctx, interrupted)
	err := client.Run(ctx)
	if !stop() || ctx.Err() != nil { // Run may learn of the end before the other
		interrupted() // or wait until it was said
	}
	log.Info("ended", "done", did.well.Load(), "failed", did.failed.Load())
	return err
}

// done is what a worker has done.
type done struct{ well, failed atomic.Int64 }

// tell returns a function that is told of each attempt, at its start and at its end.
func (d *done) tell(log *slog.Logger) telling {
	return func(operation string, id pawl.ID, attempt int, user string) func(error) {
		log := log.With("operation", operation, "task", id, "attempt", attempt)
		log.Info("started", "user", user)
		began := time.Now()
		return func(err error) {
			took := slog.String("took", span(time.Since(began)))
			if err == nil {
				d.well.Add(1)
				log.Info("done", took)
				return
			}
			if errors.Is(err, pawl.ErrBudget) {
				log.Info("blocked", took, slog.String("why", saying(err)))
				return
			}
			d.failed.Add(1)
			log.Info("failed", took, slog.String("error", saying(err)))
		}
	}
}
