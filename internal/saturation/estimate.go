package saturation

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

const (
	learningCalls = 100 // after which estimates are judged
	judgedCalls   = 400
)

// playEstimate makes calls of prose of different lengths, and compares what they
// were expected to read with what the provider counted.
func playEstimate(ctx context.Context, c Config) (*Result, error) {
	requests := within(c.Trace, c.Length)
	requests = requests[:min(len(requests), learningCalls+judgedCalls)]
	st := c.stage(requests, llmsim.Limits{}, c.Length)
	st.open()
	model := st.model()
	var fit limit.Fit
	var learned, quarter []float64
	for i, r := range requests {
		body, err := model.Encode(llm.Request{Messages: []llm.Message{llm.Text("user", st.text.prompt(i, r))}})
		if err != nil {
			return nil, err
		}
		size := limit.Size{Chars: model.API().Measure(body).Chars}
		if i >= learningCalls {
			learned = append(learned, wrong(fit.InputTokens(size), r.Input))
			quarter = append(quarter, wrong(float64(size.Chars)/4, r.Input))
		}
		fit.Learn(size, limit.Usage{Input: int64(r.Input), Output: int64(r.Output)})
	}
	told, _ := fit.Error()
	res := &Result{About: fmt.Sprintf("input of %d calls of English prose, judged after the first %d", len(requests), learningCalls)}
	res.Rows = []Row{
		{Name: "learned", Figures: []Figure{percent("median error", median(learned)).atMost(5), percent("p90", upper(learned)), percent("as Pawl tells it", told)}},
		{Name: "characters / 4", Figures: []Figure{percent("median error", median(quarter)), percent("p90", upper(quarter)), {Name: "as Pawl tells it"}}},
	}
	return res, nil
}

// wrong is how far an estimate is from the real number, as a part of that.
func wrong(estimated float64, real int) float64 {
	return math.Abs(estimated-float64(real)) / float64(real)
}

func median(values []float64) float64 { return part(values, 0.5) }
func upper(values []float64) float64  { return part(values, 0.9) }

// part returns the value below which a part q of values lies, 0 if there are none.
func part(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
