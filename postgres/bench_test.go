package postgres_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/measure"
	"github.com/pawlhq/pawl/internal/services"
	"github.com/pawlhq/pawl/postgres"
	"github.com/pawlhq/pawl/storetest"
)

// durableServer returns the URL of a server whose commits are durable:
// PAWL_BENCH_POSTGRES, or one of the benchmark's own.
func durableServer(b *testing.B) string {
	b.Helper()
	if url := os.Getenv("PAWL_BENCH_POSTGRES"); url != "" {
		return url
	}
	s, err := services.StartPostgres(b.Context(), services.Options{Settings: map[string]string{"shared_buffers": "512MB", "max_wal_size": "4GB"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s.URL()
}

var benches int

// fresh opens a store in a new schema.
func fresh(b *testing.B, server string) *postgres.Store {
	b.Helper()
	benches++
	return open(b, inSchemaOf(b, server, "schema", strings.ToLower(fmt.Sprintf("bench_%d_%s", benches, pawl.NewID().String()[20:]))))
}

func BenchmarkStore(b *testing.B) {
	server := durableServer(b)
	storetest.Bench(b, func(b *testing.B) pawl.Store { return fresh(b, server) })
}

func BenchmarkBranches(b *testing.B) {
	server := durableServer(b)
	storetest.BenchBranches(b, func(b *testing.B) pawl.Store { return fresh(b, server) })
}

// BenchmarkClient measures what a user of the public client gets: tasks a second,
// and from Add to the handler on an idle worker. Each is measured once in a schema
// of its own.
func BenchmarkClient(b *testing.B) {
	const tasks, workers = 100_000, 2000
	server := durableServer(b)
	rate := func(name string, config measure.Config, run func(*testing.B, *measure.Meter) (measure.Rate, error)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s := fresh(b, server)
				r, err := run(b, measure.New(s, config))
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
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
			s := fresh(b, server)
			l, err := measure.New(s, measure.Config{}).Start(b.Context(), 1000)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(l.P50.Microseconds()), "p50-µs")
			b.ReportMetric(float64(l.P99.Microseconds()), "p99-µs")
		}
	})
}

// BenchmarkBacklog drains the first of many waiting tasks.
func BenchmarkBacklog(b *testing.B) {
	server := durableServer(b)
	for _, waiting := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint("waiting=", waiting), func(b *testing.B) {
			for b.Loop() {
				s := fresh(b, server)
				d, err := measure.New(s, measure.Config{}).Drain(b.Context(), waiting, 10_000, 2000)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(d.PerSecond, "tasks/s")
				b.ReportMetric(float64(d.Resident)/(1<<20), "MiB")
			}
		})
	}
}
