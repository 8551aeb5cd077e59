package cli

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/price"
	"github.com/pawlhq/pawl/stores"
)

// emptyWard is a store with nothing in it.
func emptyWard(t *testing.T) *ward {
	store, err := stores.Open(t.Context(), "memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &ward{T: t, store: kept{store}, client: pawl.New(store, pawl.Config{}), tasks: map[string]pawl.ID{}}
}

var quick = []string{"demo", "--speed", "60", "--faults", "0"}

// calls returns what the demo says that it sent and was answered.
func calls(t *testing.T, out string) (sent, answered string) {
	t.Helper()
	row := func(label string) string {
		m := regexp.MustCompile(`(?m)^ ` + label + `  +(\d+)`).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("no row %q in:\n%s", label, out)
		}
		return m[1]
	}
	return row("sent"), row("answered, and paid")
}

// A store that has the tasks of an earlier run in it changes nothing for the next
// one: it does all the work anew, and counts its own.
func TestDemoAgain(t *testing.T) {
	w := emptyWard(t)
	for range 2 {
		a := w.pawl(quick...)
		if sent, answered := calls(t, a.out); a.code != exitOK || sent != "23" || answered != "22" {
			t.Errorf("exit code %d, %s calls sent and %s answered, stderr %q; want 0, 23 and 22:\n%s", a.code, sent, answered, a.err, a.out)
		}
		if n := strings.Count(a.out, "· analyze"); n != 3 {
			t.Errorf("%d dead letters are reported; want this run's 3:\n%s", n, a.out)
		}
	}
	if list := decoded[taskList](w, "tasks --max 0"); len(list.Tasks) != 48 {
		t.Errorf("the store has %d tasks; want those of two runs, 2 × 24", len(list.Tasks))
	}
}

// What the demo says that it paid and saved is what the ledger has of it, with the price
// of the model that the simulated one plays.
func TestDemoCountsByTheLedger(t *testing.T) {
	w := emptyWard(t)
	a := w.pawl(append(quick, "documents/bees.txt", "documents/locks.txt", "documents/bees.txt")...)
	if !strings.Contains(flat(a.out), "prices built in, of "+price.Builtin().Date+", in USD; the simulated model costs what "+played+" does, which it plays") {
		t.Errorf("the demo prints\n%s\nwant it to say which prices it has", a.out)
	}
	var paid, joined pawl.Sum
	for row, err := range w.client.Usage(t.Context(), pawl.LedgerFilter{Queue: queueName}) {
		if err != nil {
			t.Fatal(err)
		}
		paid, joined = paid.Plus(row.Sums[pawl.EntryAnswered]), joined.Plus(row.Sums[pawl.EntryJoined])
	}
	rates, _ := price.Builtin().Find(played)
	if cost := rates.Cost(paid.Usage); paid.Cost == 0 || max(paid.Cost-cost, cost-paid.Cost) > price.Money(paid.Calls) { // each call is rounded
		t.Errorf("the ledger has %+v; want a cost of %s", paid, cost)
	}
	for label, sum := range map[string]pawl.Sum{"answered, and paid": paid, "not paid again: joined by 1 copy": joined} {
		want := fmt.Sprintf("%s %s %s %s USD", label, thousands(sum.Calls), thousands(sum.Usage.Total()), money(sum.Cost))
		if sum.Calls == 0 || !strings.Contains(flat(a.out), want) {
			t.Errorf("the demo prints\n%s\nwant it to say %q", a.out, want)
		}
	}
	if w.well("usage --queue demo", "MODEL      ANSWERED", "simulated  "); len(regexp.MustCompile(`(?m)^ 0\.\d+ USD  `).FindAllString(a.out, -1)) != 2 {
		t.Errorf("the demo prints\n%s\nwant what both documents cost", a.out)
	}
}

