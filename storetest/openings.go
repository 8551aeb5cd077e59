package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/ledger"
)

// openingRules are about what new budgets count of what was spent before.
var openingRules = []rule{
	{"the present period", "who caps a month in its midst means all of it: a new budget counts what its day or month has spent, by whatever it is for", func(t *trial) {
		t.now = time.Date(2024, 1, 31, 20, 0, 0, 0, time.UTC)
		t.mixed() // until the next morning
		t.now = time.Date(2024, 2, 2, 20, 0, 0, 0, time.UTC)
		t.mixed()
		t.setAll(pawl.PerDay, pawl.PerMonth)
		t.asLedger(16)
		t.pass(time.Hour)
		t.tick() // what was written on its own is put together
		t.removeAll()
		t.setAll(pawl.PerDay, pawl.PerMonth)
		t.asLedger(16)
	}},
	{"nothing before it", "what the day before has spent is over, and what was refused was never counted", func(t *trial) {
		r := t.begun(user("ann"))
		t.paidCall(r, "a", 100)
		t.pass(24 * time.Hour)
		t.call(r, "b", 100)
		t.settle(r, pawl.Settlement{Key: "b", Outcome: pawl.CallThrottled})
		t.budget(pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Calls: 1})
		is(t, "accounts", t.budgetOf("user/* per day").Of, 0)
		t.paidCall(r, "c", 10)
		t.holds("user/* per day", "ann", pawl.Spent{Tokens: 10, Money: 150, Calls: 1}, pawl.Spent{})
	}},
	{"ended before midnight", "a transaction that began before midnight may end behind it: its call is of the day that is over, and not of the one that a budget opened with", func(t *trial) {
		midnight := time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)
		t.now = midnight.Add(-time.Second)
		r := t.begun(user("ann"))
		t.call(r, "late", 100, priced)
		t.now = midnight.Add(time.Second)
		t.paidCall(r, "a", 3)
		t.setAll(pawl.PerDay, pawl.PerMonth)
		t.now = midnight.Add(-time.Second)
		t.answer(r, "late", 50)
		t.now = midnight.Add(time.Second)
		t.holds("user/ann per month", "ann", pawl.Spent{Tokens: 3, Money: 45, Calls: 1}, pawl.Spent{})
		t.asLedger(10)
		t.pass(time.Hour)
		t.tick()
		t.asLedger(10)
	}},
	{"for good", "a budget without a period counts from when it is set: nobody knows from when else", func(t *trial) {
		r := t.begun(user("ann"))
		t.paidCall(r, "a", 100)
		for _, scope := range pawl.Scopes() {
			t.budget(pawl.Budget{Scope: scope, Tokens: 1000})
			is(t, "accounts of "+string(scope), t.budgetOf((&pawl.Budget{Scope: scope}).String()).Of, 0)
		}
	}},
	{"one run", "who caps a run that goes astray means all of the run, and of each day of it that day", func(t *trial) {
		r := t.begun()
		child := task(branch(r, "c"), func(n *pawl.NewTask) { n.By = r.Lease() })
		t.paidCall(r, "a", 100)
		t.pass(30 * time.Hour)
		t.add(child)
		a := ask(1)
		a.Operations, a.Lease = []string{"c"}, 24*time.Hour
		c := t.claimAs(a).Tasks[0]
		t.paidCall(c, "a", 20)
		t.pass(time.Hour)
		t.tick()
		t.paidCall(c, "b", 3)
		other := t.begun()
		t.paidCall(other, "a", 9000)
		name := "run/" + r.Run.String()
		t.budget(pawl.Budget{Scope: pawl.OfRun, Name: r.Run.String(), Tokens: 200})
		t.budget(pawl.Budget{Scope: pawl.OfRun, Name: r.Run.String(), Tokens: 200, Per: pawl.PerDay})
		t.holds(name, r.Run.String(), pawl.Spent{Tokens: 123, Money: 1845, Calls: 3}, pawl.Spent{})
		t.holds(name+" per day", r.Run.String(), pawl.Spent{Tokens: 23, Money: 345, Calls: 2}, pawl.Spent{})
		is(t, "Budget", t.stopped(t.call(r, "d", 100)).Budget, name)
	}},
	{"each run", "a budget for each run caps what comes: of runs under way it counts the calls that are", func(t *trial) {
		r := t.begun()
		t.paidCall(r, "a", 100)
		t.call(r, "b", 10, priced)
		t.budget(pawl.Budget{Scope: pawl.OfRun, Tokens: 1000})
		is(t, "accounts", t.budgetOf("run/*").Of, 0)
		t.answer(r, "b", 20)
		t.holds("run/*", r.Run.String(), pawl.Spent{Tokens: 20, Money: 300, Calls: 1}, pawl.Spent{})
	}},
	{"calls under way", "a call that was sent before its budget was set counts when it has ended, by what became of it", func(t *trial) {
		for i, end := range []struct {
			spent pawl.Spent
			do    func(r *pawl.TaskRow)
		}{
			{pawl.Spent{Tokens: 70, Money: 1050, Calls: 1}, func(r *pawl.TaskRow) { t.answer(r, "a", 70) }},
			{pawl.Spent{Calls: 1}, func(r *pawl.TaskRow) { t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallFailed}) }},
			{pawl.Spent{Tokens: 100, Money: 1500, Calls: 1}, func(r *pawl.TaskRow) { t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallUnknown}) }},
			{pawl.Spent{}, func(r *pawl.TaskRow) { t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallThrottled}) }},
			{pawl.Spent{}, func(r *pawl.TaskRow) { t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallNotSent}) }},
			{pawl.Spent{Tokens: 100, Money: 1500, Calls: 1}, func(r *pawl.TaskRow) { t.finish(r, pawl.Dead) }},
			{pawl.Spent{Tokens: 100, Money: 1500, Calls: 1}, func(*pawl.TaskRow) { t.pass(lease); t.tick() }},
		} {
			for _, held := range []bool{false, true} {
				who := fmt.Sprint("ann ", i, held)
				if held { // it has taken from another one
					t.budget(pawl.Budget{Scope: pawl.OfQueue, Tokens: 100_000})
				}
				t.put(user(who), priority(pawl.High))
				r := t.take()
				t.call(r, "a", 100, priced)
				budgets := []pawl.Budget{
					{Scope: pawl.OfUser, Tokens: 1000, Per: pawl.PerDay}, {Scope: pawl.OfUser, Tokens: 1000},
					{Scope: pawl.OfRun, Name: r.Run.String(), Tokens: 1000}, {Scope: pawl.OfUser, Name: who, Tokens: 1000, Per: pawl.PerMonth},
				}
				holds := func(spent pawl.Spent) {
					for _, b := range budgets {
						account := who
						if b.Scope == pawl.OfRun {
							account = b.Name
						}
						t.holds(b.String(), account, spent, pawl.Spent{})
					}
				}
				for _, b := range budgets {
					t.budget(b)
				}
				holds(pawl.Spent{})
				end.do(r)
				holds(end.spent)
				t.asLedger(0)
				t.removeAll()
			}
		}
	}},
	{"set, removed and set", "a budget that was away for a while has missed nothing of its period, nor counts anything twice", func(t *trial) {
		b := pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Tokens: 1000}
		r := t.begun(user("ann"))
		t.call(r, "a", 100, priced)
		t.budget(b)
		t.call(r, "b", 100, priced)
		t.call(r, "c", 100, priced)
		t.answer(r, "c", 3)
		t.configure(pawl.Setting{Budget: &b, Remove: true})
		t.call(r, "d", 100, priced)
		t.call(r, "e", 100, priced)
		t.answer(r, "d", 40)
		t.holdsNow(b, 43, 100)
		t.answer(r, "e", 500)
		t.holdsNow(b, 543, 100)
		t.removeAndSet(b)
		t.answer(r, "a", 7000)
		t.answer(r, "b", 80_000)
		t.holdsNow(b, 87_543, 0)
	}},
	{"changed", "a budget that is raised or set to other caps goes on with what it has spent, and does not open anew", func(t *trial) {
		r := t.begun(user("ann"))
		b := pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerMonth, Tokens: 1000}
		t.paidCall(r, "a", 100)
		t.budget(b)
		t.call(r, "b", 30, priced)
		t.settle(r, pawl.Settlement{Key: "b", Outcome: pawl.CallAnswered}) // it tells no usage: what was expected is spent, and in no entry
		t.holdsNow(b, 130, 0)
		b.Tokens = 2000
		t.holdsNow(b, 130, 0)
		t.configure(pawl.Setting{Budget: &b, Raise: true})
		t.holdsNow(b, 130, 0)
	}},
	{"by name, and back", "who had a budget of their own comes under the one for each again with what they have spent meanwhile", func(t *trial) {
		each, ann := pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Tokens: 1000}, pawl.Budget{Scope: pawl.OfUser, Name: "ann", Per: pawl.PerDay, Tokens: 1000}
		r := t.begun(user("ann"))
		t.paidCall(r, "a", 1)
		t.budget(ann)
		t.paidCall(r, "b", 2)
		t.budget(each)
		is(t, "accounts of user/*", t.budgetOf("user/* per day").Of, 0)
		t.call(r, "c", 40, priced)
		t.configure(pawl.Setting{Budget: &ann, Remove: true})
		t.holdsNow(each, 3, 0)
		t.answer(r, "c", 40)
		t.holdsNow(each, 43, 0)
		t.call(r, "d", 500, priced)
		t.budget(ann)
		t.answer(r, "d", 500)
		t.holdsNow(ann, 543, 0)
		t.paidCall(r, "e", 100)
		t.configure(pawl.Setting{Budget: &ann, Remove: true})
		t.holdsNow(each, 643, 0)
		is(t, "Budget", t.stopped(t.call(r, "f", 400)).Budget, "user/* per day")
	}},
	{"by name, and not listed", "who has a budget of their own is no longer listed under the one for each, of which no call of theirs takes", func(t *trial) {
		each, ann := pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Tokens: 1000}, pawl.Budget{Scope: pawl.OfUser, Name: "ann", Per: pawl.PerDay, Tokens: 1000}
		t.budget(each)
		r := t.begun(user("ann"))
		t.paidCall(r, "a", 950)
		t.call(r, "b", 10, priced) // what it has reserved is of nobody's interest either
		t.paidCall(t.begun(user("bob")), "a", 5)
		is(t, "accounts", t.budgetOf("user/* per day").Of, 2)
		t.budget(ann)
		s := t.budgetOf("user/* per day")
		if len(s.Accounts) != 1 || s.Of != 1 || s.Accounts[0].Name != "bob" {
			t.Errorf("accounts = %+v of %d; want bob alone", s.Accounts, s.Of)
		}
		t.holds("user/ann per day", "ann", pawl.Spent{Tokens: 950, Money: 14250, Calls: 1}, pawl.Spent{})
		t.configure(pawl.Setting{Budget: &ann, Remove: true})
		is(t, "accounts", t.budgetOf("user/* per day").Of, 2)
		t.holds("user/* per day", "ann", pawl.Spent{Tokens: 950, Money: 14250, Calls: 1}, pawl.Spent{Tokens: 10, Money: 150, Calls: 1})
	}},
	{"used up when it is set", "a budget that opens used up stops, and one of which much is used warns, as if it had been there", func(t *trial) {
		r := t.begun(user("ann"))
		t.paidCall(r, "a", 850)
		b := pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Tokens: 1000}
		t.budget(b)
		g := t.call(r, "b", 10, priced)
		if !g.OK || !strings.Contains(g.Warn, "user/*") || !strings.Contains(g.Warn, "86 %") {
			t.Errorf("Grant = %+v; want it let go, with a warning of 86 %%", g)
		}
		t.configure(pawl.Setting{Budget: &b, Remove: true})
		b.Tokens = 300
		t.budget(b)
		s := t.stopped(t.call(r, "c", 10))
		for _, part := range []string{"850", "300"} {
			if !strings.Contains(s.Why, part) {
				t.Errorf("Why = %q; want it to name %s", s.Why, part)
			}
		}
		t.stop(r, s)
		t.in(r.ID, pawl.Blocked)
		t.now = s.Until
		is(t, "ID", t.take().ID, r.ID)
	}},
	{"several settings at once", "what is set and removed in one call opens as if it were done in several", func(t *trial) {
		each, ann := &pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Tokens: 1000}, &pawl.Budget{Scope: pawl.OfUser, Name: "ann", Per: pawl.PerDay, Tokens: 1000}
		r := t.begun(user("ann"))
		t.paidCall(r, "a", 100)
		t.configure(pawl.Setting{Budget: each}, pawl.Setting{Budget: each, Remove: true}, pawl.Setting{Budget: ann}, pawl.Setting{Budget: each}, pawl.Setting{Budget: ann, Remove: true})
		t.holdsNow(*each, 100, 0)
		is(t, "budgets", len(t.status().Budgets), 1)
	}},
	{"as the ledger has it", "whatever is sent, settled, set and removed in whatever order, over days: budgets of a time have spent what the ledger says", func(t *trial) {
		seed := randomSeed(t)
		o := openings{chaos: &chaos{trial: t, Rand: rand.New(rand.NewPCG(seed, 1))}, under: map[string]*pawl.TaskRow{}}
		for i := range 400 {
			if o.step(); i%10 == 9 {
				o.asLedger(0)
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, i)
			}
		}
	}},
	{"while others work", "a budget is set while calls are sent, settled and put together by others: none of them is missed, and none counted twice", openWhileOthersWork},
	{"many calls", "what is put together while a budget is set is counted once", func(t *trial) {
		r := t.begun(user("ann"))
		b := pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerMonth, Calls: 1 << 40}
		for done := 0; done < ledger.EntriesMost+1000; done += 500 {
			t.manyCalls(r, done, 500)
			t.removeAndSet(b)
			is(t, "calls", t.budgetOf("user/* per month").Accounts[0].Spent.Calls, int64(done+500))
		}
		t.asLedger(1)
	}},
}

