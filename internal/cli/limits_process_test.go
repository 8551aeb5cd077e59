package cli_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	queue "github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

// started tells of tasks that start, whichever process starts them.
type started <-chan queue.Event

func watchStarts(t *testing.T, c *queue.Client) started {
	events, starts := c.Events(t.Context(), queue.EventStarted), make(chan queue.Event, 8)
	go func() {
		for e, err := range events {
			if err != nil {
				return // the test has ended
			}
			starts <- e
		}
	}()
	return starts
}

// one waits until a task starts.
func (s started) one(t *testing.T, why string) {
	t.Helper()
	select {
	case <-s:
	case <-time.After(bound):
		t.Fatalf("no task has started in %v; want one, as %s", bound, why)
	}
}

// none sees that no task starts for half a second, of which a free worker needs a
// hundredth.
func (s started) none(t *testing.T, why string) {
	t.Helper()
	select {
	case e := <-s:
		t.Fatalf("task %s has started; want none, as %s", e.Task, why)
	case <-time.After(500 * time.Millisecond):
	}
}

// awaitWorkers waits until so many workers have asked for tasks.
func awaitWorkers(t *testing.T, c *queue.Client, n int) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), bound)
	defer stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		status, err := c.Status(ctx)
		if err != nil {
			t.Fatalf("waited until %d workers ask for tasks: %v", n, err)
		}
		if len(status.Workers) >= n {
			return
		}
	}
}

// An operator's commands reach a worker that runs, in another process.
func TestLimitsActOnLiveWorkers(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "limits.db")
	store, err := stores.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	say := func(command, says string) {
		t.Helper()
		if r := pawl(t, nil, append(strings.Fields(command), "--store", url)...); r.code != 0 || !strings.Contains(r.out, says) {
			t.Fatalf("pawl %s: exit code %d, stderr %q, prints\n%s\nwant 0 and %q", command, r.code, r.err, r.out, says)
		}
	}
	say("limits set demo --new --requests 1", "limit demo is changed, for all workers at once")
	say("limits hold demo --reason spent", "limit demo is held")
	sim, at, ledger := start(t, "simulate", "--requests", "6000", "--tokens", "0", "--first-token", "1ms", "--tokens-per-second", "5000")
	worker, _, out := start(t, "worker", "--store", url, "--provider", "anthropic", "--base-url", at)

	client := queue.New(store, queue.Config{})
	awaitWorkers(t, client, 1)
	starts := watchStarts(t, client)
	analyze := queue.Operation[map[string]string, []string]{Name: "analyze", Queue: "demo", Limit: "demo"}
	if _, err := analyze.AddMany(t.Context(), client, []map[string]string{{"Text": "Bees dance."}, {"Text": "Wheels turn."}}); err != nil {
		t.Fatal(err)
	}
	starts.none(t, "the limit is held")
	say("limits", "until it is resumed: spent")
	say("limits resume demo", "limit demo is neither held nor paused")
	starts.one(t, "the limit was resumed")
	starts.none(t, "the second must wait for a minute")
	say("limits set demo --requests 3000", "1/min  3,000/min")
	starts.one(t, "the limit was raised")

	if r := interrupt(t, worker, out); r.code != 0 {
		t.Errorf("the worker's exit code is %d; want 0:\n%s", r.code, r.out)
	}
	if books := interrupt(t, sim, ledger); books.number(t, "answered  ", 0) != 2 {
		t.Errorf("the provider's books are\n%s\nwant two calls answered", books.out)
	}
}
