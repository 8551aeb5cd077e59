package engines

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/pawlhq/pawl/bench/trial"
)

// The floors are what a store itself does with rows of the same size: no states,
// no attempts, no priorities. They show how far an engine is from its store.
var floors = []Engine{
	{
		Name: "SQLite alone", Store: SQLite, Floor: true,
		About: "a bare table; inserts of 500, claims by update and deletes of 500", Open: openSQLiteFloor,
	},
	{
		Name: "PostgreSQL alone", Store: Postgres, Floor: true,
		About: "a bare table; COPY of 1,000, two loops that claim by update and delete 500", Open: openPostgresFloor,
	},
	{
		Name: "Redis alone", Store: Redis, Floor: true,
		About: "two lists; pipelines of 500 pushes, moves, then a pop", Open: openRedisFloor,
	},
}

// floorBatch is how many rows go at a time.
const floorBatch = 500

// workLoops calls step in n loops until it is told to stop. A step that found
// nothing ends its loop: a floor is drained, and never waits.
func workLoops(ctx context.Context, n int, step func(context.Context) (found int, err error)) func() error {
	ctx, cancel := context.WithCancel(ctx)
	var loops sync.WaitGroup
	failed := make([]error, n)
	for i := range n {
		loops.Go(func() {
			for {
				found, err := step(ctx)
				if err != nil {
					failed[i] = err
				}
				if err != nil || found == 0 {
					return
				}
			}
		})
	}
	return func() error {
		cancel()
		loops.Wait()
		return errors.Join(failed...)
	}
}

// body is the arguments as a floor stores them.
func body(a trial.Args) string {
	text, err := json.Marshal(a)
	if err != nil {
		panic(err) // a number and a text always have a JSON
	}
	return string(text)
}
