package pawl_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// A call that waits for what calls under way have reserved fails when its patience ends,
// for it may not be its attempt's only one; the attempts that then have nothing to lose
// wait without a worker. None is used, and what is stored already is no saving.
func TestATaskThatHasNoPatienceWaitsForABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{answer: func(ctx context.Context, n int) (*llm.Response, error) {
			if n == 1 {
				time.Sleep(time.Minute)
			}
			return say("done"), nil
		}}
		c := newClient(newStore(t), pawl.Config{Patience: 100 * time.Millisecond})
		asks.Handle(c, askingWords(m))
		must(t, c.SetBudget(t.Context(), pawl.Budget{Scope: pawl.OfAll, Calls: 2}))
		start(t, c)
		add(t, c, asks, "a")
		time.Sleep(10 * time.Second)
		last := add(t, c, asks, "b c")
		time.Sleep(12 * time.Second)
		r := row(t, c, last.ID)
		var classes []llm.Class
		for _, a := range r.Attempts {
			classes = append(classes, a.Class)
		}
		want := []llm.Class{llm.Throttled, pawl.Parked, pawl.Parked, pawl.Parked}
		if !cmp.Equal(classes, want) || r.Used != 0 || !strings.Contains(r.LastAttempt().Message, "budget all: 1 call is reserved") {
			t.Errorf("%s after attempts %v, %d used, the last: %s; want %v, none used, for the budget", r.State, classes, r.Used, r.LastAttempt().Message, want)
		}
		time.Sleep(time.Minute)
		if r = row(t, c, last.ID); r.State != pawl.Blocked {
			t.Errorf("%s; want it blocked: the budget is used up", r.State)
		}
	})
}

// Tasks of a user that wait for what a call under way has reserved of the user's budget
// leave the places of a worker to others, and none of them is lost.
func TestTasksThatWaitForABudgetLeaveTheirPlacesToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &model{answer: func(ctx context.Context, n int) (*llm.Response, error) {
			time.Sleep(time.Minute)
			return nil, &llm.Error{Class: llm.Permanent, Status: 400}
		}}
		m := &model{}
		c := newClient(newStore(t), pawl.Config{Workers: 4})
		first, second, third := pawl.Operation[string, string]{Name: "first"}, pawl.Operation[string, string]{Name: "second"}, pawl.Operation[string, string]{Name: "third", Limit: "another"}
		first.Handle(c, asking(slow))
		second.Handle(c, asking(m))
		third.Handle(c, asking(m))
		must(t, c.SetBudget(t.Context(), pawl.Budget{Scope: pawl.OfUser, Name: "ann", Calls: 1}))
		start(t, c)
		add(t, c, first, "x", pawl.User("ann"))
		idle()
		var waiting []*pawl.Run[string]
		for i := range 10 {
			waiting = append(waiting, add(t, c, second, fmt.Sprint(i), pawl.User("ann")))
		}
		idle()
		for range 3 {
			began := time.Now()
			result(t, add(t, c, third, began.String(), pawl.User("bob")))
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("bob's task took %v; want it begun when a place is given back, a second later", took)
			}
			time.Sleep(7 * time.Second)
		}
		claims := 0
		for _, run := range waiting {
			claims += row(t, c, run.ID).Attempt
		}
		if elapsed := 21 * 4; claims < len(waiting) || claims > elapsed {
			t.Errorf("ann's tasks were claimed %d times; want each, and at most %d: once a second for each place", claims, elapsed)
		}
		must(t, c.RaiseBudget(t.Context(), pawl.Budget{Scope: pawl.OfUser, Name: "ann", Calls: 20}))
		for _, run := range waiting {
			result(t, run)
			if r := row(t, c, run.ID); r.Used != 1 || len(entries(t, c, pawl.LedgerFilter{Run: run.ID})) != 1 {
				t.Errorf("a task of ann's: %d attempts used, ledger %+v; want one of each", r.Used, entries(t, c, pawl.LedgerFilter{Run: run.ID}))
			}
		}
	})
}

// A task that has sent a call, and waits for what calls under way have reserved of its
// budget, takes nothing of its limit, and goes on at the moment that they leave it something.
func TestATaskThatWaitsForABudgetLeavesItsLimitToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := &model{answer: func(ctx context.Context, n int) (*llm.Response, error) {
			time.Sleep(10300 * time.Millisecond)
			return nil, &llm.Error{Class: llm.Throttled, Status: 429, RetryAfter: time.Hour}
		}}
		m := &model{}
		c := newClient(newStore(t), pawl.Config{Limits: map[string]limit.Config{"shared": {InFlight: 1}}})
		first, shared := pawl.Operation[string, string]{Name: "first", Limit: "another"}, pawl.Operation[string, string]{Name: "shared", Limit: "shared"}
		first.Handle(c, asking(refused))
		shared.Handle(c, askingWords(m))
		must(t, c.SetBudget(t.Context(), pawl.Budget{Scope: pawl.OfUser, Calls: 2}))
		start(t, c)
		add(t, c, first, "a", pawl.User("ann"))
		idle()
		began := time.Now()
		waiting := add(t, c, shared, "b c", pawl.User("ann"))
		idle()
		result(t, add(t, c, shared, "d", pawl.User("bob")))
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("bob's task took %v; want it done while ann's waits", took)
		}
		result(t, waiting)
		if took := time.Since(began); m.calls() != 3 || !within(took, 9*time.Second, 10400*time.Millisecond) {
			t.Errorf("ann's task took %v, with %d calls to the model; want it to go on when the call before it has ended", took, m.calls())
		}
	})
}
