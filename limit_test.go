package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/llmsim"
)

// document returns a text of about n sentences that no other i has.
func document(i, n int) string {
	var b strings.Builder
	for j := range n {
		fmt.Fprintf(&b, "Report %d says in line %d that wheel %d turned %d times without slipping back. ", i, j, i*j%97, i+j)
	}
	return b.String()
}

func TestTheLimitsHoldForAllWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{
			Limits:  llmsim.Limits{Requests: 50, Tokens: 40_000},
			Latency: llmsim.Latency{FirstToken: 500 * time.Millisecond, TokensPerSecond: 50, Spread: 0.5},
		})
		limits := map[string]limit.Config{"default": {Requests: 50, Tokens: 40_000}}
		store := newStore(t)
		m := simModel(sim, 300)
		for range 2 {
			c := newClient(store, pawl.Config{Workers: 32, Limits: limits})
			asks.Handle(c, asking(m))
			start(t, c)
		}
		c := newClient(store, pawl.Config{})
		began := time.Now()
		ins := make([]string, 200)
		for i := range ins {
			ins[i] = "Extract the five most important points:\n\n" + document(i, 5+i%40)
		}
		runs, err := asks.AddMany(t.Context(), c, ins)
		must(t, err)
		for _, run := range runs {
			result(t, run)
		}
		s := sim.Stats()
		if s.Limited != 0 || s.Requests != 200 || s.Answered != 200 {
			t.Errorf("the provider refused %d of %d calls and answered %d; want 0 of 200, 200", s.Limited, s.Requests, s.Answered)
		}
		minutes := time.Since(began).Minutes()
		least := max(200.0/50, float64(s.Billed.Total())/40_000) - 1 // a burst goes first
		if minutes < least || minutes > 2*(least+1) {
			t.Errorf("it took %.1f minutes for %d tokens; want %.1f to %.1f", minutes, s.Billed.Total(), least, 2*(least+1))
		}
	})
}

// inFlight is a model that counts its calls in flight.
func inFlight(most *int) *model {
	now := 0
	m := &model{}
	m.answer = func(context.Context, int) (*llm.Response, error) {
		m.mu.Lock()
		now++
		*most = max(*most, now)
		m.mu.Unlock()
		time.Sleep(time.Second)
		m.mu.Lock()
		now--
		m.mu.Unlock()
		return say("ok"), nil
	}
	return m
}

func TestCallsInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		most := 0
		m := inFlight(&most)
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": {InFlight: 3}}})
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			for i := range 3 {
				if _, err := task.Ask(ctx, m, fmt.Sprint(i)); err != nil {
					return "", err
				}
			}
			return "", nil
		})
		start(t, c)
		began := time.Now()
		var runs []*pawl.Run[string]
		for i := range 20 {
			runs = append(runs, add(t, c, asks, fmt.Sprint(i)))
		}
		for _, run := range runs {
			result(t, run)
		}
		if took := time.Since(began); most != 3 || m.calls() != 60 || took > 30*time.Second {
			t.Errorf("%d calls in %v, %d at once; want 60 in about 20s, 3 at once", m.calls(), took, most)
		}
	})
}

func TestAThrottleStopsAllOnItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{RetryAfter: 20 * time.Second, Latency: llmsim.Latency{FirstToken: time.Second}})
		must(t, sim.Inject(llmsim.RateLimited))
		store := newStore(t)
		m := simModel(sim, 100)
		free := pawl.Operation[string, string]{Name: "free", Limit: "free"}
		for range 2 {
			c := newClient(store, pawl.Config{Workers: 1})
			asks.Handle(c, asking(m))
			free.Handle(c, asking(&model{}))
			start(t, c)
		}
		c := newClient(store, pawl.Config{})
		began := time.Now()
		first := add(t, c, asks, "first")
		idle()
		var runs []*pawl.Run[string]
		for i := range 5 {
			runs = append(runs, add(t, c, asks, fmt.Sprint("later ", i)))
		}
		result(t, add(t, c, free, "x"))
		if took := time.Since(began); took > time.Second {
			t.Errorf("a task on another limit took %v; want less than 1s", took)
		}
		for _, run := range append(runs, first) {
			result(t, run)
		}
		var starts []time.Duration
		for r := range sim.Calls() {
			starts = append(starts, r.Start.Sub(began))
		}
		if len(starts) != 7 || !about(starts[0], 0) || !within(starts[1]-starts[0], 20*time.Second, 20*time.Second+10*time.Millisecond+lateness()) || starts[2]-starts[1] < time.Second {
			t.Errorf("calls at %v; want one, a pause of 20s, a probe, and the rest once it is answered", starts)
		}
		if r := row(t, c, first.ID); r.Used != 1 || len(r.Attempts) != 2 {
			t.Errorf("used %d of %d attempts; want 1 of 2", r.Used, len(r.Attempts))
		}
	})
}

