package pawl_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llmsim"
)

// After a hundred calls their cost is known before they are sent: the input to a few
// percent, the output near what nine in ten stay below, and the template that the
// handler adds to a task's input.
func TestCallsAreEstimated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{Latency: llmsim.Latency{FirstToken: time.Second}})
		m := simModel(sim, 4000)
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			reply, err := task.Ask(ctx, m, strings.Repeat("Read with care what follows. ", 100)+"\n\n"+task.Input)
			if err != nil {
				return "", err
			}
			return reply.Text(), nil
		})
		start(t, c)
		results(t, addDocuments(t, c, asks, 100))
		fit := limitNamed(t, c, "default").Fits["ask"]
		if wrong, calls := fit.Error(); wrong > 0.05 || calls != 100 {
			t.Errorf("the input of %d calls was estimated with a median error of %.3f; want 0.05 at most of 100", calls, wrong)
		}
		over, most := 0, fit.OutputTokens(limit.Size{MaxTokens: 4000})
		for r := range sim.Calls() {
			if float64(r.Usage.Output) > most {
				over++
			}
		}
		if over > 30 || most > 1000 {
			t.Errorf("%v tokens of output are expected, and %d of 100 answers were longer; want about 10, and not all of max_tokens", most, over)
		}
		if fit.Extra < 2500 || fit.Extra > 3300 {
			t.Errorf("a task's first call is expected to have %v more characters; want about 2,900", fit.Extra)
		}
		t.Logf("output %v, over %d, extra %v", most, over, fit.Extra)
	})
}
