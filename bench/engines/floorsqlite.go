package engines

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/pawlhq/pawl/bench/trial"
)

type sqliteFloor struct{ sqliteStore }

func openSQLiteFloor(ctx context.Context, path string) (trial.Queue, error) {
	db, err := openSQLite(path, 1)
	if err != nil {
		return nil, err
	}
	const schema = `
CREATE TABLE bare (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, body TEXT NOT NULL, taken INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX bare_waiting ON bare (id) WHERE taken = 0;`
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, fmt.Errorf("create the bare table: %w", err)
	}
	return sqliteFloor{sqliteStore{db, "SELECT count(*) FROM bare"}}, nil
}

const sqliteInsert = "INSERT INTO bare (n, body) VALUES (?, ?)"

func (f sqliteFloor) Add(ctx context.Context, a trial.Args) error {
	_, err := f.db.ExecContext(ctx, sqliteInsert, a.N, body(a))
	return err
}

func (f sqliteFloor) AddBulk(ctx context.Context, list []trial.Args) error {
	for batch := range slices.Chunk(list, floorBatch) {
		if err := inTx(ctx, f.db, func(tx *sql.Tx) error { return insertBare(ctx, tx, batch) }); err != nil {
			return err
		}
	}
	return nil
}

func insertBare(ctx context.Context, tx *sql.Tx, batch []trial.Args) error {
	insert, err := tx.PrepareContext(ctx, sqliteInsert)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, a := range batch {
		if _, err := insert.ExecContext(ctx, a.N, body(a)); err != nil {
			return err
		}
	}
	return nil
}

func (f sqliteFloor) Work(ctx context.Context, handle func(trial.Args)) (func() error, error) {
	return workLoops(ctx, 1, func(ctx context.Context) (int, error) { return f.step(ctx, handle) }), nil
}

// step claims rows in a transaction and deletes them in another, as a queue has to.
func (f sqliteFloor) step(ctx context.Context, handle func(trial.Args)) (int, error) {
	ns, last, err := f.claim(ctx)
	if err != nil || len(ns) == 0 {
		return 0, err
	}
	// One loop claims in the order of the ids: all up to the last are its own.
	if _, err := f.db.ExecContext(ctx, "DELETE FROM bare WHERE id <= ?", last); err != nil {
		return 0, err
	}
	for _, n := range ns {
		handle(trial.Args{N: n})
	}
	return len(ns), nil
}

func (f sqliteFloor) claim(ctx context.Context) (ns []int, last int64, err error) {
	rows, err := f.db.QueryContext(ctx, `
UPDATE bare SET taken = 1
WHERE id IN (SELECT id FROM bare WHERE taken = 0 ORDER BY id LIMIT ?)
RETURNING id, n, body`, floorBatch)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			id   int64
			n    int
			body string
		)
		if err := rows.Scan(&id, &n, &body); err != nil {
			return nil, 0, err
		}
		ns, last = append(ns, n), max(last, id)
	}
	return ns, last, rows.Err()
}
