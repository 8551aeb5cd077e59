package redis_test

import (
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/measure"
	"github.com/pawlhq/pawl/internal/services"
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
