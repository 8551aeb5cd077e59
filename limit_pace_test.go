package pawl_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl/llmsim"
)

// A pace that a throttle sets must not close the limit for hours: neither if all
// that was answered before it failed and used no tokens, nor if the first task that
// comes after it is larger than all before.
func TestAPaceLetsCallsThrough(t *testing.T) {
	tests := []struct {
		name   string
		faults []llmsim.Fault
		before int // small calls that are answered first
	}{
		{"before any answer", []llmsim.Fault{llmsim.RateLimitedBlind}, 0},
		{"after a failure", []llmsim.Fault{llmsim.TooLong, llmsim.RateLimitedBlind}, 0},
		{"after small answers", []llmsim.Fault{llmsim.RateLimitedBlind}, 3},
	}
	for _, headers := range []llmsim.HeaderStyle{llmsim.FullHeaders, llmsim.NoHeaders} {
		for _, test := range tests {
			t.Run(fmt.Sprint(headers, ", ", test.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sim := llmsim.New(llmsim.Config{
						Limits:  llmsim.Limits{Requests: 50, Tokens: 40_000},
						Latency: llmsim.Latency{FirstToken: time.Second}, Headers: headers,
					})
					c := one(t, asks, asking(simModel(sim, 300)))
					start(t, c)
					for i := range test.before {
						result(t, add(t, c, asks, fmt.Sprint("Question ", i)))
					}
					must(t, sim.Inject(test.faults...))
					for i := range test.faults {
						add(t, c, asks, fmt.Sprint("Fails ", i))
						time.Sleep(5 * time.Second)
					}
					began := time.Now()
					for i := range 3 {
						result(t, add(t, c, asks, "Extract the five most important points:\n\n"+document(i, 400)))
					}
					if took := time.Since(began); took > 10*time.Minute {
						t.Errorf("three tasks took %v after a throttle; want less than 10m", took)
					}
				})
			})
		}
	}
}