// What an interrupted run left is worked on beside, and neither joined nor counted.
func TestDemoAfterAnInterruptedOne(t *testing.T) {
	w := emptyWard(t)
	add(w, digest, Document{document("bees")}, "school")
	if err := w.client.SetLimit(t.Context(), limitName, (&provider{}).limit); err != nil {
		t.Fatal(err)
	}
	if err := w.client.HoldLimit(t.Context(), limitName, "key refused"); err != nil {
		t.Fatal(err)
	}
	a := w.pawl(quick...)
	sent, answered := calls(t, a.out)
	if a.code != exitOK || sent != "23" || answered != "22" {
		t.Errorf("exit code %d, %s calls sent and %s answered, stderr %q; want 0, 23 and 22", a.code, sent, answered, a.err)
	}
	for _, say := range []string{"left over  1 task of earlier runs", "left it held, and it is open again: key refused"} {
		if !strings.Contains(a.out, say) {
			t.Errorf("the demo prints\n%s\nwant it to say %q", a.out, say)
		}
	}
	w.states(map[string]pawl.State{"school": pawl.Succeeded})
}

func TestDemoOnAPausedQueue(t *testing.T) {
	w := emptyWard(t)
	if err := w.client.Pause(t.Context(), queueName); err != nil {
		t.Fatal(err)
	}
	w.refused("demo --speed 60", exitFailed, "the demo's queue is paused", "pawl queues resume demo --store memory:")
}

// Two workers and a demo that leaves the work to them share it.
func TestWorkers(t *testing.T) {
	w := emptyWard(t)
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	var workers sync.WaitGroup
	var outs [2]bytes.Buffer
	for i := range outs {
		workers.Go(func() {
			var errs bytes.Buffer
			if code := w.run(ctx, &outs[i], &errs, "worker", "--workers", "1", "--faults", "0", "--speed", "60"); code != exitOK || errs.Len() > 0 {
				t.Errorf("a worker's exit code is %d, stderr %q; want 0 and nothing", code, &errs)
			}
		})
	}
	w.awaitWorkers(2) // so that there is work left for both
	a := w.pawl("demo", "--workers", "0")
	stop(errInterrupted)
	workers.Wait()
	if sent, answered := calls(t, a.out); a.code != exitOK || sent != "23" || answered != "22" {
		t.Errorf("exit code %d, %s calls sent and %s answered, stderr %q; want 0, 23 and 22:\n%s", a.code, sent, answered, a.err, a.out)
	}
	if !strings.Contains(a.out, "provider   those of the workers") || strings.Contains(a.out, "OWN COUNT") {
		t.Errorf("the demo prints\n%s\nwant it to leave the provider to the workers", a.out)
	}
	for i := range outs {
		out := outs[i].String()
		for _, say := range []string{" prices=\"built in, of 20", " started operation=analyze task=task_", " done operation=", "interrupted: takes no more tasks", "ended done="} {
			if !strings.Contains(out, say) {
				t.Errorf("worker %d prints\n%s\nwant it to say %q", i, out, say)
			}
		}
	}
}

// A worker keeps to the limits that the store has, unless it is told others.
func TestWorkerTakesTheStoresLimits(t *testing.T) {
	w := emptyWard(t)
	ended, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct{ args, says string }{
		{"worker --requests 70 --tokens 50000", "70 requests and 50,000 tokens a minute"},
		{"worker", "50 requests and 40,000 tokens a minute"},
	} {
		var out, errs bytes.Buffer
		if code := w.run(ended, &out, &errs, strings.Fields(c.args)...); code != exitOK && code != exitInterrupted || !strings.Contains(out.String(), c.says) && code == exitOK {
			t.Errorf("pawl %s: exit code %d, prints %s; want %q", c.args, code, &out, c.says)
		}
	}
}

func TestWorkerFlags(t *testing.T) {
	w := emptyWard(t)
	w.refused("worker --workers 0", exitUsage, "--workers is 0", "1 to 10,000")
	w.refused("demo --workers=-1", exitUsage, "--workers is -1", "0 to leave the work to others")
	w.refused("worker --speed 0", exitUsage, "--speed is 0")
	w.refused("worker --provider openai", exitUsage, "OPENAI_API_KEY is not set")
}
