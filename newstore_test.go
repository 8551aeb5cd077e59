package pawl_test

import (
	"context"
	"errors"
	"fmt"
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
// Most tests run in virtual time. There a server's clock is wrong, a goroutine that
// listens to a connection is never idle, and one that looks for the events of other
// processes at intervals does so a million times in three days: so the time is passed
// to the store, and the URL of a server must say events=own.
func newStore(t testing.TB) pawl.Store {
	t.Helper()
	store, err := openStore(t.Context(), os.Getenv("PAWL_TEST_STORE"), t.TempDir())
	if err != nil {
		t.Fatalf("PAWL_TEST_STORE: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil && !errors.Is(err, pawl.ErrClosed) {
			t.Errorf("Close = %v", err)
		}
	})
	return store
}

const pollEvery = 100 * time.Millisecond

// lateness is how long events may take to arrive, and what they bring about to
// happen: no time on inmem, where all is exact. Elsewhere it takes what polling
// takes, or transactions that meet others: they pause for up to 100 ms between tries.
func lateness() time.Duration {
	if os.Getenv("PAWL_TEST_STORE") == "" {
		return 0
	}
	return 4 * pollEvery
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

func openStore(ctx context.Context, url, dir string) (pawl.Store, error) {
	switch url {
	case "":
		return inmem.New(), nil
	case "polled":
		return storetest.Polled(inmem.New(), pollEvery), nil
	case "sqlite:":
		url += filepath.Join(dir, "test.db") + "?poll=10000h"
	}
	own := strings.ToLower(pawl.NewID().String())
	store, err := stores.Open(ctx, strings.ReplaceAll(url, "*", own))
	if err != nil {
		return nil, err
	}
	return storetest.Clocked(store), nil
}

// warmUp uses a store once outside of all bubbles. What drivers make at their first
// use and keep for the process would belong to the first bubble otherwise.
func warmUp() (err error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "pawl")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := openStore(ctx, os.Getenv("PAWL_TEST_STORE"), dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	run, err := asks.Add(ctx, newClient(store, pawl.Config{}), strings.Repeat("large enough to be compressed ", 1000))
	if err != nil {
		return err
	}
	rows, err := store.List(ctx, time.Time{}, pawl.Filter{Run: run.ID, Steps: true})
	if err == nil && len(rows) != 1 {
		err = fmt.Errorf("%d tasks; want 1", len(rows))
	}
	return err
}
