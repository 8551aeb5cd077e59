package measure

import "slices"

// Spread is a figure over several rounds.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Over returns the median, the lowest and the highest of at least one value. Of an
// even number of values the median is the mean of the two in the middle.
func Over(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}
}
