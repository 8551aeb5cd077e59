package pawl_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
)

type payload struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

var noop = pawl.Operation[payload, struct{}]{Name: "noop", Limit: pawl.NoLimit}

// payloads returns n different inputs of 1 KiB of JSON each, counted from first.
func payloads(first, n int) []payload {
	text := strings.Repeat("The wheel turns one way only. ", 34)[:1000]
	ins := make([]payload, n)
	for i := range ins {
		ins[i] = payload{first + i, text}
	}
	return ins
}

func perSecond(b *testing.B, n int) {
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tasks/s")
}

// BenchmarkAddMany adds tasks in batches of 1,000, deduplication on.
func BenchmarkAddMany(b *testing.B) {
	c := pawl.New(inmem.New(), pawl.Config{})
	ins := payloads(0, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for batch := range slices.Chunk(ins, 1000) {
		if _, err := noop.AddMany(b.Context(), c, batch); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, b.N)
}

// BenchmarkAdd16 adds tasks one by one from 16 goroutines, deduplication on.
func BenchmarkAdd16(b *testing.B) {
	c := pawl.New(inmem.New(), pawl.Config{})
	ins := payloads(0, b.N)
	var next atomic.Int64
	var callers sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range 16 {
		callers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(ins)); i = next.Add(1) - 1 {
				if _, err := noop.Add(b.Context(), c, ins[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	perSecond(b, b.N)
}

// BenchmarkDrain claims, handles and finishes waiting tasks.
func BenchmarkDrain(b *testing.B) {
	c := pawl.New(inmem.New(), pawl.Config{Workers: 4000})
	var left atomic.Int64
	left.Store(int64(b.N))
	drained := make(chan struct{})
	noop.Handle(c, func(context.Context, *pawl.Task[payload]) (struct{}, error) {
		if left.Add(-1) == 0 {
			close(drained)
		}
		return struct{}{}, nil
	})
	if _, err := noop.AddMany(b.Context(), c, payloads(0, b.N)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	stop := work(b, c)
	<-drained
	stop()
	perSecond(b, b.N)
}

// work runs c until the returned function is called.
func work(b *testing.B, c *pawl.Client) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart measures the time from adding a task to an idle queue to the
// start of its handler.
func BenchmarkStart(b *testing.B) {
	c := pawl.New(inmem.New(), pawl.Config{})
	started := make(chan time.Time, 1)
	noop.Handle(c, func(context.Context, *pawl.Task[payload]) (struct{}, error) {
		started <- time.Now()
		return struct{}{}, nil
	})
	stop := work(b, c)
	ins := payloads(0, b.N)
	took := make([]time.Duration, 0, b.N)
	for _, in := range ins {
		begun := time.Now()
		run, err := noop.Add(b.Context(), c, in)
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, (<-started).Sub(begun))
		if _, err := run.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	stop()
	slices.Sort(took)
	for _, percent := range []int{50, 99} {
		b.ReportMetric(float64(took[len(took)*percent/100].Nanoseconds())/1e3, fmt.Sprintf("p%d-µs", percent))
	}
}

// BenchmarkAddBehind adds tasks one by one behind backlogs of different sizes.
func BenchmarkAddBehind(b *testing.B) {
	for _, waiting := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			c := backlog(b, waiting)
			ins := payloads(waiting, b.N)
			b.ResetTimer()
			for _, in := range ins {
				if _, err := noop.Add(b.Context(), c, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func backlog(b *testing.B, waiting int) *pawl.Client {
	c := pawl.New(inmem.New(), pawl.Config{})
	for first := 0; first < waiting; first += 1000 {
		if _, err := noop.AddMany(b.Context(), c, payloads(first, 1000), pawl.User(fmt.Sprint(first/1000%50))); err != nil {
			b.Fatal(err)
		}
	}
	return c
}
