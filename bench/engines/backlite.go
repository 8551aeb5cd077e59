package engines

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mikestefanello/backlite"

	"github.com/pawlhq/pawl/bench/trial"
)

var backliteEngines = []Engine{{
	Name: "backlite", Store: SQLite, Module: "github.com/mikestefanello/backlite",
	About: "1,000 workers, 1,000 tasks in a transaction, nothing retained",
	Open: func(ctx context.Context, path string) (trial.Queue, error) {
		return openBacklite(path, 1000)
	},
}}

// backliteTask is a task as backlite has them.
type backliteTask struct{ trial.Args }

func (backliteTask) Config() backlite.QueueConfig {
	return backlite.QueueConfig{Name: "bench", MaxAttempts: 1, Timeout: time.Minute}
}

type backliteQueue struct {
	sqliteStore
	workers int
	client  *backlite.Client // the one that works, once there is one: it is woken by its own adds only
}

func openBacklite(path string, workers int) (trial.Queue, error) {
	db, err := openSQLite(path, 1)
	if err != nil {
		return nil, err
	}
	q := &backliteQueue{
		sqliteStore: sqliteStore{db, "SELECT count(*) FROM backlite_tasks"},
		workers:     workers,
	}
	if q.client, err = q.newClient(); err != nil {
		return nil, err
	}
	if err := q.client.Install(); err != nil {
		return nil, fmt.Errorf("create backlite's tables: %w", err)
	}
	return q, nil
}

func (q *backliteQueue) newClient() (*backlite.Client, error) {
	return backlite.NewClient(backlite.ClientConfig{
		DB:           q.db,
		Logger:       errorsOnly{},
		NumWorkers:   q.workers,
		ReleaseAfter: 10 * time.Minute,
	})
}

func (q *backliteQueue) Add(ctx context.Context, a trial.Args) error {
	_, err := q.client.Add(backliteTask{a}).Ctx(ctx).Save()
	return err
}

func (q *backliteQueue) AddBulk(ctx context.Context, list []trial.Args) error {
	for batch := range slices.Chunk(list, 1000) {
		tasks := make([]backlite.Task, len(batch))
		for i, a := range batch {
			tasks[i] = backliteTask{a}
		}
		if _, err := q.client.Add(tasks...).Ctx(ctx).Save(); err != nil {
			return err
		}
	}
	return nil
}

func (q *backliteQueue) Work(ctx context.Context, handle func(trial.Args)) (func() error, error) {
	client, err := q.newClient()
	if err != nil {
		return nil, err
	}
	client.Register(backlite.NewQueue(func(_ context.Context, t backliteTask) error {
		handle(t.Args)
		return nil
	}))
	ctx, cancel := context.WithCancel(ctx)
	client.Start(ctx)
	q.client = client
	return func() error {
		defer cancel()
		wait, done := context.WithTimeout(ctx, time.Minute)
		defer done()
		if !client.Stop(wait) {
			return errors.New("backlite did not stop within a minute")
		}
		return nil
	}, nil
}
