package pawl_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llmsim"
)

// Requests, input and output are limited apart, and each is the narrowest in turn.
func TestSeveralBucketsAtOnce(t *testing.T) {
	tests := map[string]llmsim.Limits{
		"requests": {Requests: 20, InputTokens: 60_000, OutputTokens: 20_000},
		"input":    {Requests: 100, InputTokens: 12_000, OutputTokens: 20_000},
		"output":   {Requests: 100, InputTokens: 60_000, OutputTokens: 1_500},
	}
	for narrowest, limits := range tests {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, known %v", narrowest, known), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sim := llmsim.New(llmsim.Config{Limits: limits, Latency: smallAccount.Latency})
					config := pawl.Config{}
					if known {
						config.Limits = map[string]limit.Config{"default": {
							Requests: float64(limits.Requests), InputTokens: float64(limits.InputTokens), OutputTokens: float64(limits.OutputTokens),
						}}
					}
					c := newClient(newStore(t), config)
					asks.Handle(c, asking(simModel(sim, 300)))
					start(t, c)
					began := time.Now()
					results(t, addDocuments(t, c, asks, 80))
					s, took := sim.Stats(), time.Since(began)
					minutes := max(80/float64(limits.Requests), float64(s.Billed.Input)/float64(limits.InputTokens), float64(s.Billed.Output)/float64(limits.OutputTokens))
					if s.Limited > 3 || took.Minutes() > minutes+1 {
						t.Errorf("%d calls were refused, and it took %v; want 3 at most, within %.1f minutes", s.Limited, took, minutes+1)
					}
					t.Logf("%d calls were refused, and it took %v of %.1f minutes", s.Limited, took, minutes)
				})
			})
		}
	}
}

// A day's limit is told by OpenAI's headers, in the place of a minute's, or by the
// message of a refusal. The rest of the work is done as the day's limit fills.
func TestADaysLimit(t *testing.T) {
	tests := map[string]struct {
		limits llmsim.Limits
		config limit.Config
	}{
		"requests, unknown":    {llmsim.Limits{Requests: 50, RequestsPerDay: 60}, limit.Config{}},
		"requests, configured": {llmsim.Limits{Requests: 50, RequestsPerDay: 60}, limit.Config{Requests: 50, RequestsPerDay: 60}},
		"tokens, unknown":      {llmsim.Limits{Requests: 50, TokensPerDay: 60_000}, limit.Config{}},
		"tokens, configured":   {llmsim.Limits{Requests: 50, TokensPerDay: 60_000}, limit.Config{Charge: limit.MaxOrChars, Requests: 50, TokensPerDay: 60_000}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := llmsim.New(llmsim.Config{Limits: test.limits, Latency: smallAccount.Latency})
				c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": test.config}})
				asks.Handle(c, asking(simModels["openai"](sim, 900)))
				start(t, c)
				began := time.Now()
				runs := addDocuments(t, c, asks, 72)
				time.Sleep(time.Hour)
				if n := sim.Stats().Answered; n < 45 || n > 70 {
					t.Errorf("%d calls were answered in the first hour; want what the day allows at once, about 60", n)
				}
				results(t, runs)
				s, took := sim.Stats(), time.Since(began)
				if s.Limited > 20 || took > 10*time.Hour {
					t.Errorf("%d calls were refused, and it took %v; want 20 at most, within 10h", s.Limited, took)
				}
				t.Logf("%d calls were refused, and it took %v", s.Limited, took)
			})
		})
	}
}

// Two families of models are parts of one account: it is never exceeded, and what one
// family does not use is the other's.
func TestFamiliesShareAnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 60}, Latency: smallAccount.Latency})
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{
			"account": {Requests: 60},
			"small":   {Requests: 20, Within: "account"},
			"large":   {Within: "account"},
		}})
		asks.Handle(c, asking(simModel(sim, 300)))
		start(t, c)
		began := time.Now()
		runs := append(addDocuments(t, c, asks, 60, pawl.Limit("small"), pawl.User("a")), addDocuments(t, c, asks, 120, pawl.Limit("large"), pawl.User("b"))...)
		results(t, runs)
		ends := map[string]time.Time{}
		for _, run := range runs {
			r := row(t, c, run.ID)
			if r.Ended.After(ends[r.Limit]) {
				ends[r.Limit] = r.Ended
			}
		}
		s := sim.Stats()
		if s.Limited != 0 || s.Requests != 180 {
			t.Errorf("%d of %d calls were refused; want 0 of 180", s.Limited, s.Requests)
		}
		for name, most := range map[string]time.Duration{"small": 4 * time.Minute, "large": 4 * time.Minute} {
			if took := ends[name].Sub(began); took < 2*time.Minute || took > most {
				t.Errorf("%s took %v; want 2m to %v", name, took, most)
			}
		}
		for _, name := range []string{"account", "small", "large"} {
			if l := limitNamed(t, c, name); l.State.InFlight != 0 {
				t.Errorf("%s has %d calls in flight at the end; want 0", name, l.State.InFlight)
			}
		}
	})
}

