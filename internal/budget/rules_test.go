package budget_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/budget"
	"github.com/pawlhq/pawl/price"
)

func configured(all ...pawl.Budget) *budget.Table {
	t := &budget.Table{}
	for i := range all {
		t.Configure(began, &pawl.Setting{Budget: &all[i]})
	}
	return t
}

// answered sends a call that asks a state, and settles it.
func answered(t *testing.T, table *budget.Table, a *budget.Ask) {
	t.Helper()
	if v := table.Look(began, a); v.Stop != nil || v.Wait != "" {
		t.Fatalf("Look = %+v; want it let go", v)
	}
	held, _ := table.Take(began, a)
	table.Settle(began, &budget.Ended{Held: held, Used: a.Needs, Answered: true}, nil)
}

func TestRepeats(t *testing.T) {
	run := pawl.NewID()
	table := configured(pawl.Budget{Scope: pawl.OfRun, Repeats: 2})
	ask := func(state uint64) *budget.Ask { return &budget.Ask{Run: run, State: state << 20} }
	answered(t, table, ask(1))
	for state := range uint64(63) {
		answered(t, table, ask(100+state))
	}
	answered(t, table, ask(1)) // the last 64 states are remembered
	answered(t, table, ask(0))
	v := table.Look(began, ask(1))
	if v.Stop == nil || v.Stop.Never || !strings.Contains(v.Stop.Why, "2 times") {
		t.Fatalf("Look = %+v; want the run stopped for asking the same 2 times", v)
	}
	if v := table.Look(began, ask(7)); v.Stop == nil {
		t.Error("another state of a stopped run is let go")
	}
	if v := table.Look(began, &budget.Ask{Run: pawl.NewID(), State: 1 << 20}); v.Stop != nil {
		t.Errorf("another run is stopped: %+v", v.Stop)
	}
	table.Configure(began, &pawl.Setting{Raise: true, Budget: &pawl.Budget{Scope: pawl.OfRun, Repeats: 1}})
	answered(t, table, ask(1))
	if v := table.Look(began, ask(1)); v.Stop == nil {
		t.Error("the same state is let go more often than the budget was raised to")
	}
}

// A reason is read by people: it has commas, one of a thing, and the currency where the
// call that asks knows it.
func TestReasonsAreForPeople(t *testing.T) {
	usd := func(needs, most price.Money) (pawl.Budget, *budget.Ask) {
		return pawl.Budget{Scope: pawl.OfAll, Money: most}, &budget.Ask{Priced: true, Currency: "USD", Needs: pawl.Spent{Money: needs}}
	}
	dear, paid := usd(1234567e6, 2_000_000e6)
	huge, refused := usd(12_345e9, 1_000e9)
	for _, c := range []struct {
		budget     pawl.Budget
		spent, ask *budget.Ask
		want       string
	}{
		{pawl.Budget{Scope: pawl.OfAll, Tokens: 2000}, &budget.Ask{Needs: pawl.Spent{Tokens: 1880}}, &budget.Ask{Needs: pawl.Spent{Tokens: 1200}}, "budget all: 1,880 of 2,000 tokens are spent, and the call needs 1,200"},
		{pawl.Budget{Scope: pawl.OfAll, Calls: 1}, &budget.Ask{Needs: pawl.Spent{Calls: 1}}, &budget.Ask{Needs: pawl.Spent{Calls: 1}}, "budget all: 1 of 1 call is spent, and the call needs 1"},
		{pawl.Budget{Scope: pawl.OfAll, Tokens: 1}, nil, &budget.Ask{Needs: pawl.Spent{Tokens: 1000}}, "the call needs 1,000 tokens, and budget all allows 1 token in all; make it smaller, or raise the budget"},
		{dear, paid, paid, "budget all: 1,234.567 of 2,000.00 USD are spent, and the call needs 1,234.567"},
		{huge, nil, refused, "the call needs 12,345.00 USD, and budget all allows 1,000.00 USD in all; make it smaller, or raise the budget"},
	} {
		table := configured(c.budget)
		if c.spent != nil {
			answered(t, table, c.spent)
		}
		if v := table.Look(began, c.ask); v.Stop == nil || v.Stop.Why != c.want {
			t.Errorf("Look = %+v; want it stopped: %s", v.Stop, c.want)
		}
	}
	table := configured(pawl.Budget{Scope: pawl.OfAll, Calls: 1})
	table.Take(began, &budget.Ask{Needs: pawl.Spent{Calls: 1}})
	if v := table.Look(began, &budget.Ask{Needs: pawl.Spent{Calls: 1}}); v.Wait != "budget all: 1 call is reserved for calls under way" {
		t.Errorf("Wait = %q; want it to wait for 1 call", v.Wait)
	}
}