// begun adds a task and claims it, for long enough to make calls for months.
func (t *trial) begun(with ...change) *pawl.TaskRow {
	t.Helper()
	id := t.put(append(with, priority(pawl.High))...)
	a := ask(1)
	a.Operations, a.Lease = []string{"work", "other"}, 1000*24*time.Hour
	c := t.claimAs(a)
	if len(c.Tasks) != 1 || c.Tasks[0].ID != id {
		t.Fatalf("Claim gave %v; want %s", ids(c.Tasks), id)
	}
	return c.Tasks[0]
}

// holdsNow sets a budget, and checks what ann's part of it has spent, at 15 a token, and
// what calls have reserved.
func (t *trial) holdsNow(b pawl.Budget, tokens, reserved int64) {
	t.Helper()
	t.budget(b)
	for _, a := range t.budgetOf(b.String()).Accounts {
		if a.Name == "ann" {
			is(t, "tokens", a.Spent.Tokens, tokens)
			is(t, "reserved", a.Reserved.Tokens, reserved)
			return
		}
	}
	t.Errorf("budget %s has no account of ann", &b)
}

// setAll sets budgets of all scopes, for each and by some names, of some periods.
func (t *trial) setAll(periods ...pawl.Period) {
	t.Helper()
	all := t.inLedger(pawl.LedgerFilter{})
	run := all[len(all)-1].Run.String()
	for _, per := range periods {
		for _, scope := range pawl.Scopes() {
			names := map[pawl.Scope][]string{
				pawl.OfAll: {""}, pawl.OfQueue: {"", "x"}, pawl.OfOperation: {"", "other"}, pawl.OfUser: {"", "ann"}, pawl.OfRun: {run},
			}[scope]
			for _, name := range names {
				t.budget(pawl.Budget{Scope: scope, Name: name, Per: per, Tokens: 1 << 40})
			}
		}
	}
}

