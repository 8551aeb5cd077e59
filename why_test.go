package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llmsim"
)

// why asks, and checks what keeps a task and that the reason says something.
func why(t *testing.T, c *pawl.Client, id pawl.ID, gate pawl.Hindrance, says ...string) pawl.Why {
	t.Helper()
	w, err := c.Why(t.Context(), id)
	must(t, err)
	if w.Task != id || w.Gate != gate {
		t.Errorf("Why = %+v; want %s, gate %q", w, id, gate)
	}
	for _, say := range says {
		if !strings.Contains(w.Reason, say) {
			t.Errorf("Reason = %q; want it to say %q", w.Reason, say)
		}
	}
	return w
}

// Each thing that can keep a task is named, one after the other, as each goes away.
func TestWhyATaskWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Workers: 1, Limits: map[string]limit.Config{
			"default": {Requests: 6, User: limit.Ceiling{Tokens: 1000}, Burst: time.Minute},
		}})
		if _, err := c.Why(t.Context(), pawl.NewID()); !errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("Why = %v; want ErrNotFound", err)
		}
		m := &model{}
		asks.Handle(c, asking(m))
		run := add(t, c, asks, "x", pawl.User("ann"))
		must(t, c.Pause(t.Context(), "default"))
		why(t, c, run.ID, pawl.HinderedQueue, "queue default is paused")
		must(t, c.Resume(t.Context(), "default"))
		why(t, c, run.ID, pawl.HinderedWorker, "operation ask", "queue default")
		must(t, c.HoldLimit(t.Context(), "default", "the budget is used up"))
		stop := start(t, c)
		idle()
		w := why(t, c, run.ID, pawl.HinderedHold, "limit default is held until it is resumed: the budget is used up")
		if w.Place != 1 || w.Limit != "default" || !w.Start.IsZero() {
			t.Errorf("Why = %+v; want place 1, limit default, no start", w)
		}
		late := add(t, c, asks, "later", pawl.Delay(time.Hour))
		why(t, c, late.ID, pawl.HinderedHold)
		must(t, c.ResumeLimit(t.Context(), "default"))
		w = why(t, c, late.ID, pawl.HinderedSchedule, "added with a delay", "due at")
		if w.Place != 0 || !w.Until.Equal(w.Start) || !about(time.Until(w.Start), time.Hour) {
			t.Errorf("Why = %+v; want no place, and a start in an hour", w)
		}
		result(t, run)
		why(t, c, run.ID, pawl.HinderedDone, "it succeeded at")
		_, err := c.Cancel(t.Context(), pawl.Filter{IDs: []pawl.ID{late.ID}})
		must(t, err)
		why(t, c, late.ID, pawl.HinderedDone, "it was cancelled at")
		stop()
	})
}

// Who asks why a task is dead is told how it failed, not only that it did.
func TestWhyATaskIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{})
		breaks := pawl.Operation[string, string]{Name: "breaks", Attempts: 2}
		breaks.Handle(c, func(_ context.Context, task *pawl.Task[string]) (string, error) {
			return "", fmt.Errorf("it broke at %d\nwith a trace", task.Attempt)
		})
		stop := start(t, c)
		run := add(t, c, breaks, "x")
		time.Sleep(time.Hour)
		why(t, c, run.ID, pawl.HinderedDone, "it failed for good at ", ", in attempt 2: transient: it broke at 2")
		if w := why(t, c, run.ID, pawl.HinderedDone); strings.Contains(w.Reason, "trace") {
			t.Errorf("Reason = %q; want a sentence", w.Reason)
		}
		stop()
	})
}

