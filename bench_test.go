package pawl_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/inmem"
)

type payload struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

var noop = pawl.Operation[payload, struct{}]{Name: "noop", Limit: pawl.NoLimit}

// payloads returns n different inputs of 1 KiB of JSON each.
func payloads(n int) []payload {
	text := strings.Repeat("The wheel turns one way only. ", 34)[:1000]
	ins := make([]payload, n)
	for i := range ins {
		ins[i] = payload{i, text}
	}
	return ins
}

func BenchmarkAddMany(b *testing.B) {
	c := pawl.New(inmem.New(), pawl.Config{})
	ins := payloads(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for len(ins) > 0 {
		n := min(len(ins), 1000)
		if _, err := noop.AddMany(b.Context(), c, ins[:n]); err != nil {
			b.Fatal(err)
		}
		ins = ins[n:]
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

func BenchmarkAdd16(b *testing.B) {
	c := pawl.New(inmem.New(), pawl.Config{})
	ins := payloads(b.N)
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(ins) {
					return
				}
				if _, err := noop.Add(b.Context(), c, ins[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

func BenchmarkDrain(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	c := pawl.New(inmem.New(), pawl.Config{Workers: 20000})
	var left atomic.Int64
	left.Store(int64(b.N))
	drained := make(chan struct{})
	noop.Handle(c, func(context.Context, *pawl.Task[payload]) (struct{}, error) {
		if left.Add(-1) == 0 {
			close(drained)
		}
		return struct{}{}, nil
	})
	if _, err := noop.AddMany(ctx, c, payloads(b.N)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	<-drained
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

var _ = fmt.Sprint
