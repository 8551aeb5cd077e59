package sqlite_test

import (
	"fmt"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/measure"
	"github.com/pawlhq/pawl/storetest"
)

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) pawl.Store { return open(b) })
}

func BenchmarkBranches(b *testing.B) {
	storetest.BenchBranches(b, func(b *testing.B) pawl.Store { return open(b) })
}

// BenchmarkClient measures what a user of the public client gets: tasks a second,
// and from Add to the handler on an idle worker. Each is measured once on a file
// of its own.
func BenchmarkClient(b *testing.B) {
	const tasks, workers = 100_000, 64
	rate := func(name string, config measure.Config, run func(*testing.B, *measure.Meter) (measure.Rate, error)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r, err := run(b, measure.New(open(b), config))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(r.PerSecond, "tasks/s")
			}
		})
	}
	for _, dedup := range []bool{false, true} {
		config := measure.Config{Dedup: dedup}
		suffix := fmt.Sprintf("/dedup=%v", dedup)
		rate("add-16"+suffix, config, func(b *testing.B, m *measure.Meter) (measure.Rate, error) {
			return m.Add(b.Context(), tasks, 16)
		})
		rate("add-1000"+suffix, config, func(b *testing.B, m *measure.Meter) (measure.Rate, error) {
			return m.AddMany(b.Context(), tasks, 1000)
		})
		rate("drain"+suffix, config, func(b *testing.B, m *measure.Meter) (measure.Rate, error) {
			d, err := m.Drain(b.Context(), tasks, tasks, workers)
			return d.Rate, err
		})
	}
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			l, err := measure.New(open(b), measure.Config{}).Start(b.Context(), 1000)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(l.P50.Microseconds()), "p50-µs")
			b.ReportMetric(float64(l.P99.Microseconds()), "p99-µs")
		}
	})
}

// BenchmarkBacklog drains the first of many waiting tasks.
func BenchmarkBacklog(b *testing.B) {
	for _, waiting := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint("waiting=", waiting), func(b *testing.B) {
			for b.Loop() {
				d, err := measure.New(open(b), measure.Config{}).Drain(b.Context(), waiting, 10_000, 64)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(d.PerSecond, "tasks/s")
				b.ReportMetric(float64(d.Resident)/(1<<20), "MiB")
			}
		})
	}
}