// A task that is next starts, and its call will not go: it says both.
func TestWhyACallWillBeBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := newClient(newStore(t), pawl.Config{Workers: 1})
		done := make(chan struct{})
		asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
			answer, err := askingWords(m)(ctx, task)
			<-done
			return answer, err
		})
		must(t, c.SetBudget(t.Context(), pawl.Budget{Scope: pawl.OfUser, Name: "ann", Per: pawl.PerMonth, Calls: 2}))
		stop := start(t, c)
		defer stop()
		first := add(t, c, asks, "a b", pawl.User("ann"))
		idle()
		next := add(t, c, asks, "c", pawl.User("ann"))
		w := why(t, c, next.ID, pawl.HinderedBudget, "it starts with the next claim", "its next call is then blocked until ", "budget user/ann per month: 2 of 2 calls are spent")
		if w.Place != 1 || w.Budget != "user/ann per month" || !w.Until.Equal(pawl.PerMonth.End(time.Now())) || w.Start.After(time.Now()) {
			t.Errorf("Why = %+v; want it to be next and to start now, and its budget, until the month ends", w)
		}
		others := add(t, c, asks, "c", pawl.User("bob"))
		if w := why(t, c, others.ID, pawl.HinderedTurn); w.Budget != "" {
			t.Errorf("Budget = %q of another user's task; want none", w.Budget)
		}
		must(t, c.HoldLimit(t.Context(), "default", "for a while"))
		w = why(t, c, next.ID, pawl.HinderedHold, "for a while; its next call is then blocked until ")
		if w.Limit != "default" || w.Budget != "user/ann per month" {
			t.Errorf("Why = %+v; want limit default, and the budget behind it", w)
		}
		must(t, c.ResumeLimit(t.Context(), "default"))
		must(t, c.Pause(t.Context(), "default"))
		w = why(t, c, next.ID, pawl.HinderedQueue, "is paused", "its next call is then blocked until ")
		if w.Budget != "user/ann per month" {
			t.Errorf("Why = %+v; want the budget behind the paused queue", w)
		}
		must(t, c.Resume(t.Context(), "default"))
		close(done)
		result(t, first)
		result(t, others)
		idle()
		why(t, c, next.ID, pawl.HinderedBudget, "and the call needs 1")
	})
}

// A blocked task says what it waits for.
func TestWhyATaskIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newStore(t), pawl.Config{Patience: time.Second})
		approve.Handle(c, approving)
		hand.Handle(c, handing)
		boss.Handle(c, func(ctx context.Context, t *pawl.Task[[]int]) (int, error) { return sumOf(ctx, c, t.Input) })
		start(t, c)
		run, err := pawl.Each(approve, pawl.AtOnce(2)).Add(t.Context(), c, [][]string{{"a"}, {"!b"}, {"c"}})
		must(t, err)
		began := time.Now()
		parent := add(t, c, boss, []int{1})
		idle()
		joined := add(t, c, boss, []int{1, 1, 1})
		time.Sleep(1500 * time.Millisecond)
		why(t, c, run.ID, pawl.HinderedDependency, "it waits for 3 branches to end")
		why(t, c, parent.ID, pawl.HinderedDependency, "it waits for 1 branch to end")
		why(t, c, joined.ID, pawl.HinderedSchedule, "it waits for task_", "at which it looks again, and is due at")
		for _, r := range rowsOf(t, c, run.ID, "approve") {
			switch string(r.Input) {
			case `["a"]`:
				why(t, c, r.ID, pawl.HinderedDependency, `it waits for signal "a"`)
			case `["!b"]`:
				w := why(t, c, r.ID, pawl.HinderedDependency, `it waits for signal "b", until `)
				if !about(w.Until.Sub(began), time.Hour) {
					t.Errorf("Until = %v; want in an hour", w.Until)
				}
			default:
				why(t, c, r.ID, pawl.HinderedDependency, "it waits for its turn among the branches of "+run.ID.String())
			}
		}
	})
}

// foretold is what was said of a task at a time, and when it then started.
type foretold struct {
	at, start, started time.Time
	place              int
}

// forecast is one load whose course is foretold again and again.
type forecast struct {
	name    string
	sim     llmsim.Config
	config  limit.Config
	workers int
	calls   int     // of each task
	close   float64 // how many forecasts are to be off by less than a quarter or 5 s
}

var forecasts = []forecast{
	{"configured", llmsim.Config{Limits: llmsim.Limits{InputTokens: 30_000}}, limit.Config{InputTokens: 30_000}, 64, 1, 0.9},
	{"learned", llmsim.Config{Limits: llmsim.Limits{Requests: 50, InputTokens: 30_000, OutputTokens: 20_000}}, limit.Config{}, 64, 1, 0.9},
	{"several calls", llmsim.Config{Limits: llmsim.Limits{InputTokens: 60_000}}, limit.Config{InputTokens: 60_000}, 64, 3, 0.5}, // the first know nothing of later calls
	{"in flight", llmsim.Config{}, limit.Config{InFlight: 4}, 64, 1, 0.65},
	{"few workers", llmsim.Config{}, limit.Config{}, 4, 1, 0.75},
	{"few workers beside a limit", llmsim.Config{Limits: llmsim.Limits{Requests: 50, InputTokens: 60_000}}, limit.Config{}, 4, 1, 0.75},
}

