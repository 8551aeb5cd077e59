package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// testPrices prices the model that the tests' fake is: 10 and 5 tokens cost 0.000020.
var testPrices = &price.Table{Date: "2026-01-01", Currency: "EUR", Models: map[string]price.Rates{
	"test": {Input: 1e9, Output: 2e9, CacheRead: 1e8, CacheWrite: 125e7},
}}

// spending returns a client with a budget whose operation asks a model each word of its
// input, one after the other.
func spending(t *testing.T, m *model, budgets ...pawl.Budget) *pawl.Client {
	c := newClient(newStore(t), pawl.Config{Prices: testPrices})
	asks.Handle(c, askingWords(m))
	for _, b := range budgets {
		must(t, c.SetBudget(t.Context(), b))
	}
	return c
}

// askingWords is a handler that asks a model each word of its input, one after the other.
func askingWords(m *model) func(context.Context, *pawl.Task[string]) (string, error) {
	return func(ctx context.Context, t *pawl.Task[string]) (string, error) {
		last := ""
		for _, word := range strings.Fields(t.Input) {
			reply, err := t.Ask(ctx, m, word)
			if err != nil {
				return "", err
			}
			last = reply.Text()
		}
		return last, nil
	}
}

func TestABudgetStopsATaskThatGoesOnWhenItIsRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, log := &model{}, &logbook{}
		c := newClient(newStore(t), pawl.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
		asks.Handle(c, askingWords(m))
		must(t, c.SetBudget(t.Context(), pawl.Budget{Scope: pawl.OfUser, Name: "ann", Calls: 2}))
		start(t, c)
		run := add(t, c, asks, "a b c d", pawl.User("ann"))
		other := add(t, c, asks, "e f g", pawl.User("bob"))
		if got := result(t, other); got == "" {
			t.Errorf("bob's task = %q; want an answer: the budget is ann's", got)
		}
		idle()
		r := row(t, c, run.ID)
		if r.State != pawl.Blocked || len(r.Steps) != 2 || m.calls() != 5 || !r.Due.IsZero() {
			t.Errorf("ann's task is %s with %d steps after %d calls, due %v; want it blocked with its 2 answers after 5, for good", r.State, len(r.Steps), m.calls(), r.Due)
		}
		if n := log.count("a budget blocks the task"); n != 1 {
			t.Errorf("the log says %d times that a budget blocks a task; want once", n)
		}
		why, err := c.Why(t.Context(), run.ID)
		if want := "budget user/ann: 2 of 2 calls are spent, and the call needs 1"; err != nil || why.Gate != pawl.HinderedBudget || !strings.Contains(why.Reason, want) {
			t.Errorf("Why = %s %q, %v; want the budget and its numbers: %s", why.Gate, why.Reason, err, want)
		}
		must(t, c.RaiseBudget(t.Context(), pawl.Budget{Scope: pawl.OfUser, Name: "ann", Calls: 5}))
		if got := result(t, run); got == "" || m.calls() != 7 {
			t.Errorf("the run ended with %q after %d calls; want an answer after 7, none of them twice", got, m.calls())
		}
		if r = row(t, c, run.ID); r.Used != 1 {
			t.Errorf("%d attempts are used; want 1: to wait is no failure", r.Used)
		}
	})
}

func TestABudgetIsWholeAgainInTheNextPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := spending(t, m, pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerDay, Tokens: 400})
		start(t, c)
		run := add(t, c, asks, "a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb")
		idle()
		r := row(t, c, run.ID)
		if tomorrow := time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC); r.State != pawl.Blocked || !about(r.Due.Sub(tomorrow), 0) {
			t.Errorf("the task is %s until %v; want it blocked until midnight", r.State, r.Due)
		}
		if used := r.Usage().Total(); used < 200 || used > 400 {
			t.Errorf("%d tokens are used; want most of the 400, and no more", used)
		}
		result(t, run)
		if now := time.Now(); now.Day() == 1 {
			t.Errorf("it has gone on at %v; want the next day", now)
		}
	})
}

func TestACallThatIsMoreThanItsBudgetIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := spending(t, m, pawl.Budget{Scope: pawl.OfOperation, Name: "ask", Tokens: 50, Per: pawl.PerMonth})
		start(t, c)
		d := dead(t, add(t, c, asks, "hello"))
		message := d.LastAttempt().Message
		if strings.Contains(message, "anthropic") || !strings.Contains(message, "budget operation/ask per month allows 50 tokens in all") || !strings.Contains(message, "the call needs") || m.calls() != 0 {
			t.Errorf("%q after %d calls; want both numbers, and no call", message, m.calls())
		}
	})
}

