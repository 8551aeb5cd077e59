package engines

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/bench/trial"
	"github.com/pawlhq/pawl/stores"
)

// pawlEngines is Pawl on each store, without and with deduplication. The peers
// have none, or leave it off by default.
var pawlEngines = slices.Concat(pawlOn(SQLite), pawlOn(Postgres), pawlOn(Redis))

// PawlWorkers is how many of Pawl's handlers may run at once.
const PawlWorkers = 4000

func pawlOn(store string) []Engine {
	return []Engine{
		{
			Name: "Pawl", Store: store, About: "4,000 workers, AddMany of 1,000, deduplication off",
			Open: func(ctx context.Context, url string) (trial.Queue, error) {
				return openPawl(ctx, store, url, pawl.Keep)
			},
		},
		{
			Name: "Pawl, deduplicating", Store: store, About: "4,000 workers, AddMany of 1,000",
			Open: func(ctx context.Context, url string) (trial.Queue, error) {
				return openPawl(ctx, store, url, pawl.Join)
			},
		},
	}
}

type pawlQueue struct {
	store
	pawl   pawl.Store
	op     pawl.Operation[trial.Args, struct{}]
	client *pawl.Client
}

func openPawl(ctx context.Context, kind, url string, duplicates pawl.Duplicates) (trial.Queue, error) {
	beside, err := openBeside(ctx, kind, url)
	if err != nil {
		return nil, err
	}
	if kind == SQLite {
		url = "sqlite:" + url
	}
	s, err := stores.Open(ctx, url)
	if err != nil {
		return nil, errors.Join(err, beside.Close())
	}
	q := &pawlQueue{
		store: beside,
		pawl:  s,
		op:    pawl.Operation[trial.Args, struct{}]{Name: "bench", Limit: pawl.NoLimit, Duplicates: duplicates},
	}
	q.client = q.newClient()
	return q, nil
}

// openBeside connects to the store beside Pawl, for what Pawl does not tell.
func openBeside(ctx context.Context, kind, url string) (store, error) {
	switch kind {
	case SQLite:
		db, err := openSQLite(url, 1)
		return sqliteStore{db: db}, err
	case Postgres:
		pool, err := openPool(ctx, url)
		return postgresStore{pool: pool}, err
	default:
		s, err := openRedis(url, nil)
		return s, err
	}
}

// Settings fails where Pawl itself says that a promise does not hold.
func (q *pawlQueue) Settings(ctx context.Context) (map[string]string, error) {
	settings, err := q.store.Settings(ctx)
	if err != nil {
		return nil, err
	}
	delete(settings, "synchronous") // it is that of the connection beside, not of Pawl's
	checker, ok := q.pawl.(pawl.Checker)
	if !ok {
		return settings, nil
	}
	findings, err := checker.Check(ctx)
	for _, f := range findings {
		if f.Level == pawl.FindingError {
			err = errors.Join(err, fmt.Errorf("%s: %s", f.What, f.Found))
		}
		if f.Level != pawl.FindingOK {
			settings["Pawl on "+f.What] = f.Found
		}
	}
	return settings, err
}

func (q *pawlQueue) newClient() *pawl.Client {
	return pawl.New(q.pawl, pawl.Config{Workers: PawlWorkers, Logger: errorLog})
}

func (q *pawlQueue) Add(ctx context.Context, a trial.Args) error {
	run, err := q.op.Add(ctx, q.client, a)
	if err != nil {
		return err
	}
	return isNew(run)
}

func (q *pawlQueue) AddBulk(ctx context.Context, list []trial.Args) error {
	for batch := range slices.Chunk(list, 1000) {
		runs, err := q.op.AddMany(ctx, q.client, batch)
		if err != nil {
			return err
		}
		for _, run := range runs {
			if err := isNew(run); err != nil {
				return err
			}
		}
	}
	return nil
}

// isNew returns an error for a task that joined another: it would flatter the figure.
func isNew(run *pawl.Run[struct{}]) error {
	if run.As != pawl.AsNew {
		return errors.New("a task was not added, but " + string(run.As))
	}
	return nil
}

// Left counts the tasks that are not succeeded: a dead one is no completion.
func (q *pawlQueue) Left(ctx context.Context) (int, error) {
	status, err := q.client.Status(ctx)
	if err != nil {
		return 0, err
	}
	left := 0
	for _, queue := range status.Queues {
		for state, n := range queue.Counts {
			if state != pawl.Succeeded {
				left += n
			}
		}
	}
	return left, nil
}

func (q *pawlQueue) Work(ctx context.Context, handle func(trial.Args)) (func() error, error) {
	client := q.newClient()
	q.op.Handle(client, func(_ context.Context, t *pawl.Task[trial.Args]) (struct{}, error) {
		handle(t.Input)
		return struct{}{}, nil
	})
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}, nil
}

func (q *pawlQueue) Close() error { return errors.Join(q.pawl.Close(), q.store.Close()) }