// What Why foretells is what happens: the order, and when each task starts.
func TestWhyForetells(t *testing.T) {
	for _, f := range forecasts {
		t.Run(f.name, func(t *testing.T) {
			var told []foretold
			seeds := 3
			if os.Getenv("PAWL_TEST_STORE") != "" {
				seeds = 1 // what is told does not depend on the store
			}
			for seed := range uint64(seeds) {
				synctest.Test(t, func(t *testing.T) { told = append(told, f.run(t, seed)...) })
			}
			median, close := closeness(told)
			right := ordered(told)
			t.Logf("%d forecasts: median error %.1f %%, %.0f %% within a quarter or 5 s; %.1f %% of pairs in order", len(told), 100*median, 100*close, 100*right)
			if len(told) < 25*seeds || median > 0.25 || close < f.close || right < 0.9 {
				t.Errorf("%d forecasts, median error %.2f, %.2f within a quarter or 5 s, %.2f of pairs in order; want %d, 0.25 at most, %.2f, 0.9",
					len(told), median, close, right, 25*seeds, f.close)
			}
		})
	}
}

// run works off a random backlog of several users and priorities, and asks every 20
// seconds for a sample of what waits.
func (f forecast) run(t *testing.T, seed uint64) []foretold {
	r := rand.New(rand.NewPCG(seed, 1))
	f.sim.Latency = llmsim.Latency{FirstToken: time.Second, TokensPerSecond: 60, Spread: 0.3}
	f.sim.Seed = seed
	m := simModel(llmsim.New(f.sim), 400)
	c := newClient(newStore(t), pawl.Config{Workers: f.workers, Limits: map[string]limit.Config{"default": f.config}})
	asks.Handle(c, func(ctx context.Context, task *pawl.Task[string]) (string, error) {
		for i := range f.calls {
			if _, err := task.Ask(ctx, m, fmt.Sprintf("Extract the most important points for page %d:\n\n%s", i, task.Input)); err != nil {
				return "", err
			}
		}
		return "", nil
	})
	var waiting []pawl.ID
	for i := range 120 {
		user := pawl.User([]string{"ann", "ann", "ann", "bob", "cy", "dot"}[r.IntN(6)])
		priority := []pawl.Priority{pawl.Low, pawl.Normal, pawl.Normal, pawl.Normal, pawl.High}[r.IntN(5)]
		waiting = append(waiting, add(t, c, asks, document(i, 5+r.IntN(40)), user, priority).ID)
	}
	start(t, c)
	told := map[pawl.ID][]foretold{}
	for time.Sleep(5 * time.Second); ; time.Sleep(20 * time.Second) {
		synctest.Wait()
		waiting = slices.DeleteFunc(waiting, func(id pawl.ID) bool { return row(t, c, id).Attempt > 0 })
		if len(waiting) == 0 {
			break
		}
		r.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
		for _, id := range waiting[:min(10, len(waiting))] {
			w, err := c.Why(t.Context(), id)
			must(t, err)
			if w.Start.IsZero() {
				continue // nothing was answered yet
			}
			told[id] = append(told[id], foretold{at: time.Now(), start: w.Start, place: w.Place})
		}
	}
	var all []foretold
	for id, of := range told {
		first := row(t, c, id)
		for _, one := range of {
			one.started = first.Started
			if len(first.Attempts) > 0 {
				one.started = first.Attempts[0].Started
			}
			all = append(all, one)
		}
	}
	return all
}

// closeness returns the median of how far off forecasts were beyond 3 seconds, of the
// time that was left, and how many were off by less than a quarter of it or 5 seconds.
func closeness(told []foretold) (median, close float64) {
	var errs []float64
	for _, f := range told {
		off, left := f.start.Sub(f.started).Abs().Seconds(), f.started.Sub(f.at).Seconds()
		errs = append(errs, max(off-3, 0)/max(left, 1))
		if off <= max(left/4, 5) {
			close += 1 / float64(len(told))
		}
	}
	slices.Sort(errs)
	return errs[len(errs)/2], close
}

// ordered returns how many pairs of tasks, of which was told at one time, started
// in the order of their places.
func ordered(told []foretold) float64 {
	pairs, right := 0., 0.
	for _, a := range told {
		for _, b := range told {
			if !a.at.Equal(b.at) || a.place >= b.place || a.started.Equal(b.started) {
				continue
			}
			pairs++
			if a.started.Before(b.started) {
				right++
			}
		}
	}
	return right / max(pairs, 1)
}