func TestAModelWithoutAPriceIsNotLetIntoMoney(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := newClient(newStore(t), pawl.Config{Prices: &price.Table{Date: "2026-01-01", Currency: "EUR", Models: map[string]price.Rates{"another": {Input: 1}}}})
		asks.Handle(c, asking(m))
		must(t, c.SetBudget(t.Context(), pawl.Budget{Scope: pawl.OfAll, Money: 1e9}))
		start(t, c)
		d := dead(t, add(t, c, asks, "hello"))
		if message := d.LastAttempt().Message; !strings.Contains(message, `model "test" has no price`) || m.calls() != 0 {
			t.Errorf("%q after %d calls; want that the model has no price, and no call", message, m.calls())
		}
	})
}

func TestARunSpendsOneBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := spending(t, m)
		child := pawl.Operation[string, string]{Name: "child"}
		child.Handle(c, asking(m))
		parent := pawl.Operation[string, string]{Name: "parent"}
		parent.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			for i := range 3 {
				run, err := child.Add(ctx, c, fmt.Sprint(t.Input, i))
				if err != nil {
					return "", err
				}
				if _, err := run.Wait(ctx); err != nil {
					return "", err
				}
			}
			return "done", nil
		})
		start(t, c)
		run := add(t, c, parent, "x", pawl.Budget{Calls: 2})
		free := add(t, c, parent, "y")
		if got := result(t, free); got != "done" {
			t.Errorf("the run without a budget = %q; want it done", got)
		}
		idle()
		if got := states(t, c, run.ID); got[pawl.Succeeded] != 2 || got[pawl.Blocked] != 1 || got[pawl.Running] != 1 || m.calls() != 5 {
			t.Errorf("tasks of the run: %v after %d calls; want 2 children done, the third blocked, and the parent that waits for it", got, m.calls())
		}
		must(t, c.RaiseBudget(t.Context(), pawl.Budget{Scope: pawl.OfRun, Name: run.ID.String(), Calls: 1}))
		if got := result(t, run); got != "done" {
			t.Errorf("the run = %q; want it done", got)
		}
	})
}

// What a handler adds is of its task's run: a budget for it alone would cap nothing.
func TestAChildHasNoBudgetOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := spending(t, &model{})
		parent := pawl.Operation[string, string]{Name: "parent"}
		parent.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			_, err := asks.Add(ctx, c, "a b", pawl.Budget{Calls: 1})
			return "", err
		})
		start(t, c)
		if d := dead(t, add(t, c, parent, "x")); !strings.Contains(d.LastAttempt().Message, "a Budget is for a run") {
			t.Errorf("the parent died of %q; want it to say that the budget is not for a run", d.LastAttempt().Message)
		}
	})
}

func TestABudgetWarnsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, m := &logbook{}, &model{}
		c := newClient(newStore(t), pawl.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
		asks.Handle(c, asking(m))
		must(t, c.SetBudget(t.Context(), pawl.Budget{Scope: pawl.OfAll, Calls: 10, Warn: 0.5}))
		start(t, c)
		for i := range 10 {
			result(t, add(t, c, asks, fmt.Sprint(i)))
		}
		if n := log.count("budget all: 50 % of it are used"); n != 1 {
			t.Errorf("it warned %d times of the half; want once", n)
		}
	})
}

// Whoever is blocked by the budget of each goes on when there is one by name, which takes
// its place: also one that was stopped before, and has not said so yet.
func TestABudgetByNameTakesThePlaceOfOneForEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := spending(t, m, pawl.Budget{Scope: pawl.OfUser, Calls: 1})
		stopped := pawl.Operation[string, string]{Name: "stopped"}
		stopped.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			for range 2 {
				if _, err := t.Ask(ctx, m, t.Input); err != nil {
					time.Sleep(time.Minute)
					return "", err
				}
			}
			return "done", nil
		})
		start(t, c)
		blocked, running := add(t, c, asks, "a b", pawl.User("ann")), add(t, c, stopped, "a", pawl.User("bob"))
		idle()
		for _, name := range []string{"ann", "bob"} {
			must(t, c.SetBudget(t.Context(), pawl.Budget{Scope: pawl.OfUser, Name: name, Calls: 9}))
		}
		result(t, blocked)
		result(t, running)
	})
}

