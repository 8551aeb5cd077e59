package similar_test

import (
	"strings"
	"testing"

	"github.com/pawlhq/pawl/internal/similar"
)

// prompt returns a text of about so many bytes.
func prompt(tb testing.TB, bytes int) string {
	long := ""
	for _, p := range pairs(tb) {
		if len(p.A) > 800 && !strings.Contains(long, p.A) {
			long += p.A + "\n\n"
		}
	}
	return strings.Repeat(long, bytes/len(long)+1)[:bytes]
}

func BenchmarkPrepare(b *testing.B) {
	for name, size := range map[string]int{"100B": 100, "1KB": 1 << 10, "10KB": 10 << 10, "100KB": 100 << 10} {
		text := prompt(b, size)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				similar.Prepare(text)
			}
		})
	}
}

func BenchmarkByText(b *testing.B) {
	for name, size := range map[string]int{"100B": 100, "1KB": 1 << 10, "10KB": 10 << 10, "100KB": 100 << 10} {
		text := prompt(b, size)
		x, y := similar.Prepare("Please read this. "+text), similar.Prepare("Read this. "+text)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				similar.ByText(x, y, similar.DefaultThreshold)
			}
		})
	}
}

func BenchmarkDistance(b *testing.B) {
	x, y := similar.Prepare("How do I sort a list?").Sketch(), similar.Prepare("How do I boil an egg?").Sketch()
	for b.Loop() {
		similar.Distance(x, y)
	}
}