func TestABlockedAccountHoldsTheLimit(t *testing.T) {
	for _, fault := range []llmsim.Fault{llmsim.CreditExhausted, llmsim.SpendLimit, llmsim.KeyRefused} {
		t.Run(string(fault), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := llmsim.New(llmsim.Config{Faults: llmsim.Faults{fault: 1}})
				c := one(t, asks, asking(simModel(sim, 100)))
				start(t, c)
				var runs []*pawl.Run[string]
				for i := range 200 {
					runs = append(runs, add(t, c, asks, fmt.Sprint("Question ", i)))
				}
				time.Sleep(24 * time.Hour)
				asked := sim.Stats().Requests
				if asked > 64 {
					t.Errorf("%d calls; want no more than the workers had begun", asked)
				}
				s, err := c.Status(t.Context())
				must(t, err)
				if q, l := s.Queues[0], s.Limits[0]; q.Counts[pawl.Pending] != 200 || !l.State.Held || l.State.HoldReason == "" || l.State.InFlight != 0 {
					t.Errorf("queue %+v, limit %+v; want 200 pending, held with a reason", q, l.State)
				}
				must(t, sim.SetFaults(nil))
				must(t, c.ResumeLimit(t.Context(), "default"))
				for _, run := range runs {
					result(t, run)
					if r := row(t, c, run.ID); r.Used != 1 {
						t.Errorf("used %d attempts; want 1", r.Used)
					}
				}
			})
		})
	}
}

func TestAnOperatorsHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := one(t, asks, asking(m))
		if err := c.HoldLimit(t.Context(), "default", ""); err == nil || err.Error() != "pawl: hold limit default: the reason is empty; say why" {
			t.Errorf("HoldLimit = %v; want an error", err)
		}
		must(t, c.HoldLimit(t.Context(), "default", "budget"))
		start(t, c)
		run := add(t, c, asks, "x")
		time.Sleep(time.Hour)
		if m.calls() != 0 || row(t, c, run.ID).Attempt != 0 {
			t.Errorf("%d calls, %d attempts; want none", m.calls(), row(t, c, run.ID).Attempt)
		}
		must(t, c.ResumeLimit(t.Context(), "default"))
		result(t, run)
	})
}

// A hold that comes while a handler waits for its next call gives the task back.
func TestAHoldDuringAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := one(t, asks, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			if _, err := task.Ask(ctx, m, "one"); err != nil {
				return "", err
			}
			time.Sleep(5 * time.Second)
			_, err := task.Ask(ctx, m, "two")
			return "", err
		})
		start(t, c)
		run := add(t, c, asks, "x")
		idle()
		must(t, c.HoldLimit(t.Context(), "default", "budget"))
		time.Sleep(time.Hour)
		r := row(t, c, run.ID)
		if last := r.LastAttempt(); r.State != pawl.Pending || last.Class != llm.Blocked || len(r.Attempts) != 1 {
			t.Errorf("task is %s after %+v; want pending, blocked, one attempt", r.State, r.Attempts)
		}
		must(t, c.ResumeLimit(t.Context(), "default"))
		result(t, run)
		if m.calls() != 2 {
			t.Errorf("%d calls; want 2", m.calls())
		}
	})
}