// Of a handler whose call was stopped, and that went on, an error is about something else
// unless it says that it is not.
func TestAHandlerThatGoesOnWithinABudgetFailsByItself(t *testing.T) {
	for name, tt := range map[string]struct {
		fails func(stopped error) error
		want  llm.Class
	}{
		"an error of its own":      {func(error) error { return errors.New("the file is not there yet") }, llm.Transient},
		"what had stopped it":      {func(stopped error) error { return fmt.Errorf("at first: %w", stopped) }, pawl.Parked},
		"for good, in spite of it": {func(stopped error) error { return pawl.Permanent(stopped) }, llm.Permanent},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &model{}
			c := newClient(newStore(t), pawl.Config{})
			must(t, c.SetBudget(t.Context(), pawl.Budget{Scope: pawl.OfAll, Calls: 1}))
			asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
				if t.Attempt > 1 {
					return "done", nil
				}
				var stopped error
				for stopped == nil {
					_, stopped = t.Ask(ctx, m, "hello")
				}
				if err := c.RaiseBudget(context.Background(), pawl.Budget{Scope: pawl.OfAll, Calls: 1}); err != nil {
					return "", err
				}
				if _, err := t.Ask(ctx, m, "a shorter one"); err != nil {
					return "", err
				}
				return "", tt.fails(stopped)
			})
			start(t, c)
			run := add(t, c, asks, "")
			time.Sleep(time.Hour)
			if a := row(t, c, run.ID).Attempts[0]; a.Class != tt.want || m.calls() != 2 {
				t.Errorf("%s: %s, %s, after %d calls; want it %s after 2", name, a.Class, a.Message, m.calls(), tt.want)
			}
		})
	}
}

// A removal of which half failed is made again: there is no budget any more, and what it
// had blocked goes on.
func TestARemovalIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, m, b := newStore(t), &model{}, pawl.Budget{Scope: pawl.OfUser, Calls: 1}
		c := newClient(store, pawl.Config{})
		asks.Handle(c, func(ctx context.Context, t *pawl.Task[string]) (string, error) {
			if _, err := t.Ask(ctx, m, "a"); err != nil {
				return "", err
			}
			_, err := t.Ask(ctx, m, "b")
			return "done", err
		})
		must(t, c.SetBudget(t.Context(), b))
		start(t, c)
		run := add(t, c, asks, "", pawl.User("ann"))
		idle()
		must(t, store.Configure(t.Context(), time.Now(), []pawl.Setting{{Budget: &b, Remove: true}}))
		if err := c.RemoveBudget(t.Context(), "user/*"); !errors.Is(err, pawl.ErrNoBudget) {
			t.Errorf("RemoveBudget = %v; want ErrNoBudget", err)
		}
		result(t, run)
	})
}

func TestBudgetsAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := spending(t, m, pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Money: 1e9}, pawl.Budget{Scope: pawl.OfAll, Tokens: 1000})
		start(t, c)
		result(t, add(t, c, asks, "a b", pawl.User("ann")))
		result(t, add(t, c, asks, "a", pawl.User("bob")))
		idle()
		budgets, err := c.Budgets(t.Context())
		must(t, err)
		day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		want := []pawl.BudgetStatus{
			{Budget: pawl.Budget{Scope: pawl.OfAll, Tokens: 1000}, Of: 1, Accounts: []pawl.Account{{Spent: pawl.Spent{Tokens: 45, Money: 60_000, Calls: 3}}}},
			{Budget: pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Money: 1e9}, Of: 2, Accounts: []pawl.Account{
				{Name: "ann", Spent: pawl.Spent{Tokens: 30, Money: 40_000, Calls: 2}, Since: day, Until: day.AddDate(0, 0, 1)},
				{Name: "bob", Spent: pawl.Spent{Tokens: 15, Money: 20_000, Calls: 1}, Since: day, Until: day.AddDate(0, 0, 1)},
			}},
		}
		if diff := cmp.Diff(want, budgets); diff != "" {
			t.Errorf("budgets (-want +got):\n%s", diff)
		}
		must(t, c.RemoveBudget(t.Context(), "user/* per day"))
		if err := c.RemoveBudget(t.Context(), "user/* per day"); !errors.Is(err, pawl.ErrNoBudget) {
			t.Errorf("RemoveBudget, once more = %v; want ErrNoBudget", err)
		}
	})
}

