package table

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pawlhq/pawl/bench/trial"
)

// A column is a measure in the table.
type column struct {
	name string
	of   func(trial.Result) float64
	show func(float64) string
}

var (
	add1    = column{"`Add` × 1", func(r trial.Result) float64 { return r.Add1 }, whole}
	add16   = column{"`Add` × 16", func(r trial.Result) float64 { return r.Add16 }, whole}
	bulk    = column{"bulk", func(r trial.Result) float64 { return r.Bulk }, whole}
	drain   = column{"drain", func(r trial.Result) float64 { return r.Drain }, whole}
	start50 = column{"start p50", func(r trial.Result) float64 { return r.Start50 }, millis}
	start99 = column{"start p99", func(r trial.Result) float64 { return r.Start99 }, millis}
	memory  = column{"memory", func(r trial.Result) float64 { return float64(r.Memory) }, mebi}
)

var columns = []column{add1, add16, bulk, drain, start50, start99, memory}

// A spread is a measure over the rounds.
type spread struct{ min, median, max float64 }

func (c column) spread(trials []trial.Result) spread {
	return spreadOf(each(trials, c.of))
}

func spreadOf(values []float64) spread {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	if n == 0 {
		return spread{}
	}
	return spread{values[0], (values[(n-1)/2] + values[n/2]) / 2, values[n-1]}
}

func (c column) cell(s spread) string { return show(c.show, s) }

// show shows a spread; a measure that was not taken is zero in each round.
func show(value func(float64) string, s spread) string {
	switch {
	case s.max == 0:
		return "–"
	case s.min == s.max:
		return value(s.median)
	}
	return fmt.Sprintf("%s (%s–%s)", value(s.median), value(s.min), value(s.max))
}

// whole shows three figures, with commas: 1,234,567 is 1,230,000.
func whole(v float64) string {
	if v >= 1000 {
		unit := math.Pow(10, math.Floor(math.Log10(v))-2)
		v = math.Round(v/unit) * unit
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// millis shows three figures of a time.
func millis(v float64) string {
	if v >= 100 {
		return whole(v) + " ms"
	}
	return strconv.FormatFloat(v, 'g', 3, 64) + " ms"
}

func mebi(v float64) string { return strconv.FormatFloat(v/(1<<20), 'f', 0, 64) + " MiB" }

// Line shows one trial.
func Line(r trial.Result) string {
	parts := []string{strings.TrimSpace(r.Engine + " " + r.Version)}
	for _, c := range columns {
		if v := c.of(r); v > 0 {
			parts = append(parts, c.name+" "+c.show(v))
		}
	}
	return strings.Join(parts, ", ")
}
