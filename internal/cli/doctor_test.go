package cli

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

// checked is a store that examines what it stands on.
type checked struct {
	pawl.Store
	findings []pawl.Finding
	err      error
}

func (c checked) Check(context.Context) ([]pawl.Finding, error) { return c.findings, c.err }

func (w *ward) findings(command string) map[string]pawl.Finding {
	w.Helper()
	found := map[string]pawl.Finding{}
	for _, f := range decoded[examination](w, command).Findings {
		found[f.What] = f
		if (f.Level == pawl.FindingOK) != (f.Remedy == "") {
			w.Errorf("finding %+v; want a remedy if and only if something is wrong", f)
		}
	}
	return found
}

func TestDoctor(t *testing.T) {
	w := newWard(t)
	w.well("doctor", "memory:", "ok       write: ", "warning  queue nightly: it is paused, with 2 tasks waiting", "→ pawl queues resume nightly", "errors\n")
	found := w.findings("doctor")
	for what, level := range map[string]pawl.FindingLevel{
		"open": pawl.FindingOK, "write": pawl.FindingOK, "clock": pawl.FindingOK, "events": pawl.FindingOK, "leases": pawl.FindingOK,
		"operation ask": pawl.FindingWarning, "operation report": pawl.FindingWarning,
		"queue nightly": pawl.FindingWarning, "limit claude": pawl.FindingWarning, "dead letters": pawl.FindingWarning,
	} {
		if found[what].Level != level {
			t.Errorf("finding %q = %+v; want it %s", what, found[what], level)
		}
	}
	if f := found["dead letters"]; !strings.Contains(f.Found, "3 dead letters of 2 causes") || !strings.Contains(f.Remedy, w.group("first")) {
		t.Errorf("dead letters = %+v; want 3 of 2 causes, and the command for the larger one", f)
	}
	for _, q := range decoded[struct{ Queues []pawl.QueueStatus }](w, "queues").Queues {
		if q.Name == doctorName && len(q.Counts) > 0 {
			t.Errorf("the doctor left tasks behind: %v", q.Counts)
		}
	}
}

func TestDoctorTellsWhatTheStoreFinds(t *testing.T) {
	w := newWard(t)
	w.store = checked{Store: w.store, findings: []pawl.Finding{
		{Level: pawl.FindingOK, What: "journal", Found: "it is in WAL mode"},
		{Level: pawl.FindingError, What: "appendonly", Found: "it is off", Remedy: "CONFIG SET appendonly yes"},
	}}
	a := w.pawl("doctor")
	if a.code != exitFailed || !strings.Contains(a.out, "error    appendonly: it is off\n         → CONFIG SET appendonly yes") || !strings.Contains(a.out, "1 error\n") {
		t.Errorf("exit code %d, stdout\n%s\nwant 1 and the error", a.code, a.out)
	}
	w.store = checked{Store: w.store, err: errors.New("permission denied")}
	if a := w.pawl("doctor"); a.code != exitFailed || !strings.Contains(a.out, "settings: permission denied") || !strings.Contains(a.out, "write: a task") {
		t.Errorf("exit code %d, stdout\n%s\nwant 1, and the other findings all the same", a.code, a.out)
	}
}

// late is a store that lists the tasks of a worker that died, as stores do until
// somebody claims.
type late struct {
	pawl.Store
	ago time.Duration
}

func (l late) List(ctx context.Context, now time.Time, f pawl.Filter) ([]*pawl.TaskRow, error) {
	rows, err := l.Store.List(ctx, now, f)
	for _, r := range rows {
		if r.Operation == doctorName {
			continue
		}
		r.LeaseUntil, r.Added = r.LeaseUntil.Add(-l.ago), r.Added.Add(-l.ago)
	}
	return rows, err
}

func TestDoctorFindsTasksThatNobodyWorksOn(t *testing.T) {
	w := newWard(t)
	claim := pawl.Claim{Worker: "worker-3", Queues: []string{nightly.Queue}, Operations: []string{nightly.Name}, Max: 1, Lease: time.Minute}
	if err := w.client.Resume(t.Context(), nightly.Queue); err != nil {
		t.Fatal(err)
	}
	if claimed, err := w.store.Claim(t.Context(), time.Time{}, claim); err != nil || len(claimed.Tasks) != 1 {
		t.Fatal(claimed, err)
	}
	add(w, counts, map[string]int{"n": 1}, "waiting")
	add(w, counts, map[string]int{"n": 2}, "waiting")
	w.store = late{w.store, 2 * time.Hour}
	found := w.findings("doctor")
	if f := found["leases"]; f.Level != pawl.FindingWarning || !strings.Contains(f.Found, "1 task under a lease that has ended") || !strings.Contains(f.Found, "worker-3") {
		t.Errorf("leases = %+v; want the one that has ended, and its worker", f)
	}
	f := found["operation count"]
	if f.Level != pawl.FindingWarning || !strings.Contains(f.Found, "2 tasks of queue default waiting for up to 2h, and of 1 worker alive none") || !strings.Contains(f.Remedy, "queue default") {
		t.Errorf("operation count = %+v; want its tasks, which no worker handles", f)
	}
	if f, ok := found["operation "+nightly.Name]; ok {
		t.Errorf("operation %s = %+v; want nothing, as worker-3 is alive", nightly.Name, f)
	}
}

// A worker that has the handler and not the queue leaves the tasks where they are.
func TestDoctorKnowsWhoWorksOnWhat(t *testing.T) {
	w := newWard(t)
	add(w, counts, map[string]int{"n": 1}, "waiting")
	claim := pawl.Claim{
		Worker: "w", Operations: []string{asked.Name, counts.Name, nightly.Name}, Queues: []string{asked.Queue, nightly.Queue}, Lease: time.Minute,
	}
	w.claim(claim)
	if f := w.findings("doctor")["operation count"]; f.Level != pawl.FindingWarning {
		t.Errorf("operation count = %+v; want a warning, as no worker works on its queue", f)
	}
	claim.Queues = append(claim.Queues, "default")
	w.claim(claim)
	found := w.findings("doctor")
	if f := found["workers"]; f.Level != pawl.FindingOK || !strings.Contains(f.Found, "1 worker alive") {
		t.Errorf("workers = %+v; want it fine, and one alive", f)
	}
}

// broken is a store that takes nothing.
type broken struct{ pawl.Store }

func (broken) Add(context.Context, time.Time, []pawl.NewTask) ([]pawl.Added, error) {
	return nil, errors.New("disk full")
}

func TestDoctorOnAStoreThatTakesNothing(t *testing.T) {
	w := newWard(t)
	w.store = broken{w.store}
	if a := w.pawl("doctor"); a.code != exitFailed || !strings.Contains(a.out, "error    write: ") || !strings.Contains(a.out, "disk full") || !strings.Contains(a.err, "something is wrong") {
		t.Errorf("exit code %d, stdout\n%s\nwant 1 and why nothing is written", a.code, a.out)
	}
}

func TestClockFinding(t *testing.T) {
	for _, c := range []struct {
		ahead time.Duration
		level pawl.FindingLevel
		says  string
	}{
		{time.Second, pawl.FindingOK, "differ by 1s"},
		{3 * time.Second, pawl.FindingWarning, "ahead of this machine's by 3s"},
		{-3 * time.Second, pawl.FindingWarning, "behind this machine's by 3s"},
	} {
		if f := clock(c.ahead, 100*time.Millisecond); f.Level != c.level || !strings.Contains(f.Found, c.says) {
			t.Errorf("clock(%v) = %+v; want it %s, saying %q", c.ahead, f, c.level, c.says)
		}
	}
}
