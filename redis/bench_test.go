package redis_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/measure"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/redis"
	"github.com/pawlhq/pawl/storetest"
)

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) pawl.Store { return open(b, services.Redis(b)) })
}

// The benchmarks below go through the public client. Each iteration is one
// task.

func BenchmarkAdd(b *testing.B) {
	m := measure.New(open(b, services.Redis(b)), measure.Config{})
	b.ResetTimer()
	r, err := m.Add(b.Context(), b.N, 16)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(r.PerSecond, "tasks/s")
}

func BenchmarkAddMany(b *testing.B) {
	m := measure.New(open(b, services.Redis(b)), measure.Config{})
	b.ResetTimer()
	r, err := m.AddMany(b.Context(), b.N, 1000)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(r.PerSecond, "tasks/s")
}

func BenchmarkDrain(b *testing.B) {
	m := measure.New(open(b, services.Redis(b)), measure.Config{})
	b.ResetTimer()
	d, err := m.Drain(b.Context(), b.N, b.N, 1000)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(d.PerSecond, "tasks/s")
}

func BenchmarkStart(b *testing.B) {
	m := measure.New(open(b, services.Redis(b)), measure.Config{})
	b.ResetTimer()
	l, err := m.Start(b.Context(), b.N)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(l.P50.Microseconds()), "p50-µs")
	b.ReportMetric(float64(l.P99.Microseconds()), "p99-µs")
}

// BenchmarkPark is one task that adds 10,000 branches of 1 KiB and waits for them. How long
// the server answers nobody else is its longest command.
func BenchmarkPark(b *testing.B) {
	url := services.Redis(b)
	s, c := open(b, url), client(b, url)
	if err := c.ConfigSet(b.Context(), "slowlog-log-slower-than", "1000").Err(); err != nil {
		b.Fatal(err)
	}
	defer c.ConfigSet(context.WithoutCancel(b.Context()), "slowlog-log-slower-than", "10000")
	var took, longest time.Duration
	for b.Loop() {
		c.Do(b.Context(), "slowlog", "reset")
		_, _, d := parked(b, s, many)
		took += d
		for _, slow := range c.SlowLogGet(b.Context(), -1).Val() {
			longest = max(longest, slow.Duration)
		}
		drain(b, []*redis.Store{s}, many, 1000)
		claim(b, s, 1) // the parent
	}
	b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "ms/park")
	b.ReportMetric(float64(longest.Microseconds())/1000, "longest-ms")
}

// BenchmarkBranches is how fast 10,000 branches of one task are handled by one process
// or two, beside as many tasks that have nothing to do with each other.
func BenchmarkBranches(b *testing.B) {
	for _, workers := range []int{1, 2} {
		for _, kind := range []string{"plain", "branches"} {
			b.Run(fmt.Sprintf("%s/%d", kind, workers), func(b *testing.B) {
				var took time.Duration
				for b.Loop() {
					url := services.Redis(b)
					stores := make([]*redis.Store, workers)
					for i := range stores {
						stores[i] = open(b, url)
					}
					if kind == "branches" {
						parked(b, stores[0], many)
					} else if _, err := stores[0].Add(b.Context(), time.Time{}, branches(pawl.ID{}, many)); err != nil {
						b.Fatal(err)
					}
					began := time.Now()
					drain(b, stores, many, 500)
					took += time.Since(began)
				}
				b.ReportMetric(float64(many*b.N)/took.Seconds(), "tasks/s")
			})
		}
	}
}

func BenchmarkStoreBranches(b *testing.B) {
	storetest.BenchBranches(b, func(b *testing.B) pawl.Store { return open(b, services.Redis(b)) })
}
