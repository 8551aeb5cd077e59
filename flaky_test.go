package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/storetest"
)

// seeds runs a random test in virtual time with several seeds: PAWL_SEEDS of
// them, or n, and a quarter of these on a durable store, where each takes many times as
// long. To repeat a failure, run the subtest with the seed's name.
func seeds(t *testing.T, n int, run func(*testing.T, uint64)) {
	if os.Getenv("PAWL_TEST_STORE") != "" {
		n = (n + 3) / 4
	}
	if s := os.Getenv("PAWL_SEEDS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatalf("PAWL_SEEDS is %q; want a number", s)
		}
	}
	for seed := range uint64(n) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { run(t, seed) })
		})
	}
}

// pass lets virtual time pass, for tests whose bubble seeds makes.
func pass(d time.Duration) { time.Sleep(d) }

// ends counts how often each task ended, as the store tells it.
type ends struct {
	mu    sync.Mutex
	times map[pawl.ID]int
}

func watchEnds(t *testing.T, store pawl.Store) *ends {
	e := &ends{times: map[pawl.ID]int{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	events := newClient(store, pawl.Config{}).Events(ctx, pawl.EventEnded)
	go func() {
		defer close(done)
		for event, err := range events {
			if err != nil {
				t.Errorf("events: %v", err)
				return
			}
			e.mu.Lock()
			e.times[event.Task]++
			e.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return e
}

// check fails the test unless each task has ended, once.
func (e *ends) check(t *testing.T, rows []*pawl.TaskRow) {
	t.Helper()
	idle()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range rows {
		if !r.State.Ended() || e.times[r.ID] != 1 {
			t.Errorf("%s (%s) is %s and ended %d times; want once", r.ID, r.Operation, r.State, e.times[r.ID])
		}
	}
}

// Whatever call of the store fails, before or after it took effect: no task is
// lost, none ends twice, and no stored answer is paid for again.
func TestAFlakyStoreBreaksNoPromise(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		base := newStore(t)
		ended := watchEnds(t, base)
		reader := newClient(base, pawl.Config{})
		m := &model{answer: func(context.Context, int) (*llm.Response, error) {
			time.Sleep(2 * time.Second)
			return say("ok"), nil
		}}
		o := asks
		o.Attempts = 50
		handler := func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			for i := range 3 {
				if _, err := task.Ask(ctx, m, fmt.Sprint(task.Input, ", question ", i)); err != nil {
					return "", err
				}
			}
			return "result of " + task.Input, nil
		}
		stores := []*storetest.FlakyStore{storetest.Flaky(base, 0.08, 2*seed), storetest.Flaky(base, 0.08, 2*seed+1)}
		for i, store := range stores {
			c := newClient(store, pawl.Config{Name: fmt.Sprint("worker ", i), Workers: 10})
			o.Handle(c, handler)
			start(t, c)
		}
		adder := newClient(stores[0], pawl.Config{})
		for i := range 60 {
			in := fmt.Sprint("task ", i)
			for {
				run, err := o.Add(t.Context(), adder, in, pawl.Messages{llm.Text("user", "Be brief.")})
				if err == nil {
					break
				}
				if !errors.Is(err, storetest.ErrFlaky) || run != nil {
					t.Fatalf("Add = %v, %v; want a run or the store's error", run, err)
				}
			}
		}
		rows, err := reader.List(t.Context(), pawl.Filter{})
		must(t, err)
		if len(rows) != 60 {
			t.Fatalf("%d tasks; want 60: those whose Add failed late were joined", len(rows))
		}
		unknown := 0
		for i, r := range rows {
			_, err = pawl.RunOf[string](reader, r.ID).Wait(t.Context())
			must(t, err)
			rows[i] = row(t, reader, r.ID)
			for _, a := range rows[i].Attempts {
				unknown += a.Unknown
			}
			if n := len(rows[i].Steps); n != 3 {
				t.Errorf("task %d has %d stored calls; want 3", i, n)
			}
		}
		ended.check(t, rows)
		if again := m.calls() - 180; again < 0 || again > unknown {
			t.Errorf("%d calls for 180 answers; want no more than the %d counted as unknown on top", m.calls(), unknown)
		}
		if failed := stores[0].Failed(); len(failed) < 8 {
			t.Errorf("only these calls failed: %v", failed)
		}
		status, err := reader.Status(t.Context())
		must(t, err)
		if n := status.Limits[0].State.InFlight; n != 0 {
			t.Errorf("%d calls are in flight at the end; want 0", n)
		}
	})
}
