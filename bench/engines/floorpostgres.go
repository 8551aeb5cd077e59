package engines

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl/bench/trial"
)

type postgresFloor struct{ postgresStore }

func openPostgresFloor(ctx context.Context, url string) (trial.Queue, error) {
	pool, err := openPool(ctx, url)
	if err != nil {
		return nil, err
	}
	const schema = `
CREATE TABLE bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int NOT NULL, body text NOT NULL, taken boolean NOT NULL DEFAULT false);
CREATE INDEX bare_waiting ON bare (id) WHERE NOT taken;`
	if _, err := pool.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("create the bare table: %w", err)
	}
	return postgresFloor{postgresStore{pool, "SELECT count(*) FROM bare"}}, nil
}

func (f postgresFloor) Add(ctx context.Context, a trial.Args) error {
	_, err := f.pool.Exec(ctx, "INSERT INTO bare (n, body) VALUES ($1, $2)", a.N, body(a))
	return err
}

func (f postgresFloor) AddBulk(ctx context.Context, list []trial.Args) error {
	for batch := range slices.Chunk(list, 1000) {
		rows := pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) { return []any{batch[i].N, body(batch[i])}, nil })
		if _, err := f.pool.CopyFrom(ctx, pgx.Identifier{"bare"}, []string{"n", "body"}, rows); err != nil {
			return err
		}
	}
	return nil
}

func (f postgresFloor) Work(ctx context.Context, handle func(trial.Args)) (func() error, error) {
	return workLoops(ctx, 2, func(ctx context.Context) (int, error) { return f.step(ctx, handle) }), nil
}

// step claims rows in a transaction and deletes them in another, as a queue has to.
func (f postgresFloor) step(ctx context.Context, handle func(trial.Args)) (int, error) {
	rows, err := f.pool.Query(ctx, `
UPDATE bare SET taken = true
WHERE id IN (SELECT id FROM bare WHERE NOT taken ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING id, n, body`, floorBatch)
	if err != nil {
		return 0, err
	}
	type row struct {
		ID   int64
		N    int
		Body string
	}
	taken, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil || len(taken) == 0 {
		return 0, err
	}
	ids := make([]int64, len(taken))
	for i, r := range taken {
		ids[i] = r.ID
	}
	if _, err := f.pool.Exec(ctx, "DELETE FROM bare WHERE id = ANY($1)", ids); err != nil {
		return 0, err
	}
	for _, r := range taken {
		handle(trial.Args{N: r.N})
	}
	return len(taken), nil
}
