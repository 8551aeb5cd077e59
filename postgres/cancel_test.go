package postgres_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/services"
)

// A caller who gives up in the middle of a call has the server stop that call,
// and no other: not what the same connection is used for next, and not a pooler.
func TestCallsThatAreGivenUpHarmNoOther(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) { giveUp(t, services.Postgres(t)) })
	t.Run("PgBouncer", func(t *testing.T) { giveUp(t, services.PgBouncer(t)) })
}

func giveUp(t *testing.T, at string) {
	store := open(t, at)
	defer store.Close()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 40 {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*time.Millisecond))
				_, err := store.List(ctx, time.Time{}, pawl.Filter{})
				cancel()
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("List with a context that ends = %v; want rows or its error", err)
				}
				if _, err := store.List(t.Context(), time.Time{}, pawl.Filter{}); err != nil {
					t.Errorf("List = %v; want rows", err)
					return
				}
			}
		})
	}
	all.Wait()
}
