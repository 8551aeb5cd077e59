package cli

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

// claim has a worker ask for tasks.
func (w *ward) claim(c pawl.Claim) {
	w.Helper()
	if _, err := w.store.Claim(w.Context(), time.Time{}, c); err != nil {
		w.Fatal(err)
	}
}

// awaitWorkers waits until so many workers have asked for tasks.
func (w *ward) awaitWorkers(n int) {
	w.Helper()
	ctx, stop := context.WithTimeout(w.Context(), patience)
	defer stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := w.client.Status(ctx)
		if err != nil {
			w.Fatal(err)
		}
		if len(status.Workers) >= n {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.Fatalf("%d workers have asked for tasks; want %d", len(status.Workers), n)
		}
	}
}

// seenAgo is when a worker was seen, which hangs on how busy the machine is.
var seenAgo = regexp.MustCompile(`  \d+s ago\n`)

func TestWorkersThatAreAlive(t *testing.T) {
	w := newWard(t)
	w.well("workers", "no workers: none was seen within the last minute")
	if got := decoded[struct{ Workers []pawl.WorkerStatus }](w, "workers"); got.Workers == nil || len(got.Workers) > 0 {
		t.Errorf("workers = %v; want an empty list", got.Workers)
	}
	w.claim(pawl.Claim{Worker: "worker-5", Operations: []string{"ask", "tell"}, Queues: []string{"agents", "nightly"}, Lease: time.Minute})
	w.claim(pawl.Claim{Worker: "worker-4", Operations: []string{"count", "pawl.all", "pawl.each", "pawl.try"}, Lease: time.Minute})
	out := w.well("workers", "worker-4  all              count       ", "worker-5  agents, nightly  ask, tell   ")
	if n := len(seenAgo.FindAllString(out, -1)); n != 2 {
		t.Errorf("pawl workers prints\n%s\nwant when both were seen", out)
	}
	if strings.Index(out, "worker-4") > strings.Index(out, "worker-5") {
		t.Errorf("pawl workers prints\n%s\nwant them by name", out)
	}
	got := decoded[struct{ Workers []pawl.WorkerStatus }](w, "workers").Workers
	if len(got) != 2 || got[0].Queues == nil || len(got[0].Queues) > 0 || !slices.Equal(got[0].Operations, []string{"count"}) || !slices.Equal(got[1].Operations, []string{"ask", "tell"}) || time.Since(got[1].Seen) > time.Minute {
		t.Errorf("workers = %+v; want both, the first with no queues, and with its users' operation alone", got)
	}
}

func TestWorkersWithManyOperationsFitTheScreen(t *testing.T) {
	w := newWard(t)
	many := strings.Fields(strings.Repeat("operation ", 40))
	w.claim(pawl.Claim{Worker: strings.Repeat("long-name-", 9), Operations: many, Queues: many, Lease: time.Minute})
	out := w.well("workers", "operation, operation") // ward checks how wide the lines are
	if !seenAgo.MatchString(out) {
		t.Errorf("pawl workers prints\n%s\nwant when the worker was seen", out)
	}
}