// One family that the provider throttles leaves the other running; an account that is
// blocked stops both.
func TestAThrottleIsTheFamilysAndABlockTheAccounts(t *testing.T) {
	for fault, stops := range map[llmsim.Fault]bool{llmsim.RateLimited: false, llmsim.CreditExhausted: true} {
		t.Run(string(fault), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := llmsim.New(llmsim.Config{RetryAfter: time.Hour})
				must(t, sim.Inject(fault))
				c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{
					"account": {}, "small": {Within: "account"}, "large": {Within: "account"},
				}})
				asks.Handle(c, asking(simModel(sim, 300)))
				start(t, c)
				first := add(t, c, asks, "first", pawl.Limit("small"))
				idle()
				second := add(t, c, asks, "second", pawl.Limit("large"))
				time.Sleep(time.Minute)
				if r := row(t, c, second.ID); (r.State == pawl.Pending) != stops {
					t.Errorf("a task of the other family is %s; want it to wait: %v", r.State, stops)
				}
				if r := row(t, c, first.ID); r.State != pawl.Pending {
					t.Errorf("the task whose call failed is %s; want pending", r.State)
				}
				must(t, c.ResumeLimit(t.Context(), "account"))
				result(t, second)
				result(t, first)
			})
		})
	}
}

// A user at the ceiling waits; others go on as if there were nobody else.
func TestAUserAtTheCeiling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 100, Tokens: 80_000}, Latency: smallAccount.Latency})
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{
			"default": {Requests: 100, Tokens: 80_000, User: limit.Ceiling{Tokens: 5000}},
		}})
		asks.Handle(c, asking(simModel(sim, 300)))
		start(t, c)
		began := time.Now()
		many := addDocuments(t, c, asks, 40, pawl.User("many"))
		few := addDocuments(t, c, asks, 5, pawl.User("few"))
		none := addDocuments(t, c, asks, 40)
		results(t, append(few, none...))
		if took := time.Since(began); took > 90*time.Second {
			t.Errorf("the others' tasks took %v; want less than 1m30s", took)
		}
		results(t, many)
		took := time.Since(began)
		var used int64
		for _, run := range many {
			used += row(t, c, run.ID).Usage().Total()
		}
		least := time.Duration(float64(used-5000) / 5000 * float64(time.Minute))
		if took < least-5*time.Second || took > least+time.Minute {
			t.Errorf("the user at the ceiling took %v for %d tokens; want about %v", took, used, least)
		}
		if l := limitNamed(t, c, "default"); l.Users != 2 {
			t.Errorf("%d users have used something of their ceiling; want 2", l.Users)
		}
	})
}

// Money a day is a limit as any other, for all and for each user.
func TestMoneyADay(t *testing.T) {
	price := limit.Price{Input: 1, Output: 5} // a million of tokens
	tests := map[string]struct {
		config limit.Config
		most   map[pawl.User]float64 // money in the first hour
	}{
		"for all":       {limit.Config{Price: price, CostPerDay: 0.02}, map[pawl.User]float64{"": 0.0215}},
		"for each user": {limit.Config{Price: price, User: limit.Ceiling{CostPerDay: 0.01}}, map[pawl.User]float64{"a": 0.0108, "b": 0.0108}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := llmsim.New(llmsim.Config{Latency: smallAccount.Latency})
				c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": test.config}})
				asks.Handle(c, asking(simModel(sim, 300)))
				start(t, c)
				runs := map[pawl.User][]*pawl.Run[string]{}
				for _, user := range []pawl.User{"a", "b"} {
					runs[user] = addDocuments(t, c, asks, 30, user)
				}
				time.Sleep(time.Hour)
				spent := map[pawl.User]float64{}
				for user := range runs {
					for _, run := range runs[user] {
						u := row(t, c, run.ID).Usage()
						cost := (float64(u.Input)*price.Input + float64(u.Output)*price.Output) / 1e6
						spent[user] += cost
						spent[""] += cost
					}
				}
				for user, most := range test.most {
					if spent[user] > most || spent[user] < 0.9*most {
						t.Errorf("user %q spent %.4f in the first hour; want up to %.4f", user, spent[user], most)
					}
				}
				for _, runs := range runs {
					results(t, runs)
				}
			})
		})
	}
}