// removeAll removes all budgets.
func (t *trial) removeAll() {
	t.Helper()
	for _, b := range t.status().Budgets {
		t.configure(pawl.Setting{Budget: &b.Budget, Remove: true})
	}
}

// asLedger checks that the budgets of a time, and those of single runs, have spent what the
// entries of the ledger tell, in least accounts or more.
func (t *trial) asLedger(least int) {
	t.Helper()
	entries := t.inLedger(pawl.LedgerFilter{})
	all := t.status().Budgets
	accounts := 0
	for i := range all {
		b := &all[i].Budget
		if b.Scope == pawl.OfRun && b.Name == "" || b.Scope != pawl.OfRun && b.Per == pawl.ForGood {
			continue
		}
		got, want := map[string]pawl.Spent{}, map[string]pawl.Spent{}
		for _, a := range all[i].Accounts {
			if a.Spent != (pawl.Spent{}) {
				got[a.Name] = a.Spent
			}
		}
		for j := range entries {
			e := &entries[j]
			name, under := accountOf(b, e)
			if spent := countsAs(e); under && spent != (pawl.Spent{}) && !e.At.Before(b.Per.Start(t.now)) && !ownBudget(all, b, name) {
				want[name] = want[name].Plus(spent)
			}
		}
		same(t, got, want)
		if t.Failed() {
			t.Fatalf("budget %s has not spent what the ledger tells", b)
		}
		accounts += len(want)
	}
	if accounts < least {
		t.Errorf("%d accounts have spent something; want %d or more", accounts, least)
	}
}

