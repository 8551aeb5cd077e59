package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/limit"
	"github.com/pawlhq/pawl/llm"
)

// budgetRules are about what calls take from budgets.
var budgetRules = []rule{
	{"reserve and settle", "what a call is expected to cost is reserved before it is sent, and what it did cost is spent", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Tokens: 1000, Money: 100_000, Calls: 10})
		t.put()
		r := t.take()
		is(t, "OK", t.call(r, "a", 300, priced, chars(400)).OK, true)
		t.holds("all", "", pawl.Spent{}, pawl.Spent{Tokens: 400, Money: 300 + 4500, Calls: 1})
		t.settle(r, pawl.Settlement{Key: "a", Outcome: pawl.CallAnswered, Usage: llm.Usage{Input: 90, Output: 20, CacheRead: 7}, Paid: 555})
		t.holds("all", "", pawl.Spent{Tokens: 117, Money: 555, Calls: 1}, pawl.Spent{})
	}},
	{"settled by what became of it", "a call that was not sent spends nothing, one that failed or was refused no tokens, and one that is unknown all that was expected", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Tokens: 10_000})
		t.put()
		r := t.take()
		spent := pawl.Spent{}
		for _, c := range []struct {
			outcome pawl.CallOutcome
			used    pawl.Spent
		}{
			{pawl.CallNotSent, pawl.Spent{}}, {pawl.CallUnreached, pawl.Spent{}}, {pawl.CallFailed, pawl.Spent{Calls: 1}},
			{pawl.CallThrottled, pawl.Spent{}}, {pawl.CallBlocked, pawl.Spent{}},
			{pawl.CallUnknown, pawl.Spent{Tokens: 100, Money: 1500, Calls: 1}}, {pawl.CallAnswered, pawl.Spent{Tokens: 100, Money: 1500, Calls: 1}},
		} {
			key := string(c.outcome)
			is(t, "OK", t.call(r, key, 100, priced).OK, true)
			t.settle(r, pawl.Settlement{Key: key, Outcome: c.outcome, Reason: "so"}) // an answer that tells no usage has used what was expected
			spent = spent.Plus(c.used)
			t.holds("all", "", spent, pawl.Spent{})
		}
	}},
	{"reserved once", "a worker that asks again, because it got no answer, has not reserved twice, and settles once", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Tokens: 1000})
		t.put()
		r := t.take()
		for range 3 {
			is(t, "OK", t.call(r, "a", 400).OK, true)
		}
		t.holds("all", "", pawl.Spent{}, pawl.Spent{Tokens: 400, Calls: 1})
		for range 3 {
			t.answer(r, "a", 50)
		}
		t.holds("all", "", pawl.Spent{Tokens: 50, Money: 750, Calls: 1}, pawl.Spent{})
	}},
	{"what an attempt leaves open", "a dead worker's calls may be billed: they stay spent, and nothing stays reserved for ever", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Tokens: 1000})
		t.put()
		r := t.take()
		t.call(r, "a", 300)
		t.call(r, "b", 200)
		t.answer(r, "b", 150)
		t.pass(lease)
		t.tick()
		t.holds("all", "", pawl.Spent{Tokens: 450, Money: 2250, Calls: 2}, pawl.Spent{})
		r = t.take()
		t.call(r, "c", 100)
		t.finish(r, pawl.Succeeded)
		t.holds("all", "", pawl.Spent{Tokens: 550, Money: 2250, Calls: 3}, pawl.Spent{})
	}},
	{"calls under way", "a call that would fit if those under way cost less waits for them: it is not stopped", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Tokens: 1000})
		t.put()
		r := t.take()
		t.call(r, "a", 800)
		g := t.call(r, "b", 300)
		if g.OK || g.Stop != nil || g.Wait <= 0 || g.Gate.Name != pawl.GateBudget || !strings.Contains(g.Gate.Reason, "all") {
			t.Errorf("Grant = %+v; want it to wait at the budget", g)
		}
		t.holds("all", "", pawl.Spent{}, pawl.Spent{Tokens: 800, Calls: 1})
		t.answer(r, "a", 500)
		is(t, "OK", t.call(r, "b", 300).OK, true)
	}},
	{"used up", "where what is spent leaves no room the call is stopped, and told by what and until when", func(t *trial) {
		w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventBudget, pawl.EventEnded}})
		t.budget(pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Tokens: 1000, Warn: 1})
		t.put(user("ann"))
		r := t.take()
		t.call(r, "a", 800)
		t.answer(r, "a", 800)
		s := t.stopped(t.call(r, "b", 300))
		is(t, "Budget", s.Budget, "user/* per day")
		is(t, "Account", s.Account, "ann")
		is(t, "Never", s.Never, false)
		isTime(t, "Until", s.Until, time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC))
		for _, part := range []string{"user/*", "ann", "800", "1,000", "300"} {
			if !strings.Contains(s.Why, part) {
				t.Errorf("Why = %q; want it to name %s", s.Why, part)
			}
		}
		is(t, "OK", t.call(r, "c", 200).OK, true)
		told := t.seen(w)
		if len(told) != 2 {
			t.Fatalf("events = %+v; want one for the call that was stopped, one for all of it being used", told)
		}
		is(t, "event", told[0].Type, pawl.EventBudget)
		is(t, "task", told[0].Task, r.ID)
		is(t, "message", told[0].Message, s.Why)
	}},
	{"the limit comes after", "a call that its budget does not let go has taken nothing from its limit, nor the other way round", func(t *trial) {
		t.configure(pawl.Setting{Limit: "lim", Config: slow(1000)})
		t.budget(pawl.Budget{Scope: pawl.OfAll, Calls: 1})
		t.put(on("lim"), tokens(100))
		r := t.take()
		t.call(r, "a", 100)
		t.answer(r, "a", 100)
		t.stopped(t.call(r, "b", 100))
		t.level("lim", 900)
		t.budget(pawl.Budget{Scope: pawl.OfAll, Calls: 10})
		is(t, "OK", t.call(r, "c", 950).OK, false)
		t.holds("all", "", pawl.Spent{Tokens: 100, Money: 1500, Calls: 1}, pawl.Spent{})
	}},
	{"its limit is for others meanwhile", "a task that waits for what calls under way may leave of a budget must not hold up those who could go", func(t *trial) {
		t.configure(pawl.Setting{Limit: "lim", Config: slow(1000)})
		t.budget(pawl.Budget{Scope: pawl.OfUser, Calls: 1})
		t.put(user("ann"))
		first := t.take()
		is(t, "OK", t.call(first, "a", 10).OK, true)
		t.put(user("ann"), on("lim"), tokens(600))
		r := t.take()
		other := t.put(user("bob"), on("lim"), tokens(700))
		t.none()
		t.level("lim", 400)
		t.wakes(func() { t.call(r, "b", 600) })
		for range 2 { // it asks again, and gives back once
			g := t.call(r, "b", 600)
			is(t, "OK", g.OK, false)
			is(t, "Gate", g.Gate.Name, pawl.GateBudget)
			t.level("lim", 1000)
			is(t, "InFlight", t.limit("lim").State.InFlight, 0)
		}
		o := t.take()
		is(t, "ID", o.ID, other)
		t.call(r, "b", 600)
		t.wakes(func() { t.settle(first, pawl.Settlement{Key: "a", Outcome: pawl.CallNotSent}) })
		is(t, "OK", t.call(r, "b", 300).OK, true)
		t.level("lim", 0)
		is(t, "InFlight", t.limit("lim").State.InFlight, 2)
		t.finish(o, pawl.Succeeded)
		t.answer(r, "b", 200)
		t.level("lim", 800)
		is(t, "InFlight", t.limit("lim").State.InFlight, 0)
	}},
	{"back before new tasks", "a task that has given its limit back comes before those that have not begun, once its budget lets it go", func(t *trial) {
		t.configure(set("lim", limit.Config{InFlight: 1}))
		t.budget(pawl.Budget{Scope: pawl.OfUser, Calls: 1})
		t.put(user("ann"))
		first := t.take()
		is(t, "OK", t.call(first, "a", 10).OK, true)
		t.put(user("ann"), on("lim"))
		r := t.take()
		is(t, "OK", t.call(r, "b", 10).OK, false)
		t.put(user("bob"), on("lim"))
		t.put(user("bob"), on("lim"), priority(pawl.High))
		o := t.take()
		is(t, "OK", t.call(o, "c", 10).OK, true)
		t.settle(first, pawl.Settlement{Key: "a", Outcome: pawl.CallNotSent})
		g := t.call(r, "b", 10)
		is(t, "OK", g.OK, false)
		is(t, "Gate", g.Gate.Name, "in flight")
		t.answer(o, "c", 10)
		t.none() // the place is kept for it
		is(t, "OK", t.call(r, "b", 10).OK, true)
	}},
	{"larger than the budget", "a call that alone is more than all of a budget will never fit: it fails for good in place of waiting", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerDay, Tokens: 1000})
		t.put()
		r := t.take()
		is(t, "Never", t.stopped(t.call(r, "a", 1001)).Never, true)
		t.holds("all per day", "", pawl.Spent{}, pawl.Spent{})
		is(t, "OK", t.call(r, "b", 1000).OK, true)
		is(t, "Never while others are under way", t.stopped(t.call(r, "c", 1001)).Never, true)
	}},
	{"money and models without a price", "what cannot be priced cannot be kept within a budget of money, and is told so", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Money: 10_000})
		t.put()
		r := t.take()
		s := t.stopped(t.call(r, "a", 10, func(v *pawl.Reservation) { v.Model = "m0" }))
		if !s.Never || !strings.Contains(s.Why, "m0") || !strings.Contains(s.Why, "price") {
			t.Errorf("Stop = %+v; want never, for m0 has no price", s)
		}
		is(t, "OK", t.call(r, "b", 10, priced).OK, true)
	}},
	{"each scope", "a call is within all budgets that it comes under, and within no others", func(t *trial) {
		run := t.put(user("ann"), queue("fast"), operation("work"))
		r := t.take()
		mine := map[pawl.Scope]string{pawl.OfAll: "", pawl.OfQueue: "fast", pawl.OfOperation: "work", pawl.OfUser: "ann", pawl.OfRun: run.String()}
		others := map[pawl.Scope]string{pawl.OfQueue: "slow", pawl.OfOperation: "other", pawl.OfUser: "bob", pawl.OfRun: pawl.NewID().String()}
		for i, scope := range pawl.Scopes() {
			b := pawl.Budget{Scope: scope, Name: mine[scope], Calls: 1}
			if scope == pawl.OfRun {
				b.Calls += int64(i) // it has begun
			}
			t.budget(b)
			if other := others[scope]; other != "" {
				t.budget(pawl.Budget{Scope: scope, Name: other, Calls: 1, Tokens: 1})
			}
			key := fmt.Sprint("ask/", i)
			is(t, "OK", t.call(r, key, 100).OK, true)
			t.answer(r, key, 100)
			s := t.stopped(t.call(r, key+"b", 100))
			is(t, "Budget", s.Budget, b.String())
			is(t, "Account", s.Account, mine[scope])
			t.configure(pawl.Setting{Budget: &b, Remove: true})
		}
	}},
	{"one for each", "each queue, operation, user and run has a budget of its own, and who has one by name has that in its place", func(t *trial) {
		for _, scope := range pawl.Scopes()[1:] {
			t.budget(pawl.Budget{Scope: scope, Tokens: 1000})
		}
		t.budget(pawl.Budget{Scope: pawl.OfUser, Name: "ann", Tokens: 500})
		ann, bob := t.put(user("ann"), queue("a")), t.put(user("bob"), queue("b"))
		for _, r := range t.claim(2).Tasks {
			t.call(r, "ask/1", 400)
			t.answer(r, "ask/1", 400)
		}
		used := pawl.Spent{Tokens: 400, Money: 6000, Calls: 1}
		t.holds("queue/*", "a", used, pawl.Spent{})
		t.holds("queue/*", "b", used, pawl.Spent{})
		t.holds("operation/*", "work", used.Plus(used), pawl.Spent{})
		t.holds("run/*", ann.String(), used, pawl.Spent{})
		t.holds("run/*", bob.String(), used, pawl.Spent{})
		t.holds("user/*", "bob", used, pawl.Spent{})
		t.holds("user/ann", "ann", used, pawl.Spent{})
		is(t, "accounts of user/*", t.budgetOf("user/*").Of, 1)
	}},
	{"nobody", "work that is nobody's has no user's budget", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfUser, Calls: 1})
		t.put()
		r := t.take()
		for i := range 3 {
			key := fmt.Sprint("ask/", i)
			is(t, "OK", t.call(r, key, 10).OK, true)
			t.answer(r, key, 10)
		}
		is(t, "accounts", t.budgetOf("user/*").Of, 0)
	}},
	{"by the day and by the month", "budgets begin anew at midnight UTC, and what is under way then stays reserved", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerDay, Tokens: 1000})
		t.budget(pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerMonth, Tokens: 1500})
		t.budget(pawl.Budget{Scope: pawl.OfAll, Tokens: 1700})
		t.now = time.Date(2024, 3, 30, 23, 59, 59, 0, time.UTC)
		t.put()
		r := t.keep()
		t.call(r, "a", 600)
		t.answer(r, "a", 600)
		t.call(r, "b", 300)
		t.pass(time.Second)
		day := pawl.Spent{Tokens: 300, Calls: 1}
		t.holds("all per day", "", pawl.Spent{}, day)
		t.holds("all per month", "", pawl.Spent{Tokens: 600, Money: 9000, Calls: 1}, day)
		isTime(t, "Until", t.budgetOf("all per day").Accounts[0].Until, t.now.AddDate(0, 0, 1))
		t.answer(r, "b", 200)
		t.holds("all per day", "", pawl.Spent{Tokens: 200, Money: 3000, Calls: 1}, pawl.Spent{})

		is(t, "Budget", t.stopped(t.call(r, "c", 801)).Budget, "all per day")
		is(t, "Budget", t.stopped(t.call(r, "c", 701)).Budget, "all per month")
		t.pass(24 * time.Hour) // it is April
		is(t, "OK", t.call(r, "d", 700).OK, true)
		t.answer(r, "d", 700)
		t.holds("all per month", "", pawl.Spent{Tokens: 700, Money: 10_500, Calls: 1}, pawl.Spent{})
		s := t.stopped(t.call(r, "e", 300))
		is(t, "Budget", s.Budget, "all")
		is(t, "Until", s.Until.IsZero(), true)
	}},
	{"settled behind midnight", "what a clock that is behind settles does not bring back the day before", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerDay, Tokens: 1000})
		t.now = time.Date(2024, 3, 1, 23, 59, 59, 0, time.UTC)
		t.put()
		r := t.keep()
		t.call(r, "a", 100)
		t.pass(2 * time.Second)
		t.call(r, "b", 400)
		t.answer(r, "b", 400)
		t.tick()
		t.now = t.now.Add(-2 * time.Second)
		t.answer(r, "a", 100)
		t.now = t.now.Add(2 * time.Second)
		t.tick()
		t.holds("all per day", "", pawl.Spent{Tokens: 500, Money: 7500, Calls: 2}, pawl.Spent{})
	}},
	{"over with its day", "what nobody has used today is not listed, whether or not somebody has claimed since midnight", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfRun, Per: pawl.PerDay, Tokens: 1000})
		t.put()
		r := t.keep()
		t.call(r, "a", 100)
		t.answer(r, "a", 100)
		is(t, "accounts", t.budgetOf("run/* per day").Of, 1)
		t.pass(24 * time.Hour)
		is(t, "accounts on the next day", t.budgetOf("run/* per day").Of, 0)
		t.claim(1)
		is(t, "accounts after a claim", t.budgetOf("run/* per day").Of, 0)
	}},
	{"raise", "to raise a budget is to add to what it has at that moment, so that two who do so both have done it", func(t *trial) {
		b := pawl.Budget{Scope: pawl.OfUser, Name: "ann", Tokens: 1000, Calls: 5, Warn: 0.5}
		t.budget(b)
		up := pawl.Setting{Raise: true, Budget: &pawl.Budget{Scope: pawl.OfUser, Name: "ann", Tokens: 500, Calls: 2}}
		t.configure(up)
		t.configure(up)
		want := pawl.Budget{Scope: pawl.OfUser, Name: "ann", Tokens: 2000, Calls: 9, Warn: 0.5}
		is(t, "Budget", t.budgetOf("user/ann").Budget, want)
		for _, by := range []pawl.Budget{{Money: 70}, {Calls: -9}} { // which would cap money, or calls no more
			by.Scope, by.Name = pawl.OfUser, "ann"
			if err := t.store.Configure(t.ctx, t.now, []pawl.Setting{{Budget: &by, Raise: true}}); err == nil {
				t.Errorf("Configure, to raise by %+v = nil; want an error", by)
			}
		}
		is(t, "Budget", t.budgetOf("user/ann").Budget, want)
		up.Budget = &pawl.Budget{Scope: pawl.OfUser, Name: "bob", Tokens: 500}
		err := t.store.Configure(t.ctx, t.now, []pawl.Setting{{Limit: "lim", Hold: "so"}, up})
		if !errors.Is(err, pawl.ErrNoBudget) {
			t.Errorf("Configure = %v; want ErrNoBudget", err)
		}
		is(t, "limits", len(t.status().Limits), 0) // all settings are made or none
	}},
	{"what is no budget", "a budget that caps nothing, or is for nobody, is a mistake that is found when it is made", func(t *trial) {
		for _, b := range []pawl.Budget{
			{Scope: pawl.OfAll}, {Scope: "team", Calls: 1}, {Scope: pawl.OfAll, Name: "x", Calls: 1}, {Scope: pawl.OfUser, Calls: -1},
			{Scope: pawl.OfUser, Repeats: 3}, {Scope: pawl.OfRun, Name: "x", Calls: 1}, {Scope: pawl.OfAll, Calls: 1, Per: "year"}, {Scope: pawl.OfAll, Calls: 1, Warn: 2},
			{Scope: pawl.OfUser, Name: "*", Calls: 1}, {Scope: pawl.OfRun, Per: pawl.PerDay, Repeats: 3}, {Scope: pawl.OfRun, Name: pawl.ID{}.String(), Calls: 1},
		} {
			if err := t.store.Configure(t.ctx, t.now, []pawl.Setting{{Budget: &b}}); err == nil {
				t.Errorf("Configure of %+v = nil; want an error", b)
			}
		}
		is(t, "budgets", len(t.status().Budgets), 0)
	}},
	{"set again", "a budget that is set to other caps keeps what is spent: so it can be lowered too", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Tokens: 1000})
		t.put()
		r := t.take()
		t.call(r, "a", 300)
		t.answer(r, "a", 300)
		t.budget(pawl.Budget{Scope: pawl.OfAll, Tokens: 350})
		t.stopped(t.call(r, "b", 100))
		is(t, "OK", t.call(r, "c", 50).OK, true)
	}},
	{"removed", "a budget that is removed stops nobody, and one for good of the same name begins with nothing but what is under way", func(t *trial) {
		b := pawl.Budget{Scope: pawl.OfAll, Tokens: 1000}
		t.configure(pawl.Setting{Budget: &b, Remove: true}) // which is not there
		t.budget(b)
		t.put()
		r := t.take()
		t.call(r, "a", 900)
		t.answer(r, "a", 900)
		t.stopped(t.call(r, "b", 500))
		t.configure(pawl.Setting{Budget: &b, Remove: true})
		is(t, "OK", t.call(r, "b", 500).OK, true)
		t.budget(b)
		is(t, "OK", t.call(r, "c", 1000).OK, true)
		t.answer(r, "b", 500)
		t.holds("all", "", pawl.Spent{Tokens: 500, Money: 7500, Calls: 1}, pawl.Spent{Tokens: 1000, Calls: 1})
	}},
	{"removed with calls under way", "a call that ends hands nothing back to a budget that another call has taken it from", func(t *trial) {
		b := pawl.Budget{Scope: pawl.OfAll, Tokens: 1000}
		t.budget(b)
		t.put()
		r := t.take()
		t.call(r, "a", 600)
		t.configure(pawl.Setting{Budget: &b, Remove: true})
		is(t, "budgets", len(t.status().Budgets), 0)
		t.budget(b)
		if g := t.call(r, "b", 500); g.OK || g.Stop != nil {
			t.Errorf("Grant = %+v; want it to wait for the call that is under way still", g)
		}
		is(t, "OK", t.call(r, "b", 400).OK, true)
		t.answer(r, "a", 100)
		t.holds("all", "", pawl.Spent{Tokens: 100, Money: 1500, Calls: 1}, pawl.Spent{Tokens: 400, Calls: 1})
		t.configure(pawl.Setting{Budget: &b, Remove: true})
		t.answer(r, "b", 400)
		t.budget(b)
		is(t, "accounts", t.budgetOf("all").Of, 0)
	}},
	{"warnings", "who pays wants to know before all of it is used, and once in a period", func(t *trial) {
		t.budget(pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerDay, Tokens: 1000})
		t.budget(pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerDay, Calls: 2, Warn: 0.5})
		w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventBudget, pawl.EventEnded}})
		t.put(user("ann"))
		r := t.keep()
		var warned []string
		spend := func(key string, tokens int) {
			g := t.call(r, key, tokens)
			is(t, "OK", g.OK, true)
			t.answer(r, key, tokens)
			warned = append(warned, g.Warn)
		}
		spend("a", 790)
		spend("b", 20)
		t.pass(24 * time.Hour)
		spend("c", 10)
		t.budget(pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerDay, Tokens: 20})
		spend("d", 10)
		for i, of := range []string{"user/*", "all", "user/*", "all"} {
			if !strings.Contains(warned[i], of) || !strings.Contains(warned[i], "%") {
				t.Errorf("Warn %d = %q; want one of %s", i, warned[i], of)
			}
		}
		told := t.seen(w)
		if len(told) != 4 {
			t.Fatalf("events = %+v; want 4", told)
		}
		for i, e := range told {
			is(t, "message", e.Message, warned[i])
		}
	}},
}

