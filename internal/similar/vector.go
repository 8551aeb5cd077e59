package similar

import "math"

// Cosine returns the cosine of the angle between two vectors, -1 to 1: 1 if they
// point the same way, whatever their lengths. It is 0, which is like nothing, for
// vectors that cannot be compared: of different dimensions, as those of two models
// are, without any, all zeros, or with a number that is not finite.
func Cosine(a, b []float32) float64 {
	if len(a) != len(b) {
		return 0
	}
	var dot, aa, bb float64
	for i, x := range a {
		x, y := float64(x), float64(b[i])
		dot += x * y
		aa += x * x
		bb += y * y
	}
	cos := dot / (math.Sqrt(aa) * math.Sqrt(bb))
	if math.IsNaN(cos) { // 0/0, or a number that is not finite
		return 0
	}
	return max(-1, min(cos, 1))
}