// A call whose turn is further away than Patience gives its worker back.
func TestPatienceReleasesTheWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Workers: 1, Patience: 10 * time.Second, Limits: map[string]limit.Config{"default": {Requests: 1}}})
		m := &model{}
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			for i := range 3 {
				if _, err := task.Ask(ctx, m, fmt.Sprint(task.Input, i)); err != nil {
					return "", err
				}
			}
			return "", nil
		})
		free := pawl.Operation[int, int]{Name: "free", Limit: pawl.NoLimit}
		free.Handle(c, func(_ context.Context, task *pawl.Task[int]) (int, error) { return task.Input, nil })
		start(t, c)
		began := time.Now()
		run := add(t, c, asks, "x")
		time.Sleep(time.Second)
		result(t, add(t, c, free, 1))
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("another task got the worker after %v; want within 11s", took)
		}
		result(t, run)
		r := row(t, c, run.ID)
		if took := time.Since(began); m.calls() != 3 || r.Used != 1 || !within(took, 2*time.Minute, 2*time.Minute+10*time.Second) {
			t.Errorf("%d calls, used %d, took %v; want 3, 1, about 2m", m.calls(), r.Used, took)
		}
		for _, a := range r.Attempts[:len(r.Attempts)-1] {
			if a.Class != llm.Throttled || a.Used || !strings.HasPrefix(a.Message, "limit default is closed: requests") {
				t.Errorf("attempt = %+v; want throttled by the limit", a)
			}
		}
		if len(r.Attempts) > 4 {
			t.Errorf("%d attempts; want no more than one for each minute's wait", len(r.Attempts))
		}
	})
}

// What is short of Patience is waited for in the handler, and counted.
func TestAShortWaitIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"default": {Requests: 6}}})
		m := &model{}
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			for i := range 3 {
				if _, err := task.Ask(ctx, m, fmt.Sprint(i)); err != nil {
					return "", err
				}
			}
			return "", nil
		})
		start(t, c)
		run := add(t, c, asks, "x")
		result(t, run)
		r := row(t, c, run.ID)
		if last := r.LastAttempt(); len(r.Attempts) != 1 || !within(last.Waited, 20*time.Second, 21*time.Second) {
			t.Errorf("%d attempts, the last waited %v; want 1, 20s", len(r.Attempts), last.Waited)
		}
	})
}

func TestSetLimitIsForAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := one(t, asks, asking(&model{}))
		if err := c.SetLimit(t.Context(), "default", limit.Config{Requests: -1}); err == nil {
			t.Error("SetLimit = nil; want an error")
		}
		must(t, c.SetLimit(t.Context(), "default", limit.Config{Requests: 1}))
		start(t, c)
		result(t, add(t, c, asks, "1"))
		second := add(t, c, asks, "2")
		time.Sleep(time.Second)
		must(t, c.SetLimit(t.Context(), "default", limit.Config{}))
		began := time.Now()
		result(t, second)
		if took := time.Since(began); !about(took, 0) {
			t.Errorf("it took %v; want at once: nothing is limited any more", took)
		}
		if err := c.SetLimit(t.Context(), pawl.NoLimit, limit.Config{}); err == nil || errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("SetLimit of no limit = %v; want an error", err)
		}
	})
}

// Without any configuration the provider's refusals are what limits: slower,
// and nothing is lost.
func TestNothingConfiguredWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := llmsim.New(llmsim.Config{Limits: llmsim.Limits{Requests: 50, Tokens: 40_000}, Latency: llmsim.Latency{FirstToken: time.Second}})
		c := one(t, asks, asking(simModel(sim, 300)))
		start(t, c)
		ins := make([]string, 100)
		for i := range ins {
			ins[i] = "Extract the five most important points:\n\n" + document(i, 5+i%20)
		}
		runs, err := asks.AddMany(t.Context(), c, ins)
		must(t, err)
		for _, run := range runs {
			result(t, run)
			if r := row(t, c, run.ID); r.Used != 1 {
				t.Errorf("used %d attempts; want 1", r.Used)
			}
		}
	})
}