// ownBudget reports whether an account of a budget for each has one by name in its place.
func ownBudget(all []pawl.BudgetStatus, b *pawl.Budget, account string) bool {
	return b.Name == "" && slices.ContainsFunc(all, func(o pawl.BudgetStatus) bool {
		return o.Scope == b.Scope && o.Per == b.Per && o.Name != "" && o.Name == account
	})
}

// accountOf returns whose part of a budget an entry's call comes under, if it does.
func accountOf(b *pawl.Budget, e *pawl.Entry) (name string, under bool) {
	switch b.Scope {
	case pawl.OfAll:
		return "", true
	case pawl.OfQueue:
		name = e.Queue
	case pawl.OfOperation:
		name = e.Operation
	case pawl.OfUser:
		name = e.User
	case pawl.OfRun:
		name = e.Run.String()
	}
	return name, name != "" && (b.Name == "" || b.Name == name)
}

// countsAs is what budgets count of an entry.
func countsAs(e *pawl.Entry) pawl.Spent {
	switch e.Kind {
	case pawl.EntryAnswered, pawl.EntryUnknown:
		return pawl.Spent{Tokens: e.Usage.Total(), Money: e.Cost, Calls: 1}
	case pawl.EntryFailed:
		return pawl.Spent{Calls: 1}
	}
	return pawl.Spent{}
}
