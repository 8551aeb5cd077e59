package engines

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"maragu.dev/goqite"
	"maragu.dev/goqite/jobs"

	"github.com/pawlhq/pawl/bench/trial"
)

var goqiteEngines = []Engine{
	{
		Name: "goqite", Store: SQLite, Module: "maragu.dev/goqite",
		About: "polls every millisecond, 1,000 jobs at once, 1,000 sends in a transaction",
		Open: func(ctx context.Context, path string) (trial.Queue, error) {
			return openGoqite(ctx, path, jobs.NewRunnerOpts{Limit: 1000, PollInterval: time.Millisecond})
		},
	},
	{
		Name: "goqite, defaults", Store: SQLite, Module: "maragu.dev/goqite", Defaults: true,
		About: "polls every 100 ms, as many jobs at once as cores",
		Open: func(ctx context.Context, path string) (trial.Queue, error) {
			return openGoqite(ctx, path, jobs.NewRunnerOpts{})
		},
	},
}

// goqiteSchema is goqite's schema_sqlite.sql, which it does not export.
//
//go:embed goqite.sql
var goqiteSchema string

const goqiteJob = "noop"

type goqiteQueue struct {
	sqliteStore
	queue *goqite.Queue
	opts  jobs.NewRunnerOpts
}

func openGoqite(ctx context.Context, path string, opts jobs.NewRunnerOpts) (trial.Queue, error) {
	db, err := openSQLite(path, 1) // as its documentation advises
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, goqiteSchema); err != nil {
		return nil, fmt.Errorf("create goqite's table: %w", err)
	}
	opts.Queue = goqite.New(goqite.NewOpts{DB: db, Name: "bench"})
	return &goqiteQueue{
		sqliteStore: sqliteStore{db, "SELECT count(*) FROM goqite"},
		queue:       opts.Queue,
		opts:        opts,
	}, nil
}

func (q *goqiteQueue) Add(ctx context.Context, a trial.Args) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = jobs.Create(ctx, q.queue, goqiteJob, goqite.Message{Body: body})
	return err
}

func (q *goqiteQueue) AddBulk(ctx context.Context, list []trial.Args) error {
	for batch := range slices.Chunk(list, 1000) {
		if err := q.addBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (q *goqiteQueue) addBatch(ctx context.Context, batch []trial.Args) error {
	return inTx(ctx, q.db, func(tx *sql.Tx) error {
		for _, a := range batch {
			body, err := json.Marshal(a)
			if err != nil {
				return err
			}
			if _, err := jobs.CreateTx(ctx, tx, q.queue, goqiteJob, goqite.Message{Body: body}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (q *goqiteQueue) Work(ctx context.Context, handle func(trial.Args)) (func() error, error) {
	runner := jobs.NewRunner(q.opts)
	runner.Register(goqiteJob, func(_ context.Context, body []byte) error {
		var a trial.Args
		if err := json.Unmarshal(body, &a); err != nil {
			return err
		}
		handle(a)
		return nil
	})
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runner.Start(ctx)
	}()
	return func() error {
		cancel()
		<-done
		return nil
	}, nil
}

// inTx commits what do did, or nothing.
func inTx(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after a commit
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}
