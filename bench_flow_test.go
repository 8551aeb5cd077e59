package pawl_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
	"github.com/pawlhq/pawl/stores"
)

// benchStore opens an empty store of the kind that PAWL_TEST_STORE names, as users do.
func benchStore(b *testing.B) pawl.Store {
	url := os.Getenv("PAWL_TEST_STORE")
	if url == "" {
		return inmem.New()
	}
	if url == "sqlite:" {
		url += filepath.Join(b.TempDir(), "bench.db")
	}
	store, err := stores.Open(b.Context(), strings.ReplaceAll(url, "*", strings.ToLower(pawl.NewID().String())))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	return store
}

// BenchmarkEach measures a list of 10,000 elements: from the start of the worker to the
// end of the run, in which the branches are added, handled and put together; and from
// the first element's handler on, which is what a drain is. Beside it, in turns, it drains
// as many tasks that stand alone and were added before.
func BenchmarkEach(b *testing.B) {
	const elements = 10_000
	ins := payloads(0, elements)
	var plain, whole, each time.Duration
	for range b.N {
		plain += drainAlone(b, ins)
		all, drain := drainEach(b, ins)
		whole, each = whole+all, each+drain
	}
	of := float64(b.N * elements)
	b.ReportMetric(of/plain.Seconds(), "alone/s")
	b.ReportMetric(of/each.Seconds(), "elements/s")
	b.ReportMetric(of/whole.Seconds(), "whole/s")
	b.ReportMetric(100*plain.Seconds()/each.Seconds(), "%")
	b.ReportMetric(100*plain.Seconds()/whole.Seconds(), "whole-%")
	b.ReportMetric(0, "ns/op")
}

func drainAlone(b *testing.B, ins []payload) time.Duration {
	c := pawl.New(benchStore(b), pawl.Config{Workers: 4000})
	var left atomic.Int64
	left.Store(int64(len(ins)))
	drained := make(chan struct{})
	noop.Handle(c, func(context.Context, *pawl.Task[payload]) (struct{}, error) {
		if left.Add(-1) == 0 {
			close(drained)
		}
		return struct{}{}, nil
	})
	for batch := range slices.Chunk(ins, 1000) {
		if _, err := noop.AddMany(b.Context(), c, batch); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	stop := work(b, c)
	<-drained
	stop() // the last outcomes are stored when it returns
	return time.Since(began)
}

func drainEach(b *testing.B, ins []payload) (whole, drain time.Duration) {
	c := pawl.New(benchStore(b), pawl.Config{Workers: 4000})
	var first atomic.Int64
	began := time.Now()
	noop.Handle(c, func(context.Context, *pawl.Task[payload]) (struct{}, error) {
		if first.Load() == 0 {
			first.CompareAndSwap(0, int64(time.Since(began)))
		}
		return struct{}{}, nil
	})
	run, err := pawl.Each(noop).Add(b.Context(), c, ins)
	if err != nil {
		b.Fatal(err)
	}
	started := time.Since(began)
	stop := work(b, c)
	outs, err := run.Wait(b.Context())
	stop()
	if err != nil || len(outs) != len(ins) {
		b.Fatalf("Wait = %d outputs, %v; want %d", len(outs), err, len(ins))
	}
	ended := time.Since(began)
	return ended - started, ended - time.Duration(first.Load())
}

// BenchmarkParked has b.N tasks wait for a signal, and measures what they hold
// meanwhile: no goroutine and no place at the worker. Then it signals a hundred of them,
// one after the other.
func BenchmarkParked(b *testing.B) {
	approve := pawl.Operation[payload, string]{Name: "approve", Limit: pawl.NoLimit}
	c := pawl.New(benchStore(b), pawl.Config{Workers: 1000})
	approve.Handle(c, func(ctx context.Context, _ *pawl.Task[payload]) (string, error) {
		return pawl.Await[string](ctx, "approve")
	})
	goroutines, heap := idleCost()
	var runs []*pawl.Run[string]
	for batch := range slices.Chunk(payloads(0, b.N), 1000) {
		added, err := approve.AddMany(b.Context(), c, batch)
		if err != nil {
			b.Fatal(err)
		}
		runs = append(runs, added...)
	}
	_, waiting := idleCost()
	b.ResetTimer()
	stop := work(b, c)
	defer stop()
	for tally(b, c)[pawl.Blocked] < b.N {
		<-time.After(10 * time.Millisecond)
	}
	b.StopTimer()
	perSecond(b, b.N)
	after, parked := idleCost()
	b.ReportMetric(float64(after-goroutines), "goroutines")
	b.ReportMetric(float64(tally(b, c)[pawl.Running]), "running")
	b.ReportMetric((parked-waiting)/float64(b.N), "B-more/task")
	b.ReportMetric((parked-heap)/float64(b.N), "B/task")
	signals := min(b.N, 100)
	began := time.Now()
	for _, run := range runs[:signals] {
		if err := run.Signal(b.Context(), "approve", "yes"); err != nil {
			b.Fatal(err)
		}
		if out, err := run.Wait(b.Context()); err != nil || out != "yes" {
			b.Fatalf("Wait = %q, %v; want yes", out, err)
		}
	}
	b.ReportMetric(float64(time.Since(began).Microseconds())/float64(signals)/1000, "ms/signal")
}

// tally returns how many tasks of the default queue are in each state.
func tally(b *testing.B, c *pawl.Client) map[pawl.State]int {
	status, err := c.Status(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range status.Queues {
		if q.Name == "default" {
			return q.Counts
		}
	}
	return nil
}

// idleCost returns how many goroutines there are, and how many bytes are in use.
func idleCost() (goroutines int, heap float64) {
	<-time.After(100 * time.Millisecond) // what ends has ended then
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), float64(m.HeapAlloc)
}
