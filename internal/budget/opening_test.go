package budget_test

import (
	"testing"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/budget"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

// What a call has taken from, and what opened while it was under way, have spent the same
// when it has ended.
func TestLateAccountsSpendWhatHeldOnesDo(t *testing.T) {
	task := &pawl.TaskRow{ID: pawl.NewID(), Operation: "work", Queue: "default", User: "ann"}
	task.Run = task.ID
	for _, st := range []pawl.Settlement{
		{Outcome: pawl.CallAnswered, Usage: llm.Usage{Input: 7, Output: 20, CacheRead: 3, CacheWrite: 1, Reasoning: 9}, Paid: 555},
		{Outcome: pawl.CallFailed}, {Outcome: pawl.CallUnknown}, {Outcome: pawl.CallThrottled}, {Outcome: pawl.CallThrottled, Class: llm.Ambiguous},
		{Outcome: pawl.CallBlocked}, {Outcome: pawl.CallNotSent}, {Outcome: pawl.CallUnreached},
	} {
		table := configured(pawl.Budget{Scope: pawl.OfAll, Calls: 9}, pawl.Budget{Scope: pawl.OfRun, Calls: 9})
		r := &pawl.Reservation{Model: "m", Rates: &price.Rates{Input: 1e6, Output: 2e6}, Currency: "USD"}
		r.Size.Chars, r.Size.Output = 400, 50
		worth, ask := budget.WorthOf(task, r, nil, nil)
		held, _ := table.Take(began, ask)
		worth.Accounts = held.Accounts
		for _, scope := range pawl.Scopes() {
			table.Configure(began, &pawl.Setting{Budget: &pawl.Budget{Scope: scope, Per: pawl.PerDay, Calls: 9}})
		}
		table.Settle(began, worth.Spend(&st), worth.Entry(began, task, "ask/1", "lim", &st))
		status := table.Status(began)
		want := pawl.Spent{}
		if len(status[0].Accounts) > 0 {
			want = status[0].Accounts[0].Spent
		}
		if sent := st.Kind() != "" && st.Kind() != pawl.EntryRefused; sent != (want != pawl.Spent{}) {
			t.Errorf("%s: %s has spent %+v", st.Outcome, &status[0].Budget, want)
		}
		for _, s := range status {
			got := pawl.Spent{}
			for _, a := range s.Accounts {
				got = got.Plus(a.Spent)
			}
			if got != want {
				t.Errorf("%s: %s has spent %+v; want %+v, like %s", st.Outcome, &s.Budget, got, want, &status[0].Budget)
			}
		}
	}
}

// A call that earlier versions have let go knows its accounts by their names, and is
// charged once as well.
func TestNamedCallsAreChargedOnce(t *testing.T) {
	one := pawl.Spent{Calls: 1}
	users := pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Calls: 9}
	table := configured(users, pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerDay, Calls: 9})
	ann := budget.Part{Budget: users.String(), Account: "ann"}
	table.TakeOver(ann, &budget.Account{Reserved: one, Since: pawl.PerDay.Start(began)})
	table.Settle(began, &budget.Ended{Held: budget.Held{Needs: one, Named: []budget.Part{ann}}, Used: one},
		&pawl.Entry{Kind: pawl.EntryFailed, User: "ann", Queue: "default", Operation: "work", Run: pawl.NewID(), Calls: 1})
	for _, s := range table.Status(began) {
		if len(s.Accounts) != 1 || s.Accounts[0].Spent != one || s.Accounts[0].Reserved != (pawl.Spent{}) {
			t.Errorf("%s has %+v; want one call spent, and nothing reserved", &s.Budget, s.Accounts)
		}
	}
}

// What is left of a run that was removed goes with its calls, and does not begin again.
func TestACallOfARemovedRunOpensNothing(t *testing.T) {
	run, one := pawl.NewID(), pawl.Spent{Calls: 1}
	table := configured(pawl.Budget{Scope: pawl.OfRun, Calls: 9})
	held, _ := table.Take(began, &budget.Ask{Run: run, Needs: one})
	table.Forget(run)
	entry := &pawl.Entry{Kind: pawl.EntryFailed, Queue: "default", Operation: "work", Run: run, Calls: 1}
	table.Settle(began, nil, entry) // it was under way before there was a budget
	table.Settle(began, &budget.Ended{Held: held, Used: one}, entry)
	if s := table.Status(began)[0]; s.Of != 0 {
		t.Errorf("accounts = %+v; want none", s.Accounts)
	}
}

// A transaction that began before midnight may end after another one that began behind it.
func TestALateCallIsOfThePeriodInWhichItEnded(t *testing.T) {
	midnight := pawl.PerMonth.Start(began.AddDate(0, 1, 0))
	entry := &pawl.Entry{Kind: pawl.EntryFailed, User: "ann", Queue: "default", Operation: "work", Run: pawl.NewID(), Calls: 1}
	for _, per := range []pawl.Period{pawl.PerDay, pawl.PerMonth} {
		table, after := &budget.Table{}, midnight.Add(time.Second)
		opening := table.Configure(after, &pawl.Setting{Budget: &pawl.Budget{Scope: pawl.OfUser, Per: per, Calls: 9}})
		table.Open(after, opening, map[string]pawl.Spent{"ann": {Calls: 3}})
		table.Settle(midnight.Add(-time.Second), nil, entry)
		if a := table.Status(after)[0].Accounts[0]; a.Spent.Calls != 3 {
			t.Errorf("of a %s %d calls are spent; want 3, without the one of the last", per, a.Spent.Calls)
		}
		table.Settle(midnight, nil, entry)
		if a := table.Status(after)[0].Accounts[0]; a.Spent.Calls != 4 {
			t.Errorf("of a %s %d calls are spent; want 4, with the one of midnight", per, a.Spent.Calls)
		}
	}
}