// What was asked long ago is forgotten, and an account does not grow with the run.
func TestOldStatesAreForgotten(t *testing.T) {
	run := pawl.NewID()
	table := configured(pawl.Budget{Scope: pawl.OfRun, Repeats: 1})
	size := 0
	for state := range uint64(200) {
		answered(t, table, &budget.Ask{Run: run, State: (1 + state) << 20})
		if state == 63 {
			size = len(table.PackSheet(0))
		}
	}
	answered(t, table, &budget.Ask{Run: run, State: 1 << 20})
	if got := len(table.PackSheet(0)); got > size+2 { // the count of calls has one more byte
		t.Errorf("the account has %d bytes; want those of 64 states: %d", got, size)
	}
}

func TestForget(t *testing.T) {
	run, other := pawl.NewID(), pawl.NewID()
	table := configured(pawl.Budget{Scope: pawl.OfRun, Calls: 9}, pawl.Budget{Scope: pawl.OfRun, Per: pawl.PerDay, Calls: 9},
		pawl.Budget{Scope: pawl.OfRun, Name: run.String(), Calls: 9}, pawl.Budget{Scope: pawl.OfAll, Calls: 9})
	one := pawl.Spent{Calls: 1}
	answered(t, table, &budget.Ask{Run: run, Needs: one})
	answered(t, table, &budget.Ask{Run: other, Needs: one})
	open, _ := table.Take(began, &budget.Ask{Run: run, Needs: one})
	table.Forget(run)
	count := func() (n int) {
		for _, s := range table.Status(began) {
			n += s.Of
			if s.Scope == pawl.OfRun && s.Name != "" {
				t.Errorf("%s is there still", &s.Budget)
			}
		}
		return n
	}
	if n := count(); n != 4 {
		t.Errorf("%d accounts while a call is under way; want 4: all, the other run's two, and what is reserved per day", n)
	}
	table.Settle(began, &budget.Ended{Held: open, Used: one}, nil)
	if n := count(); n != 3 {
		t.Errorf("%d accounts; want 3: all, and the other run's two", n)
	}
}

// Settling what ended before midnight does not bring the day before back.
func TestALateSettlementEndsNoPeriod(t *testing.T) {
	table := configured(pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerDay, Calls: 9})
	one := budget.Ask{Needs: pawl.Spent{Calls: 1}}
	late, _ := table.Take(began, &one)
	tomorrow := began.AddDate(0, 0, 1)
	early, _ := table.Take(tomorrow, &one)
	table.Settle(tomorrow, &budget.Ended{Held: early, Used: one.Needs}, nil)
	table.Settle(began, &budget.Ended{Held: late, Used: one.Needs}, nil)
	if a := table.Status(tomorrow)[0].Accounts[0]; a.Spent.Calls != 2 || a.Reserved.Calls != 0 {
		t.Errorf("account = %+v; want 2 calls spent", a)
	}
}

func TestStops(t *testing.T) {
	b := pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerDay, Calls: 1}
	table := configured(b)
	one := budget.Ask{Needs: pawl.Spent{Calls: 1}}
	answered(t, table, &one)
	stop := table.Look(began, &one).Stop
	if !table.Stops(began, stop) || !table.Stops(stop.Until.Add(-time.Microsecond), stop) {
		t.Errorf("Stops(%+v) = false on the same day", stop)
	}
	if table.Stops(stop.Until, stop) {
		t.Error("Stops = true on the next day")
	}
	table.Configure(began, &pawl.Setting{Budget: &b, Remove: true})
	if table.Stops(began, stop) {
		t.Error("Stops = true though the budget is removed")
	}
	table.Configure(began.Add(time.Second), &pawl.Setting{Budget: &b})
	if table.Stops(began, stop) {
		t.Error("Stops = true though the budget is another one")
	}
}
