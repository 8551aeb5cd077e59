package pawl_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/stores"
	"github.com/pawlhq/pawl/storetest"
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
		if err := store.Close(); err != nil && !errors.Is(err, pawl.ErrClosed) {
			t.Errorf("Close = %v", err)
		}
	})
	return store
}

// late is how long events may take to arrive, and what they bring about to happen:
// no time at all on inmem, where all is exact.
var late = map[string]time.Duration{"": 0, "polled": 4 * pollEvery}

const (
	pollEvery = 100 * time.Millisecond
	latest    = time.Second // on stores that poll for themselves, several times
)

func lateness() time.Duration {
	if d, ok := late[os.Getenv("PAWL_TEST_STORE")]; ok {
		return d
	}
	return latest
}

// idle waits until nothing happens any more but by the passing of time.
func idle() {
	time.Sleep(lateness())
	synctest.Wait()
}

// tried waits until the first attempt of a task is recorded.
func tried(t *testing.T, c *pawl.Client, id pawl.ID) *pawl.TaskRow {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		synctest.Wait()
		if r := row(t, c, id); len(r.Attempts) > 0 || time.Since(began) > lateness() {
			return r
		}
	}
}

// about reports whether something took as long as it should, but for the time that
// events may take.
func about(took, want time.Duration) bool { return (took - want).Abs() <= lateness() }

func openStore(t testing.TB, url string) pawl.Store {
	switch url {
	case "":
		return inmem.New()
	case "polled":
		return storetest.Polled(inmem.New(), pollEvery)
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
