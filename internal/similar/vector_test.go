package similar_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/pawlhq/pawl/internal/similar"
)

func TestCosine(t *testing.T) {
	inf, nan, most := float32(math.Inf(1)), float32(math.NaN()), float32(math.MaxFloat32)
	for _, test := range []struct {
		name string
		a, b []float32
		want float64
	}{
		{"the same", []float32{3, 4}, []float32{3, 4}, 1},
		{"of another length", []float32{3, 4}, []float32{0.3, 0.4}, 1},
		{"a right angle", []float32{1, 0}, []float32{0, 7}, 0},
		{"the other way", []float32{1, 2}, []float32{-2, -4}, -1},
		{"half a right angle", []float32{1, 0}, []float32{1, 1}, math.Sqrt2 / 2},
		{"a known one", []float32{1, 2, 3}, []float32{4, 5, 6}, 32 / math.Sqrt(14*77)},
		{"very long", []float32{most, most}, []float32{most, most}, 1},
		{"very short", []float32{1e-45, 0}, []float32{1e-45, 0}, 1},
		{"zeros", []float32{0, 0}, []float32{1, 2}, 0},
		{"two zeros", []float32{0}, []float32{0}, 0},
		{"other dimensions", []float32{1, 2}, []float32{1, 2, 0}, 0},
		{"none", nil, []float32{}, 0},
		{"infinite", []float32{inf, 1}, []float32{1, 1}, 0},
		{"both infinite", []float32{inf, 1}, []float32{inf, 1}, 0},
		{"no number", []float32{nan, 1}, []float32{1, 1}, 0},
	} {
		for _, got := range []float64{similar.Cosine(test.a, test.b), similar.Cosine(test.b, test.a)} {
			if math.Abs(got-test.want) > 1e-7 || math.IsNaN(got) {
				t.Errorf("%s: Cosine = %v; want %v", test.name, got, test.want)
			}
		}
	}
}

func TestCosineOfAnyVectors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		vector := rapid.SliceOfN(rapid.Float32(), n, n)
		a, b := vector.Draw(t, "a"), vector.Draw(t, "b")
		cos := similar.Cosine(a, b)
		if !(cos >= -1 && cos <= 1) || cos != similar.Cosine(b, a) {
			t.Fatalf("Cosine = %v, the other way round %v; want the same, -1 to 1", cos, similar.Cosine(b, a))
		}
		some := false
		for _, x := range a {
			some = some || x != 0
		}
		if own := similar.Cosine(a, a); some && math.Abs(own-1) > 1e-9 {
			t.Fatalf("Cosine of a vector and itself = %v; want 1", own)
		}
	})
}
