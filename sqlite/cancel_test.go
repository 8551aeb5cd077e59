package sqlite_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

// A caller who gives up in the middle of a read leaves the connection as it was:
// the reads of others go on.
func TestReadsThatAreGivenUpHarmNoOther(t *testing.T) {
	store := open(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				go cancel()
				if _, err := store.List(ctx, time.Time{}, pawl.Filter{}); err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("List with a context that ends = %v; want rows or its error", err)
				}
				if _, err := store.List(t.Context(), time.Time{}, pawl.Filter{}); err != nil {
					t.Errorf("List = %v; want rows", err)
				}
			}
		})
	}
	all.Wait()
}
