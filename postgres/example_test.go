package postgres_test

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/postgres"
)

// An order and the task that confirms it are there together, or not at all.
func ExampleStore_Tx() {
	type Order struct{ ID int }
	confirm := pawl.Operation[Order, string]{Name: "confirm"}

	place := func(ctx context.Context, db *pgx.Conn, store *postgres.Store, order Order) error {
		tx, err := db.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(ctx)
		if _, err := tx.Exec(ctx, "insert into orders (id) values ($1)", order.ID); err != nil {
			return err
		}
		queue := store.Tx(tx)
		if _, err := confirm.Add(ctx, pawl.New(queue, pawl.Config{}), order); err != nil {
			return err
		}
		if err := tx.Commit(ctx); err != nil {
			return err
		}
		queue.Ring() // workers start at once; without it, within a second
		return nil
	}
	_ = place
}
