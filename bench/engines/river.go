package engines

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/pawlhq/pawl/bench/trial"
)

var (
	riverBest = river.Config{
		Queues:        map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2000}},
		FetchCooldown: river.FetchCooldownMin,
	}
	// On SQLite nothing tells River of a task of another client: it has to look.
	riverSQLite = river.Config{
		Queues:            riverBest.Queues,
		FetchCooldown:     river.FetchCooldownMin,
		FetchPollInterval: 5 * time.Millisecond,
	}
	riverDefaults = river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 100}}, // as in its documentation
	}
)

var riverEngines = []Engine{
	{
		Name: "River", Store: Postgres, Module: "github.com/riverqueue/river",
		About: "2,000 workers, no cool-down, InsertManyFast of 1,000",
		Open: func(ctx context.Context, url string) (trial.Queue, error) {
			return openRiverPostgres(ctx, url, riverBest)
		},
	},
	{
		Name: "River, defaults", Store: Postgres, Module: "github.com/riverqueue/river", Defaults: true,
		About: "100 workers, a cool-down of 100 ms",
		Open: func(ctx context.Context, url string) (trial.Queue, error) {
			return openRiverPostgres(ctx, url, riverDefaults)
		},
	},
	{
		Name: "River on SQLite", Store: SQLite, Module: "github.com/riverqueue/river",
		About: "2,000 workers, no cool-down, polls every 5 ms, InsertMany of 1,000",
		Open: func(ctx context.Context, path string) (trial.Queue, error) {
			return openRiverSQLite(ctx, path, riverSQLite)
		},
	},
}

// riverArgs are arguments as River has them.
type riverArgs struct{ trial.Args }

func (riverArgs) Kind() string { return "bench" }

// store is the part of a trial.Queue that is the store's.
type store interface {
	Left(context.Context) (int, error)
	Settings(context.Context) (map[string]string, error)
	Close() error
}

type riverQueue[Tx any] struct {
	store
	driver riverdriver.Driver[Tx]
	config river.Config
	client *river.Client[Tx] // the one that works, once there is one
	fast   bool              // InsertManyFast is COPY, which only PostgreSQL has
}

// riverLeft counts by an index: the completed rows stay in the table.
const riverLeft = `SELECT count(*) FROM river_job
WHERE state IN ('available', 'running', 'retryable', 'scheduled', 'pending', 'discarded', 'cancelled')`

func openRiverPostgres(ctx context.Context, url string, config river.Config) (trial.Queue, error) {
	pool, err := openPool(ctx, url)
	if err != nil {
		return nil, err
	}
	return openRiver(ctx, riverQueue[pgx.Tx]{
		store:  postgresStore{pool, riverLeft},
		driver: riverpgxv5.New(pool),
		config: config,
		fast:   true,
	})
}

func openRiverSQLite(ctx context.Context, path string, config river.Config) (trial.Queue, error) {
	db, err := openSQLite(path, 1) // as its documentation advises
	if err != nil {
		return nil, err
	}
	return openRiver(ctx, riverQueue[*sql.Tx]{
		store:  sqliteStore{db, riverLeft},
		driver: riversqlite.New(db),
		config: config,
	})
}

func openRiver[Tx any](ctx context.Context, q riverQueue[Tx]) (trial.Queue, error) {
	migrator, err := rivermigrate.New(q.driver, &rivermigrate.Config{Logger: errorLog})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("create River's tables: %w", err)
	}
	q.config.Logger = errorLog
	q.client, err = river.NewClient(q.driver, &river.Config{Logger: errorLog})
	return &q, err
}

func (q *riverQueue[Tx]) Add(ctx context.Context, a trial.Args) error {
	_, err := q.client.Insert(ctx, riverArgs{a}, nil)
	return err
}

func (q *riverQueue[Tx]) AddBulk(ctx context.Context, list []trial.Args) error {
	for batch := range slices.Chunk(list, 1000) {
		jobs := make([]river.InsertManyParams, len(batch))
		for i, a := range batch {
			jobs[i].Args = riverArgs{a}
		}
		if err := q.insert(ctx, jobs); err != nil {
			return err
		}
	}
	return nil
}

func (q *riverQueue[Tx]) insert(ctx context.Context, jobs []river.InsertManyParams) (err error) {
	if q.fast {
		_, err = q.client.InsertManyFast(ctx, jobs)
	} else {
		_, err = q.client.InsertMany(ctx, jobs)
	}
	return err
}

func (q *riverQueue[Tx]) Work(ctx context.Context, handle func(trial.Args)) (func() error, error) {
	config := q.config
	config.Workers = river.NewWorkers()
	river.AddWorker(config.Workers, river.WorkFunc(func(_ context.Context, job *river.Job[riverArgs]) error {
		handle(job.Args.Args)
		return nil
	}))
	client, err := river.NewClient(q.driver, &config)
	if err != nil {
		return nil, err
	}
	if err := client.Start(ctx); err != nil {
		return nil, err
	}
	q.client = client
	return func() error {
		wait, done := context.WithTimeout(ctx, time.Minute)
		defer done()
		return client.Stop(wait)
	}, nil
}

// openPool connects with as many connections as keep two cores busy.
func openPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 20
	return pgxpool.NewWithConfig(ctx, config)
}
