package cli

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// manyRows is what 1,000 users used on 150 days.
func manyRows() *spending {
	s := &spending{By: []pawl.Dimension{pawl.ByDay, pawl.ByUser}, Unpriced: []string{}}
	for day := range 150 {
		for user := range 1000 {
			n := int64(1 + day*user%977)
			s.Rows = append(s.Rows, pawl.UsageRow{
				UsageKey: pawl.UsageKey{From: noon.Truncate(24*time.Hour).AddDate(0, 0, day), User: fmt.Sprintf("user_%04d", user), Currency: "USD"},
				Sums: map[pawl.EntryKind]pawl.Sum{
					pawl.EntryAnswered: {Calls: n, Usage: llm.Usage{Input: 800 * n, CacheRead: 200 * n, Output: 100 * n}, Cost: 3_960_123 * price.Money(n)},
					pawl.EntryFailed:   {Calls: n % 3},
					pawl.EntryRetried:  {Calls: n % 5, Usage: llm.Usage{Input: 800 * (n % 5)}},
				},
				CacheSaved: 540_000,
			})
		}
	}
	s.Total = summed(s.Rows, func(k pawl.UsageKey) pawl.UsageKey { return pawl.UsageKey{Currency: k.Currency} })
	return s
}

// BenchmarkUsage prints 150,000 rows, as pawl usage does once it has them.
func BenchmarkUsage(b *testing.B) {
	s := manyRows()
	for _, c := range []struct {
		name  string
		print func(io.Writer) error
	}{
		{"table", func(w io.Writer) error {
			s.print(&terminal{out: w, env: func(string) string { return "" }})
			return nil
		}},
		{"json", s.writeJSON},
		{"csv", s.writeCSV},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var out bytes.Buffer
				if err := c.print(&out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