func TestBudgetsThatAreWrongAreRefused(t *testing.T) {
	c := newClient(newStore(t), pawl.Config{})
	for _, tt := range []struct {
		b    pawl.Budget
		want string
	}{
		{pawl.Budget{Scope: "team", Name: "a", Calls: 1}, "scope is"},
		{pawl.Budget{Scope: pawl.OfAll, Name: "a", Calls: 1}, "scope all has no name"},
		{pawl.Budget{Scope: pawl.OfUser, Name: "*", Calls: 1}, "want none"},
		{pawl.Budget{Scope: pawl.OfUser, Per: "week", Calls: 1}, "period is"},
		{pawl.Budget{Scope: pawl.OfUser}, "nothing is capped"},
		{pawl.Budget{Scope: pawl.OfUser, Tokens: -1}, "below 0"},
		{pawl.Budget{Scope: pawl.OfUser, Repeats: 3}, "repeats are for runs"},
		{pawl.Budget{Scope: pawl.OfRun, Name: "first", Calls: 1}, "first"},
		{pawl.Budget{Scope: pawl.OfAll, Calls: 1, Warn: 2}, "share of 2"},
	} {
		if err := c.SetBudget(t.Context(), tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("SetBudget(%+v) = %v; want it to say %q", tt.b, err, tt.want)
		}
	}
	if err := c.RaiseBudget(t.Context(), pawl.Budget{Scope: pawl.OfAll, Calls: 1}); !errors.Is(err, pawl.ErrNoBudget) {
		t.Errorf("RaiseBudget of none = %v; want ErrNoBudget", err)
	}
	must(t, c.SetBudget(t.Context(), pawl.Budget{Scope: pawl.OfAll, Calls: 5}))
	for _, tt := range []struct {
		by   pawl.Budget
		want string
	}{
		{pawl.Budget{Scope: pawl.OfAll, Tokens: 10}, "no cap of tokens"},
		{pawl.Budget{Scope: pawl.OfAll, Calls: -5}, "calls is below 0"},
	} {
		if err := c.RaiseBudget(t.Context(), tt.by); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("RaiseBudget(%+v) = %v; want it to say %q", tt.by, err, tt.want)
		}
	}
	if _, err := asks.Add(t.Context(), c, "x", pawl.Budget{Scope: pawl.OfUser, Calls: 1}); err == nil || !strings.Contains(err.Error(), "is not for a run") {
		t.Errorf("Add with a user's budget = %v; want it refused", err)
	}
}

func TestBudgetsHaveNames(t *testing.T) {
	for name, want := range map[string]pawl.Budget{
		"all per month":     {Scope: pawl.OfAll, Per: pawl.PerMonth},
		"user/* per day":    {Scope: pawl.OfUser, Per: pawl.PerDay},
		"user/ann/b":        {Scope: pawl.OfUser, Name: "ann/b"},
		"queue/q per month": {Scope: pawl.OfQueue, Name: "q", Per: pawl.PerMonth},
	} {
		got, err := pawl.ParseBudget(name)
		if err != nil || got != want || got.String() != name {
			t.Errorf("ParseBudget(%q) = %+v, %v; want %+v, and its name back", name, got, err, want)
		}
	}
	for _, name := range []string{"", "user", "user/", "all/x", "all per", "all per week", "team/x"} {
		if b, err := pawl.ParseBudget(name); err == nil {
			t.Errorf("ParseBudget(%q) = %+v; want an error", name, b)
		}
	}
}

// A run spends its budget for as long as there is anything of it.
func TestARunsBudgetStaysUntilTheLastOfItIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{}
		c := spending(t, m)
		next := pawl.Operation[string, string]{Name: "next"}
		next.Handle(c, asking(m))
		start(t, c)
		run, err := pawl.Then(asks, next).Add(t.Context(), c, "x", pawl.Budget{Calls: 1})
		must(t, err)
		idle()
		_, err = c.Delete(t.Context(), pawl.Filter{States: []pawl.State{pawl.Succeeded}})
		must(t, err)
		idle()
		if got := states(t, c, run.ID); got[pawl.Blocked] != 1 || m.calls() != 1 {
			t.Fatalf("tasks %v after %d calls; want one that is blocked after 1", got, m.calls())
		}
		must(t, c.RaiseBudget(t.Context(), pawl.Budget{Scope: pawl.OfRun, Name: run.ID.String(), Calls: 1}))
		idle()
		if got := states(t, c, run.ID); got[pawl.Succeeded] != 1 || m.calls() != 2 {
			t.Errorf("tasks %v after %d calls; want it done after 2", got, m.calls())
		}
		_, err = c.Delete(t.Context(), pawl.Filter{States: []pawl.State{pawl.Succeeded}})
		must(t, err)
		budgets, err := c.Budgets(t.Context())
		must(t, err)
		if len(budgets) > 0 {
			t.Errorf("budgets: %+v; want none of a run that is gone", budgets)
		}
	})
}

// What nobody has spent anything of in this period is not kept.
func TestAccountsOfPastPeriodsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := spending(t, &model{}, pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Calls: 9})
		start(t, c)
		for _, user := range []pawl.User{"ann", "bob"} {
			result(t, add(t, c, asks, "x", user))
		}
		time.Sleep(24 * time.Hour)
		result(t, add(t, c, asks, "y", pawl.User("ann")))
		idle()
		budgets, err := c.Budgets(t.Context())
		must(t, err)
		if b := budgets[0]; b.Of != 1 || b.Accounts[0].Name != "ann" {
			t.Errorf("accounts: %+v; want ann's alone", b.Accounts)
		}
	})
}
