package pawl_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llmsim"
)

// smallAccount is what a new account may use: 150 of addDocuments' tasks take it 3
// minutes of requests, and less of tokens.
var smallAccount = llmsim.Config{
	Limits:  llmsim.Limits{Requests: 50, Tokens: 40_000},
	Latency: llmsim.Latency{FirstToken: 500 * time.Millisecond, TokensPerSecond: 50, Spread: 0.5},
}

// With nothing configured the limit is learned from what the provider says, before
// calls are refused; if it says nothing, from a few refusals.
func TestAnUnknownLimitIsLearned(t *testing.T) {
	for api, model := range simModels {
		for _, headers := range llmsim.HeaderStyles() {
			t.Run(api+", "+string(headers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					config := smallAccount
					config.Headers = headers
					sim := llmsim.New(config)
					c := one(t, asks, asking(model(sim, 300)))
					start(t, c)
					began := time.Now()
					results(t, addDocuments(t, c, asks, 150))
					most, longest := int64(5), 3*time.Minute+10*time.Second
					if headers == llmsim.NoHeaders {
						most, longest = 15, 4*time.Minute+30*time.Second
					}
					s, took := sim.Stats(), time.Since(began)
					if s.Limited > most || took > longest {
						t.Errorf("%d of %d calls were refused, and it took %v; want %d at most, within %v", s.Limited, s.Requests, took, most, longest)
					}
					t.Logf("%d of %d calls were refused, and it took %v", s.Limited, s.Requests, took)
				})
			})
		}
	}
}

// A response that is read after newer ones tells of an older level: it must not
// bring back what was used since.
func TestALateResponseTellsNothingNew(t *testing.T) {
	for api, model := range simModels {
		t.Run(api, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := smallAccount
				config.Decide = func(c *llmsim.Call) llmsim.Fault {
					if strings.Contains(c.Messages[0].Text, "Report 1") {
						return llmsim.Slow
					}
					return llmsim.None
				}
				sim := llmsim.New(config)
				c := one(t, asks, asking(model(sim, 300)))
				start(t, c)
				began := time.Now()
				results(t, addDocuments(t, c, asks, 150))
				s, took := sim.Stats(), time.Since(began)
				if s.Limited > 5 || took > 4*time.Minute || s.Faults[llmsim.Slow] < 50 {
					t.Errorf("%d calls were refused and %d slow, and it took %v; want 5 at most, 50 or more, within 4m", s.Limited, s.Faults[llmsim.Slow], took)
				}
				t.Logf("%d of %d calls were refused, and it took %v", s.Limited, s.Requests, took)
			})
		})
	}
}

// When the provider halves the limits, the next response tells, and calls that were
// let in by the old ones are refused at most.
func TestALimitIsHalvedOnTheWay(t *testing.T) {
	for api, model := range simModels {
		t.Run(api, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := llmsim.New(smallAccount)
				c := one(t, asks, asking(model(sim, 300)))
				start(t, c)
				runs := addDocuments(t, c, asks, 150)
				time.Sleep(time.Minute)
				half := llmsim.Limits{Requests: smallAccount.Limits.Requests / 2, Tokens: smallAccount.Limits.Tokens / 2}
				must(t, sim.SetLimits(half))
				left := 150 - sim.Stats().Answered
				began := time.Now()
				results(t, runs)
				s, took := sim.Stats(), time.Since(began)
				longest := time.Duration(left) * time.Minute / 25 * 5 / 4
				if s.Limited > 5 || took > longest {
					t.Errorf("%d calls were refused, and it took %v; want 5 at most, within %v", s.Limited, took, longest)
				}
				t.Logf("%d of %d calls were refused, and it took %v for %d", s.Limited, s.Requests, took, left)
				if told := limitNamed(t, c, "default").State.Requests.Limit; told != 25 {
					t.Errorf("the limit of requests was learned as %v; want 25", told)
				}
			})
		})
	}
}

// A provider that refuses what grows too fast says no limit: the ramp is cut. What is
// refused is what all workers began at once, and little after that.
func TestTheRampIsCut(t *testing.T) {
	for api, model := range simModels {
		t.Run(api, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := llmsim.New(llmsim.Config{
					Limits:  llmsim.Limits{Requests: 1000, Tokens: 2_000_000},
					Latency: smallAccount.Latency, Acceleration: 2,
				})
				c := one(t, asks, asking(model(sim, 300)))
				start(t, c)
				began := time.Now()
				results(t, addDocuments(t, c, asks, 500))
				s, took := sim.Stats(), time.Since(began)
				if s.Limited > 70 || took > 15*time.Minute {
					t.Errorf("%d of %d calls were refused, and it took %v; want 70 at most, within 15m", s.Limited, s.Requests, took)
				}
				t.Logf("%d of %d calls were refused, and it took %v", s.Limited, s.Requests, took)
			})
		})
	}
}

// What is configured is a cap. Where the provider's own limit is lower that one holds,
// from the first response on.
func TestTheLowerOfTwoLimitsHolds(t *testing.T) {
	tests := []struct {
		name        string
		configured  float64 // requests a minute
		least, most time.Duration
		refused     int64 // before the first response tells
	}{
		{"configured below", 20, 4*time.Minute + 30*time.Second, 5 * time.Minute, 0},
		{"configured above", 500, time.Minute, 2 * time.Minute, 20},
	}
	for api, model := range simModels {
		for _, test := range tests {
			t.Run(api+", "+test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sim := llmsim.New(smallAccount)
					c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": {Requests: test.configured}}})
					asks.Handle(c, asking(model(sim, 300)))
					start(t, c)
					began := time.Now()
					results(t, addDocuments(t, c, asks, 100))
					s, took := sim.Stats(), time.Since(began)
					if s.Limited > test.refused || took < test.least || took > test.most {
						t.Errorf("%d calls were refused, and it took %v; want %d at most, %v to %v", s.Limited, took, test.refused, test.least, test.most)
					}
					t.Logf("%d of %d calls were refused, and it took %v", s.Limited, s.Requests, took)
				})
			})
		}
	}
}
