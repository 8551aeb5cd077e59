package measure_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/internal/measure"
	"github.com/pawlhq/pawl/sqlite"
)

// Each measurement does what it says: the store holds the tasks, and their
// outcomes.
func TestMeasurements(t *testing.T) {
	for _, dedup := range []bool{false, true} {
		store := inmem.New()
		m := measure.New(store, measure.Config{Dedup: dedup})
		if r, err := m.Add(t.Context(), 100, 16); err != nil || r.Tasks != 100 || r.PerSecond <= 0 {
			t.Errorf("Add = %+v, %v; want a rate of 100 tasks", r, err)
		}
		if r, err := m.AddMany(t.Context(), 250, 100); err != nil || r.Tasks != 250 || r.PerSecond <= 0 {
			t.Errorf("AddMany = %+v, %v; want a rate of 250 tasks", r, err)
		}
		counts(t, store, map[pawl.State]int{pawl.Pending: 350})
		clean(t, m, store)

		d, err := m.Drain(t.Context(), 2500, 2500, 100)
		if err != nil || d.Tasks != 2500 || d.Waiting != 2500 || d.Resident < 1<<20 {
			t.Errorf("Drain = %+v, %v; want 2500 tasks and some memory", d, err)
		}
		counts(t, store, map[pawl.State]int{pawl.Succeeded: 2500})
		if d, err = m.Drain(t.Context(), 2500, 500, 100); err != nil || d.Tasks < 500 || d.Tasks > 700 {
			t.Errorf("Drain of a part = %+v, %v; want 500 tasks and those in hand", d, err)
		}
		clean(t, m, store)

		l, err := m.Start(t.Context(), 20)
		if err != nil || l.Tasks != 20 || l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.Most {
			t.Errorf("Start = %+v, %v; want times in order", l, err)
		}
		counts(t, store, map[pawl.State]int{pawl.Succeeded: 20})
	}
}

func counts(t *testing.T, store pawl.Store, want map[pawl.State]int) {
	t.Helper()
	status, err := store.Status(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range status.Queues {
		for _, s := range pawl.States() {
			if q.Counts[s] != want[s] {
				t.Errorf("%d tasks are %s; want %d", q.Counts[s], s, want[s])
			}
		}
	}
}

func clean(t *testing.T, m *measure.Meter, store pawl.Store) {
	t.Helper()
	if err := m.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts(t, store, nil)
}

func TestInputIsOneKibibyte(t *testing.T) {
	store := inmem.New()
	if _, err := measure.New(store, measure.Config{}).Add(t.Context(), 1, 1); err != nil {
		t.Fatal(err)
	}
	rows, err := store.List(t.Context(), time.Time{}, pawl.Filter{})
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	var in measure.Input
	if err := json.Unmarshal(rows[0].Input, &in); err != nil || len(rows[0].Input) != 1024 || in.N == 0 {
		t.Errorf("an input has %d bytes, %v; want 1024 of JSON", len(rows[0].Input), err)
	}
}

// A queue that others use is left alone.
func TestPrepare(t *testing.T) {
	store := inmem.New()
	m := measure.New(store, measure.Config{})
	if _, err := m.AddMany(t.Context(), 1500, 1000); err != nil {
		t.Fatal(err)
	}
	if err := measure.New(store, measure.Config{}).Prepare(t.Context()); err != nil {
		t.Errorf("Prepare after a measurement that was killed = %v; want nil", err)
	}
	counts(t, store, nil)

	theirs := pawl.Operation[string, string]{Name: "theirs", Queue: measure.Queue}
	if _, err := theirs.Add(t.Context(), pawl.New(store, pawl.Config{}), "x"); err != nil {
		t.Fatal(err)
	}
	if err := m.Prepare(t.Context()); !errors.Is(err, measure.ErrBusy) || !strings.Contains(err.Error(), `"theirs"`) {
		t.Errorf("Prepare on a queue of others = %v; want ErrBusy and their operation", err)
	}
	counts(t, store, map[pawl.State]int{pawl.Pending: 1})
}

// A measurement that was killed in the middle of a drain stops no later one.
func TestPrepareAfterAKill(t *testing.T) {
	file, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "bench.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, store := range []pawl.Store{inmem.New(), file} {
		m := measure.New(store, measure.Config{})
		if _, err := m.AddMany(t.Context(), 20, 20); err != nil {
			t.Fatal(err)
		}
		claim := pawl.Claim{Worker: "killed", Operations: []string{measure.Operation}, Max: 10, Lease: time.Millisecond}
		if claimed, err := store.Claim(t.Context(), time.Now().Add(-time.Hour), claim); err != nil || len(claimed.Tasks) != 10 {
			t.Fatal(len(claimed.Tasks), err)
		}
		if err := m.Prepare(t.Context()); err != nil {
			t.Errorf("%T: Prepare = %v; want nil", store, err)
		}
		counts(t, store, nil)
	}
}

func TestPrepareWhileAnotherMeasures(t *testing.T) {
	store := inmem.New()
	m := measure.New(store, measure.Config{})
	if _, err := m.Add(t.Context(), 2, 1); err != nil {
		t.Fatal(err)
	}
	claim := pawl.Claim{Worker: "other", Operations: []string{measure.Operation}, Max: 1, Lease: time.Minute}
	if _, err := store.Claim(t.Context(), time.Time{}, claim); err != nil {
		t.Fatal(err)
	}
	if err := m.Prepare(t.Context()); !errors.Is(err, measure.ErrBusy) || !strings.Contains(err.Error(), "other") {
		t.Errorf("Prepare = %v; want ErrBusy and the other's name", err)
	}
	counts(t, store, map[pawl.State]int{pawl.Pending: 1, pawl.Running: 1})
}

func TestOver(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   measure.Spread
	}{
		{[]float64{3}, measure.Spread{Median: 3, Low: 3, High: 3}},
		{[]float64{3, 1, 2}, measure.Spread{Median: 2, Low: 1, High: 3}},
		{[]float64{4, 1, 2, 3}, measure.Spread{Median: 2.5, Low: 1, High: 4}},
	} {
		if got := measure.Over(c.values); got != c.want {
			t.Errorf("Over(%v) = %v; want %v", c.values, got, c.want)
		}
	}
}
