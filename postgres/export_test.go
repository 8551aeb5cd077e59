package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/pawlhq/pawl/internal/durable"
)

// SetHeldLong sets from what age on a transaction is a holder, for one test.
func SetHeldLong(t *testing.T, d time.Duration) {
	old := heldLong
	heldLong = d
	t.Cleanup(func() { heldLong = old })
}

// Look has a store look for holders now.
func Look(ctx context.Context, s *Store) {
	s.db.watchman.looked = time.Time{}
	s.db.look(ctx)
}

// Database returns what a store decides over.
func Database(s *Store) durable.Database { return s.db }
