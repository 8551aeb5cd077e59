package pawl_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/storetest"
	"github.com/pawlhq/pawl/stores"
)

// newStore opens an empty store, which the test's end closes. PAWL_TEST_STORE says
// which one all tests of the engine run on:
//
//	(unset)       inmem
//	polled        inmem, with events that come late and hints that nobody needs
//	sqlite:       a new SQLite file for each
//	another URL   of stores.Open; a * in it becomes a name of each store's own
//
// Most tests run in virtual time. There a server's clock is wrong and a goroutine
// that listens to a connection is never idle: so the time is passed to the store,
// and the URL of a server must say events=poll.
func newStore(t testing.TB) pawl.Store {
	t.Helper()
	store := openStore(t, os.Getenv("PAWL_TEST_STORE"))
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return store
}

func openStore(t testing.TB, url string) pawl.Store {
	switch url {
	case "":
		return inmem.New()
	case "polled":
		return storetest.Polled(inmem.New(), 100*time.Millisecond)
	case "sqlite:":
		url += filepath.Join(t.TempDir(), "test.db")
	}
	own := strings.ToLower(pawl.NewID().String())
	store, err := stores.Open(t.Context(), strings.ReplaceAll(url, "*", own))
	if err != nil {
		t.Fatalf("PAWL_TEST_STORE: %v", err)
	}
	return storetest.Clocked(store)
}
