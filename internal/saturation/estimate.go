package saturation

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llmsim"
)

const (
	learningCalls = 100 // after which estimates are judged
	judgedCalls   = 400
	estimatePlay  = time.Minute // in which the calls are made
)

// playEstimate makes calls of prose of different lengths through Pawl, and judges
// what it has learned by those that follow.
func playEstimate(ctx context.Context, c Config) (*Result, error) {
	requests := c.sizes(learningCalls+judgedCalls, 1)
	first, rest := requests[:learningCalls], requests[learningCalls:]
	st := c.stage(first, llmsim.Limits{}, estimatePlay)
	var learned limit.Fit
	_, err := contests(ctx, []contender{{"Pawl", st, func(ctx context.Context, st *stage) (int64, error) {
		store, err := c.open(ctx)
		if err != nil {
			return 0, err
		}
		defer store.Close()
		e := newEngine(store, st.unknown(), st.scale)
		if err := e.compete(ctx, st); err != nil {
			return 0, err
		}
		learned, err = e.learned(ctx)
		return 0, err
	}}})
	if err != nil {
		return nil, err
	}
	told, calls := learned.Error()
	r := &Result{
		About: fmt.Sprintf("the input of %d calls of English prose, expected by what was learned of %d others, of which Pawl's status tells a median error of %.2f %%",
			len(rest), calls, 100*told),
		Rows: []Row{
			st.judge("learned", rest, learned.InputTokens),
			st.judge("characters / 4", rest, (*limit.Fit)(nil).InputTokens),
		},
	}
	f := r.Rows[0].Figures
	f[0] = f[0].atMost(5)
	return r, nil
}

// learned returns what Pawl's status says that was learned of the calls.
func (e *engine) learned(ctx context.Context) (limit.Fit, error) {
	status, err := e.client(pawl.Config{}).Status(ctx)
	if err != nil {
		return limit.Fit{}, err
	}
	for _, l := range status.Limits {
		if fit, ok := l.Fits[Operation]; ok && l.Name == e.name {
			return fit, nil
		}
	}
	return limit.Fit{}, fmt.Errorf("limit %s has learned nothing of %s", e.name, Operation)
}

// judge compares what requests are expected to read with what they do.
func (st *stage) judge(name string, requests []Request, expected func(limit.Size) float64) Row {
	var errs []float64
	for i, r := range requests {
		chars := len(st.text.prompt(i, r))
		errs = append(errs, wrong(expected(limit.Size{Chars: chars}), r.Input))
	}
	return Row{Name: name, Figures: []Figure{percent("median error", median(errs)), percent("p90", upper(errs))}}
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
