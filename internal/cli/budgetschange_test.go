package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

// A budget by name stands in the place of the one with *: what that one had stopped goes on,
// and is no longer looked for there.
func TestBudgetByNameTellsWhatGoesOn(t *testing.T) {
	w := newPurse(t)
	close(w.began)
	w.well("budgets set user/* --per month --calls 1")
	w.answered(w.asks("zoe", "one"), w.asks("bob", "two"))
	var runs []*pawl.Run[string]
	for _, text := range []string{"three", "four"} {
		runs = append(runs, w.asks("zoe", text))
		w.until("zoe", pawl.Blocked)
	}
	w.asks("bob", "five")
	w.until("bob", pawl.Blocked)
	w.well("budgets set user/zoe --per month --calls 9", "budget user/zoe per month is set: all 2 tasks that user/* per month had\n  stopped go on\nalready spent: 1 of 9 calls\n")
	w.answered(runs...)
	for _, v := range decoded[struct{ Budgets []budgetView }](w.ward, "budgets").Budgets {
		if v.Title == "user/* per month" && (v.Of != 1 || len(v.Accounts) != 1 || v.Accounts[0].Name != "bob") {
			t.Errorf("user/* per month has %+v of %d; want bob alone", v.Accounts, v.Of)
		}
	}
	if a := w.pawl("doctor"); strings.Contains(a.out, "zoe") {
		t.Errorf("the doctor says\n%s\nwant nothing of zoe", a.out)
	}
}

// Who gives too little is told that it is too little, and not that something goes on.
func TestBudgetsTellWhatIsStillUsedUp(t *testing.T) {
	w := newPurse(t)
	close(w.began)
	w.answered(w.asks("ann", "one"), w.asks("ann", "two"), w.asks("ann", "three"))
	is := flat(w.well("budgets set user/ann --per month --calls 1"))
	for _, part := range []string{
		"no task waited for it already spent: 3 of 1 calls used up: no call goes until the next month begins at ",
		", or it is raised → pawl budgets raise 'user/ann per month' --calls N",
	} {
		if !strings.Contains(is, part) {
			t.Errorf("budgets set prints %q; want it to say %q", is, part)
		}
	}
	run := w.asks("ann", "four")
	w.until("ann", pawl.Blocked)
	w.well("budgets raise user/ann --per month --calls 1", "is raised: the task that it had stopped is stopped\n  again at its next call\nalready spent: 3 of 2 calls\nused up: ")
	type answer struct {
		Budget   string
		Went     []pawl.ID `json:"went_on"`
		Accounts []accountView
	}
	w.until("ann", pawl.Blocked)
	if got := decoded[answer](w.ward, "budgets raise user/ann --per month --calls 1"); len(got.Went) != 0 || len(got.Accounts) != 1 || got.Accounts[0].Spent.Calls != 3 {
		t.Errorf("budgets raise -o json = %+v; want no task, and the 3 calls that are spent", got)
	}
	w.until("ann", pawl.Blocked)
	if got := decoded[answer](w.ward, "budgets raise user/ann --per month --calls 1"); !slices.Equal(got.Went, []pawl.ID{run.ID}) || got.Accounts[0].Spent.Calls < 3 {
		t.Errorf("budgets raise -o json = %+v; want the task, and what is spent", got)
	}
	w.answered(run)
	w.well("budgets set user/* --per day --calls 2", "used up: no call of ann goes until the next day begins at ")
	w.well("budgets set run/"+run.ID.String()+" --calls 1", "used up: no call goes until it is raised\n→ pawl budgets raise run/"+run.ID.String()+" --calls N\n")
}

// A budget in money fails calls of models without a price, and who sets one is told of those
// that came under it until then.
func TestBudgetsInMoneyTellOfModelsWithoutAPrice(t *testing.T) {
	w := newPurse(t)
	close(w.began)
	run := w.asks("ann", "house: one")
	w.answered(run, w.asks("bob", "two"))
	const warning = "warning: calls of house that come under it were answered without a price"
	for _, c := range []struct {
		command string
		warns   bool
	}{
		{"set user/ann --per month --tokens 5000", false}, {"set user/ann --per month --money 1", true}, {"set user/bob --per month --money 1", false},
		{"set user/* --per day --money 1", true}, {"set all --money 1", true}, {"set queue/desk --money 1", true}, {"set queue/other --money 1", false},
		{"set operation/inquire --money 1", true}, {"set run/" + run.ID.String() + " --money 1", true}, {"set run/" + w.id("bob") + " --money 1", false},
	} {
		if is := flat(w.well("budgets " + c.command)); strings.Contains(is, warning) != c.warns {
			t.Errorf("budgets %s prints %q; want it to warn: %v", c.command, is, c.warns)
		}
	}
	got := decoded[changed](w.ward, "budgets set user/ann --per month --money 2")
	if !slices.Equal(got.Unpriced, []string{"house"}) {
		t.Errorf("budgets set -o json = %+v; want the model without a price", got)
	}
}

func TestBudgetsTellOfManyAccountsThatAreUsedUp(t *testing.T) {
	now := time.Date(2026, 5, 28, 12, 0, 0, 0, time.UTC)
	b := pawl.BudgetStatus{Budget: pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerMonth, Tokens: 10, Money: 5, Calls: 3}}
	for _, name := range []string{"ann", "bob", "cid", "dan", "eve"} {
		b.Accounts = append(b.Accounts, pawl.Account{Name: name, Until: b.Per.End(now), Spent: pawl.Spent{Tokens: 10, Money: 7, Calls: 2}})
	}
	b.Accounts[4].Spent = pawl.Spent{Tokens: 9, Money: 4, Calls: 2}
	v := viewBudget(&b, nil)
	text, remedy := v.exhausted(now)
	if want := "used up: no call of ann, bob, cid and 1 more goes until the next month begins at 2026-06-01 00:00 UTC, in 84h, or it is raised"; text != want {
		t.Errorf("exhausted says %q; want %q", text, want)
	}
	if want := "→ pawl budgets raise 'user/* per month' --tokens N --money X"; remedy != want {
		t.Errorf("exhausted says %q; want %q", remedy, want)
	}
}
