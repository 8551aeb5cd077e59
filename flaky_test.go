package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/llm"
)

// seeds runs a random test in virtual time with several seeds: PAWL_SEEDS of
// them, or n. To repeat a failure, run the subtest with the seed's name.
func seeds(t *testing.T, n int, run func(*testing.T, uint64)) {
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

var errFlaky = errors.New("connection reset by the store")

// flaky is a store whose calls fail at random: some before they have taken
// effect, and some after.
type flaky struct {
	pawl.Store
	rate float64 // of each of the two

	mu     sync.Mutex
	random *rand.Rand
	failed map[string]int // by method and moment
}

func newFlaky(store pawl.Store, rate float64, seed uint64) *flaky {
	return &flaky{Store: store, rate: rate, random: rand.New(rand.NewPCG(seed, 1)), failed: map[string]int{}}
}

// try does a call of the store, or fails before or after it.
func try[T any](f *flaky, method string, call func() (T, error)) (T, error) {
	f.mu.Lock()
	u := f.random.Float64()
	before, after := u < f.rate, u >= f.rate && u < 2*f.rate
	if before {
		f.failed[method+" before"]++
	}
	if after {
		f.failed[method+" after"]++
	}
	f.mu.Unlock()
	var none T
	if before {
		return none, errFlaky
	}
	out, err := call()
	if after {
		return none, errFlaky
	}
	return out, err
}

func (f *flaky) Add(ctx context.Context, now time.Time, tasks []pawl.NewTask) ([]pawl.Added, error) {
	return try(f, "Add", func() ([]pawl.Added, error) { return f.Store.Add(ctx, now, tasks) })
}

func (f *flaky) Claim(ctx context.Context, now time.Time, c pawl.Claim) (pawl.Claimed, error) {
	return try(f, "Claim", func() (pawl.Claimed, error) { return f.Store.Claim(ctx, now, c) })
}

func (f *flaky) Beat(ctx context.Context, now time.Time, lease time.Duration, held []pawl.Lease) ([]pawl.Beat, error) {
	return try(f, "Beat", func() ([]pawl.Beat, error) { return f.Store.Beat(ctx, now, lease, held) })
}

func (f *flaky) Save(ctx context.Context, now time.Time, saves []pawl.Save) ([]error, error) {
	return try(f, "Save", func() ([]error, error) { return f.Store.Save(ctx, now, saves) })
}

func (f *flaky) Finish(ctx context.Context, now time.Time, finishes []pawl.Finish) ([]error, error) {
	return try(f, "Finish", func() ([]error, error) { return f.Store.Finish(ctx, now, finishes) })
}

func (f *flaky) Reserve(ctx context.Context, now time.Time, calls []pawl.Reservation) ([]pawl.Grant, error) {
	return try(f, "Reserve", func() ([]pawl.Grant, error) { return f.Store.Reserve(ctx, now, calls) })
}

func (f *flaky) Conversation(ctx context.Context, head pawl.Hash) ([]pawl.Node, error) {
	return try(f, "Conversation", func() ([]pawl.Node, error) { return f.Store.Conversation(ctx, head) })
}

func (f *flaky) Watch(ctx context.Context, filter pawl.EventFilter) (pawl.Watch, error) {
	w, err := f.Store.Watch(ctx, filter)
	return flakyWatch{w, f}, err
}

type flakyWatch struct {
	pawl.Watch
	f *flaky
}

// Next fails before it waits, or loses the events that it waited for.
func (w flakyWatch) Next(ctx context.Context) ([]pawl.Event, error) {
	return try(w.f, "Next", func() ([]pawl.Event, error) { return w.Watch.Next(ctx) })
}

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

// forget is for a task that ended and was retried.
func (e *ends) forget(id pawl.ID) {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.times[id]--
}

// check fails the test unless each task has ended, once.
func (e *ends) check(t *testing.T, rows []*pawl.TaskRow) {
	t.Helper()
	synctest.Wait()
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
		base := inmem.New()
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
		stores := []*flaky{newFlaky(base, 0.08, 2*seed), newFlaky(base, 0.08, 2*seed+1)}
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
				if !errors.Is(err, errFlaky) || run != nil {
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
			// A claim that takes effect and fails is a death to the store.
			for {
				_, err = pawl.RunOf[string](reader, r.ID).Wait(t.Context())
				var d *pawl.DeadError
				if !errors.As(err, &d) || d.Task.LastAttempt().Class != pawl.Poisoned {
					break
				}
				ended.forget(r.ID)
				if _, err := reader.Retry(t.Context(), pawl.Filter{IDs: []pawl.ID{r.ID}}); err != nil {
					t.Fatal(err)
				}
			}
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
		if len(stores[0].failed) < 8 {
			t.Errorf("only these calls failed: %v", stores[0].failed)
		}
		status, err := reader.Status(t.Context())
		must(t, err)
		if n := status.Limits[0].State.InFlight; n != 0 {
			t.Errorf("%d calls are in flight at the end; want 0", n)
		}
	})
}