// budget sets a budget.
func (t *trial) budget(b pawl.Budget) {
	t.Helper()
	t.configure(pawl.Setting{Budget: &b})
}

// wakes checks that something tells those who wait that they may go.
func (t *trial) wakes(do func()) {
	t.Helper()
	w := t.watch(pawl.EventFilter{Types: []pawl.EventType{pawl.EventReady}})
	do()
	t.seenUntil(w, func(e pawl.Event) bool { return e.Type == pawl.EventReady })
}

// budgetOf returns a budget by its name.
func (t *trial) budgetOf(name string) pawl.BudgetStatus {
	t.Helper()
	for _, b := range t.status().Budgets {
		if b.String() == name {
			return b
		}
	}
	t.Fatalf("Status has no budget %s", name)
	return pawl.BudgetStatus{}
}

// holds checks what an account has spent and reserved.
func (t *trial) holds(name, account string, spent, reserved pawl.Spent) {
	t.Helper()
	for _, a := range t.budgetOf(name).Accounts {
		if a.Name == account {
			is(t, "spent of "+name, a.Spent, spent)
			is(t, "reserved of "+name, a.Reserved, reserved)
			return
		}
	}
	if spent != (pawl.Spent{}) || reserved != (pawl.Spent{}) {
		t.Errorf("budget %s has no account %q; want it to have spent %+v and reserved %+v", name, account, spent, reserved)
	}
}

// stopped checks that a call was stopped by a budget, and returns by which.
func (t *trial) stopped(g pawl.Grant) *pawl.Stop {
	t.Helper()
	if g.OK || g.Err != nil || g.Stop == nil || g.Wait != 0 || g.Gate.Name != pawl.GateBudget || g.Gate.Reason != g.Stop.Why {
		t.Fatalf("Grant = %+v; want a budget to stop it", g)
	}
	return g.Stop
}
