package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
)

func TestWhy(t *testing.T) {
	w := newWard(t)
	w.well("why "+w.id("reader"), w.id("reader")+"  succeeded", "it succeeded at", "pawl show "+w.id("reader"))
	w.well("why "+w.id("patient"), "scheduled", "no worker that is alive", "operation flaky", "start a worker")
	w.well("why "+w.id("sleeper"), "pending", "queue nightly is paused", "nobody can tell yet", "pawl queues resume nightly")
	w.refused("why "+pawl.NewID().String(), exitFailed, "there is no task task_", "it was deleted")
	w.refused("why 12", exitUsage, `ID is "12"`)
	if got := decoded[pawl.Why](w, "why "+w.id("sleeper")); got.Gate != pawl.HinderedQueue || got.Place == 0 || got.State != pawl.Pending {
		t.Errorf("why -o json = %+v; want its queue, and a place", got)
	}
}

// One of each thing that can keep a task waiting.
func TestWhyAsAPage(t *testing.T) {
	id, err := pawl.ParseID("task_01JW5E8Z3G7M9QXK2T4V6B8C0D")
	if err != nil {
		t.Fatal(err)
	}
	row := func(state pawl.State) *pawl.TaskRow {
		return &pawl.TaskRow{
			ID: id, Operation: "summarise", Queue: "agents", Limit: "claude-sonnet", User: "ann", State: state, Worker: "worker-1",
			Started: noon.Add(-90 * time.Second), Ended: noon.Add(-time.Hour), Due: noon.Add(2 * time.Minute),
		}
	}
	retried := row(pawl.Scheduled)
	retried.Attempts = []pawl.Attempt{{Number: 2, Class: "transient"}}
	stopped := row(pawl.Blocked)
	stopped.Links = &pawl.Links{Wait: &pawl.Wait{Budget: "user/* per day", Account: "ann"}}
	stopped.Attempts = []pawl.Attempt{{Number: 1, Class: pawl.Parked, Message: "budget user/* per day of ann: 4.98 of 5.00 are spent, and the call needs 0.04"}}
	dead := row(pawl.Dead)
	dead.Attempts = []pawl.Attempt{{Number: 3, Class: "permanent", Message: "the call needs 3300 tokens, and budget user/ann allows 100 tokens in all; make it smaller, or raise the budget\nand more (permanent)"}}
	waits := func(ahead int, next time.Duration, gates ...limit.Gate) pawl.Standing {
		return pawl.Standing{Row: row(pawl.Pending), Now: noon, Workers: 1, Ahead: ahead, Gates: gates, Next: noon.Add(next)}
	}
	unknown := func(s pawl.Standing) pawl.Standing {
		s.Next = time.Time{}
		return s
	}
	spent := func(s pawl.Standing, stop pawl.Stop) pawl.Standing {
		s.Stop = &stop
		return s
	}
	month := pawl.Stop{Budget: "user/ann per month", Account: "ann", Until: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), Why: "budget user/ann per month: 2 of 2 calls are spent"}
	loop := pawl.Stop{Budget: "run/*", Account: id.String(), Why: "budget run/* of " + id.String() + ": the same state of a conversation was asked 3 times in this run, and is asked again"}
	paused := unknown(waits(0, 0))
	paused.Paused = true
	alone := unknown(waits(3, 0))
	alone.Workers = 0
	in := func(d time.Duration) time.Time { return noon.Add(d) }
	var out bytes.Buffer
	p := page{t: &terminal{out: &out, env: func(string) string { return "" }}, now: noon}
	for _, s := range []pawl.Standing{
		{Row: row(pawl.Succeeded)},
		{Row: dead},
		{Row: row(pawl.Dead)},
		{Row: row(pawl.Running)},
		{Row: row(pawl.Blocked)},
		{Row: stopped},
		{Row: retried, Workers: 1, Next: retried.Due},
		paused,
		alone,
		unknown(waits(0, 0, limit.Gate{Name: "held", Reason: "your credit balance is too low"})),
		waits(1, time.Hour, limit.Gate{Name: "held", Reason: "the month's budget is spent", Until: in(time.Hour)}),
		waits(20, 3*time.Minute, limit.Gate{Name: "paused", Reason: "429: slow down", Until: in(time.Minute)}),
		waits(0, 8*time.Second, limit.Gate{Name: "unreachable", Reason: "dial tcp: connection refused", Until: in(8 * time.Second)}),
		waits(2, time.Minute, limit.Gate{Name: "tokens a day", Level: 12, Need: 3400, Limit: "anthropic", User: "ann", Until: in(30 * time.Second)}),
		waits(1234, 12*time.Minute, limit.Gate{Name: "input tokens", Level: 1234, Need: 5000, Until: in(8 * time.Second)}),
		unknown(waits(0, 0, limit.Gate{Name: "in flight"})),
		waits(41, 95*time.Second),
		waits(0, 0),
		spent(waits(0, 0), month),
		spent(waits(0, 0), loop),
		spent(waits(0, 8*time.Second, limit.Gate{Name: "requests", Need: 1, Until: in(8 * time.Second)}), month),
	} {
		w := s.Why()
		p.why(&w)
		out.WriteByte('\n')
	}
	golden(t, "why", out.String())
}
