package pawl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

// wordy returns a text of about so many tokens of the simulated provider.
func wordy(i, tokens int) string { return fmt.Sprint("Text ", i, strings.Repeat(" word", tokens)) }

// brief is an account whose model says little at once, whatever it reads.
func brief(limits llmsim.Limits) *llmsim.Server {
	return llmsim.New(llmsim.Config{
		Limits: limits, Latency: llmsim.Latency{FirstToken: time.Second, Spread: 0.5},
		Reply: func(*llmsim.Call) string { return "Done." },
	})
}

// waited returns how long a task waited for its first attempt.
func waited(r *pawl.TaskRow) time.Duration { return r.Attempts[0].Started.Sub(r.Added) }

// Room is left for who is in a hurry: high priority does not wait for the refill that
// a backlog uses up.
func TestHighPriorityDoesNotWaitForABacklog(t *testing.T) {
	for _, backlog := range []pawl.Priority{pawl.Low, pawl.Normal} {
		t.Run(fmt.Sprint("over ", backlog), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := brief(llmsim.Limits{Requests: 50, Tokens: 40_000})
				c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": {Requests: 50, Tokens: 40_000}}})
				asks.Handle(c, asking(simModel(sim, 300)))
				start(t, c)
				began := time.Now()
				runs := addDocuments(t, c, asks, 200, backlog)
				var waits []time.Duration
				for i := range 50 {
					time.Sleep(4 * time.Second)
					run := add(t, c, asks, wordy(i, 100), pawl.High)
					result(t, run)
					waits = append(waits, waited(row(t, c, run.ID)))
				}
				if left := 200 - int(sim.Stats().Answered-50); left <= 0 {
					t.Fatal("the backlog ended before the others did")
				}
				slices.Sort(waits)
				if waits[49] > 2*time.Second {
					t.Errorf("waits were %v at the median, %v at most; want 2s at most", waits[25], waits[49])
				}
				t.Logf("waits were %v at the median, %v at most", waits[25], waits[49])
				results(t, runs)
				s, took := sim.Stats(), time.Since(began)
				if s.Limited != 0 || took > 6*time.Minute {
					t.Errorf("%d calls were refused, and all of it took %v; want 0, about 5m", s.Limited, took)
				}
			})
		})
	}
}

// A large task is neither starved by small ones nor do they wait for it.
func TestALargeTaskAmongSmallOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := llmsim.Limits{Requests: 1000, Tokens: 80_000}
		sim := brief(limits)
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": {Requests: 1000, Tokens: 80_000}}})
		asks.Handle(c, asking(simModel(sim, 100)))
		start(t, c)
		var small []*pawl.Run[string]
		for i := range 400 {
			small = append(small, add(t, c, asks, wordy(i, 1000)))
			if i == 100 {
				time.Sleep(30 * time.Second)
			}
		}
		large := add(t, c, asks, wordy(1000, 50_000), pawl.User("large"))
		result(t, large)
		if w := waited(row(t, c, large.ID)); w > 3*time.Minute {
			t.Errorf("the large task waited %v; want less than 3m", w)
		}
		results(t, small)
		var starts []time.Time
		for _, run := range small {
			starts = append(starts, row(t, c, run.ID).Attempts[0].Started)
		}
		slices.SortFunc(starts, time.Time.Compare)
		var gap time.Duration
		for i := range starts[1:] {
			gap = max(gap, starts[i+1].Sub(starts[i]))
		}
		if gap > 20*time.Second || sim.Stats().Limited != 0 {
			t.Errorf("small tasks waited %v without one being started, and %d calls were refused; want less than 20s, 0", gap, sim.Stats().Limited)
		}
		t.Logf("the large task waited %v, small ones %v", waited(row(t, c, large.ID)), gap)
	})
}

// Where a call is charged by what it uses, one that is larger than the limit goes
// alone, and those behind it wait until it is paid.
func TestATaskLargerThanItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": {Tokens: 10_000}}})
		m := &model{}
		asks.Handle(c, asking(m))
		start(t, c)
		began := time.Now()
		result(t, add(t, c, asks, strings.Repeat("word ", 12_000)))
		if took := time.Since(began); took > 2*time.Minute || m.calls() != 1 {
			t.Errorf("it took %v and %d calls; want less than 2m, 1", took, m.calls())
		}
	})
}

// Where a call is charged up front, one that is larger than the limit can never go:
// it is a dead letter at once, whose message has both numbers.
func TestATaskThatTheProviderNeverLetsIn(t *testing.T) {
	tests := map[string]struct {
		config limit.Config
		sent   int64 // calls
		words  []string
	}{
		"nothing configured": {limit.Config{}, 2, []string{"10000", "12502"}},
		"configured charge":  {limit.Config{Charge: limit.MaxOrChars}, 1, []string{"12502 tokens", "limit default allows 10000"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := brief(llmsim.Limits{Requests: 100, Tokens: 10_000})
				c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": test.config}})
				asks.Handle(c, asking(simModels["openai"](sim, 100)))
				start(t, c)
				result(t, add(t, c, asks, "small"))
				began := time.Now()
				d := dead(t, add(t, c, asks, wordy(100, 10_000)))
				last := d.LastAttempt()
				if took := time.Since(began); took > 5*time.Second+lateness() || last.Class != llm.Permanent || d.Attempt != 1 {
					t.Errorf("it died after %v and %d attempts, the last %+v; want at once, permanent", took, d.Attempt, last)
				}
				for _, word := range test.words {
					if !strings.Contains(last.Message, word) {
						t.Errorf("its message is %q; want %q in it", last.Message, word)
					}
				}
				if n := sim.Stats().Requests; n != test.sent {
					t.Errorf("%d calls were sent; want %d", n, test.sent)
				}
				result(t, add(t, c, asks, "small again"))
			})
		})
	}
}

// Users share a limit by the tokens that they use, and not by how many tasks they
// have.
func TestUsersShareTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := brief(llmsim.Limits{Tokens: 30_000})
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": {Tokens: 30_000}}})
		asks.Handle(c, asking(simModel(sim, 100)))
		start(t, c)
		var many, few []string
		for i := range 300 {
			many = append(many, wordy(i, 90))
		}
		for i := range 10 {
			few = append(few, wordy(i, 2000))
		}
		manyRuns, err := asks.AddMany(t.Context(), c, many, pawl.User("many"))
		must(t, err)
		fewRuns, err := asks.AddMany(t.Context(), c, few, pawl.User("few"))
		must(t, err)
		results(t, fewRuns)
		used := map[string]int64{}
		for user, runs := range map[string][]*pawl.Run[string]{"many": manyRuns, "few": fewRuns} {
			for _, run := range runs {
				used[user] += row(t, c, run.ID).Usage().Total()
			}
		}
		share := float64(used["few"]) / float64(used["few"]+used["many"])
		if share < 0.42 || share > 0.58 {
			t.Errorf("10 tasks had %.2f of the tokens beside 300 smaller ones; want half", share)
		}
		t.Logf("the share is %.2f", share)
	})
}
