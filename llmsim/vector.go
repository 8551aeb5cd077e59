package llmsim

import (
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// What a feature of a text counts for in its vector.
const (
	wordWeight = 1.0
	stopWeight = 0.1 // a word that says nothing by itself
	partWeight = 0.3 // three letters of a word: forms of a word share most of them
)

// spread is how many times a feature is added to a vector, so that even a short text
// has few zeros, as real vectors have none. It is odd: no feature can cancel itself out.
const spread = 25

// vectorOf returns the vector of a text, of length 1: each of its features adds to
// dimensions of its own, up or down, by its hash.
func vectorOf(text string, dimensions int) []float32 {
	sum := make([]float64, dimensions)
	features := featuresOf(text)
	for _, name := range slices.Sorted(maps.Keys(features)) { // the order of a sum is seen in its last digit
		put(sum, name, features[name])
	}
	length := norm(sum)
	if length == 0 { // no words, or words that cancel each other out
		put(sum, text, 1)
		length = norm(sum)
	}
	out := make([]float32, dimensions)
	for i, v := range sum {
		out[i] = float32(v / length)
	}
	return out
}

// featuresOf returns what a text is told by, and how much each counts. What comes
// again counts less each time.
func featuresOf(text string) map[string]float64 {
	weights, counts := map[string]float64{}, map[string]float64{}
	note := func(name string, weight float64) {
		weights[name] = weight
		counts[name]++
	}
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), notWord) {
		term := stem(word)
		if term == "" {
			note("w"+word, stopWeight)
			continue
		}
		note("w"+term, wordWeight)
		letters := []rune("^" + word + "$")
		for i := range len(letters) - 2 {
			note("p"+string(letters[i:i+3]), partWeight)
		}
	}
	for name, n := range counts {
		weights[name] *= math.Sqrt(n)
	}
	return weights
}

func put(sum []float64, feature string, weight float64) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(feature)) // a hash takes everything
	draw := rand.NewPCG(h.Sum64(), 0)
	for range spread {
		n := draw.Uint64()
		if n>>63 == 1 {
			sum[n%uint64(len(sum))] -= weight
		} else {
			sum[n%uint64(len(sum))] += weight
		}
	}
}

func norm(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}
