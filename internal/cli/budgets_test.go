package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/pawlhq/pawl"
)

// manyBudgets are budgets in all the states that an operator may find them in.
func manyBudgets() []budgetView {
	month := func(a pawl.Account) pawl.Account {
		a.Since, a.Until = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
		return a
	}
	users := pawl.BudgetStatus{Budget: pawl.Budget{Scope: pawl.OfUser, Per: pawl.PerMonth, Tokens: 2_000_000, Money: 25e9, Warn: 0.5}, Of: 1234}
	for _, name := range []string{"ann", "bob", "christine of the second floor", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
		users.Accounts = append(users.Accounts, month(pawl.Account{Name: name, Spent: pawl.Spent{Tokens: 1_999_999, Money: 12_345_678_900, Calls: 7}}))
	}
	users.Accounts[0].Reserved = pawl.Spent{Tokens: 1, Money: 1000, Calls: 1}
	all := []pawl.BudgetStatus{
		{
			Budget:   pawl.Budget{Scope: pawl.OfAll, Per: pawl.PerMonth, Money: 500e9, Calls: 1_000_000},
			Accounts: []pawl.Account{month(pawl.Account{Spent: pawl.Spent{Money: 123_456_789_000, Calls: 999_999}, Reserved: pawl.Spent{Money: 1_200_000_000, Calls: 12}})}, Of: 1,
		},
		{Budget: pawl.Budget{Scope: pawl.OfOperation, Name: "summarise the reports of the week", Tokens: 5000}},
		{
			Budget: pawl.Budget{Scope: pawl.OfRun, Repeats: 3}, Of: 900,
			Accounts: []pawl.Account{{Name: "task_06h1dmgznnyy15g3svkswcm7f0", Stopped: "budget run/* of task_06h1dmgznnyy15g3svkswcm7f0: the same state of a conversation was asked 3 times in this run, and is asked again"}, {Name: "task_06h1dmgznsrgk6xmh0dfn6mkq8"}},
		},
		{
			Budget:   pawl.Budget{Scope: pawl.OfRun, Name: "task_06h1dmgznsrgk6xmh0dfn6mkq8", Tokens: 9000, Repeats: 5},
			Accounts: []pawl.Account{{Name: "task_06h1dmgznsrgk6xmh0dfn6mkq8", Spent: pawl.Spent{Tokens: 9100}}}, Of: 1,
		},
		users,
	}
	views := []budgetView{}
	for i := range all {
		views = append(views, viewBudget(&all[i], map[string]int{"user/* per month": 1, "all per month": 1200}))
	}
	return views
}

func TestBudgetsAsATable(t *testing.T) {
	now := time.Date(2026, 5, 28, 12, 0, 0, 0, time.UTC)
	few := onTerminal(plainWidth, func(t *terminal) { budgetTable(manyBudgets(), fewAccounts, now).print(t.out, t.width(), t.palette) })
	golden(t, "budgets", few)
	all := onTerminal(plainWidth, func(t *terminal) { budgetTable(manyBudgets(), 100, now).print(t.out, t.width(), t.palette) })
	if got, want := strings.Count(all, "\n"), strings.Count(few, "\n")+4; got != want || !strings.Contains(all, "… 1,222 more, of which less is used\n") {
		t.Errorf("with all accounts there are %d lines; want %d, for two accounts more:\n%s", got, want, all)
	}
}

// A task that a budget stops is shown with the numbers wherever it is looked at, and
// goes on when the budget is raised.
func TestBudgetStops(t *testing.T) {
	w := newPurse(t)
	close(w.began)
	w.well("budgets set user/* --per day --calls 2 --money 5", "budget user/* per day is set: no task waited for it")
	w.well("budgets set all --per month --tokens 6000 --warn 0.7")
	w.answered(w.asks("ann", "one"), w.asks("bob", "two"), w.asks("ann", "three"))
	run := w.asks("ann", "four")
	w.until("ann", pawl.Blocked)
	const numbers = "budget user/* per day of ann: 2 of 2 calls are spent, and the call needs 1"
	id := w.id("ann")
	w.well("why "+id, id+"  blocked", "why          "+numbers[:56], "starts       likely", "pawl budgets raise 'user/* per day' --calls N has")
	w.well("tasks --state blocked", id, "\n  "+numbers)
	w.well("show "+id, "waits        for "+numbers[:56], "→            pawl budgets raise 'user/* per day' --calls N has")
	w.well("run "+id, "blocked", "waits for "+numbers, "→ pawl budgets raise 'user/* per day'")
	w.well("runs", id, "\n  "+numbers)
	if why := decoded[pawl.Why](w.ward, "why "+id); why.Gate != pawl.HinderedBudget || why.Budget != "user/* per day" || why.Until.IsZero() {
		t.Errorf("why -o json = %+v; want the budget, and when it is whole again", why)
	}
	if a := w.pawl("doctor"); !strings.Contains(flat(a.out), "warning budget user/* per day: 1 task blocked by it: ann: 2 of 2 calls are spent") || !strings.Contains(flat(a.out), "→ pawl budgets raise 'user/* per day' --calls N, and what it stops goes on") {
		t.Errorf("the doctor says\n%s\nwant the budget, its numbers and what to do", a.out)
	}

	views := decoded[struct{ Budgets []budgetView }](w.ward, "budgets").Budgets
	if len(views) != 2 || views[0].Title != "all per month" || views[0].Accounts[0].Spent.Tokens != 3300 || views[0].Accounts[0].Share != 0.55 || views[1].Blocked != 1 || views[1].Of != 2 || views[1].Accounts[0].Name != "ann" {
		t.Errorf("budgets -o json = %+v; want 3,300 of 6,000 tokens spent of all, and ann first of 2 users", views)
	}
	w.well("budgets raise user/* --per day --calls 1", "budget user/* per day is raised: the task that it had stopped goes on")
	w.answered(run)
	if got := w.budget("user/* per day"); got.Calls != 3 || got.Money != 5e9 {
		t.Errorf("the budget is %+v; want 3 calls and the money that it had", got)
	}
	if a := w.pawl("doctor"); !strings.Contains(flat(a.out), "warning budget all per month: 73.3 % of it are used") || !strings.Contains(flat(a.out), "warning budget user/* per day: 100 % of it are used by ann") {
		t.Errorf("the doctor says\n%s\nwant the budgets that are used up", a.out)
	}
}

// What stops two tasks and is removed, or set to more, lets both go on.
func TestBudgetsTellWhatGoesOn(t *testing.T) {
	for _, c := range []struct{ command, says string }{
		{"budgets remove queue/desk", "budget queue/desk is removed: all 2 tasks that it had stopped go on"},
		{"budgets set queue/desk --calls 10", "budget queue/desk is set: all 2 tasks that it had stopped go on"},
	} {
		w := newPurse(t)
		close(w.began)
		w.well("budgets set queue/desk --calls 1")
		w.answered(w.asks("ann", "one"))
		second, third := w.asks("bob", "two"), w.asks("cid", "three")
		w.until("bob", pawl.Blocked)
		w.until("cid", pawl.Blocked)
		w.well(c.command, c.says)
		w.answered(second, third)
	}
	w := newPurse(t)
	w.well("budgets set user/ann --tokens 10000")
	got := decoded[struct {
		Budget   string
		Went     []pawl.ID `json:"went_on"`
		Accounts []accountView
	}](w.ward, "budgets raise user/ann --tokens 1")
	if got.Budget != "user/ann" || got.Went == nil || len(got.Went) != 0 {
		t.Errorf("budgets raise -o json = %+v; want the name, and no task", got)
	}
}

// Who sets a budget in the midst of its day is told what the day has spent.
func TestBudgetsTellWhatIsSpent(t *testing.T) {
	w := newPurse(t)
	close(w.began)
	if a := w.pawl("budgets", "set", "user/*", "--per", "day", "--calls", "10"); strings.Contains(a.out, "spent") {
		t.Errorf("budgets set prints\n%s\nwant nothing of what is spent: nothing is", a.out)
	}
	run := w.asks("ann", "one")
	w.answered(run, w.asks("ann", "two"), w.asks("bob", "three"), w.asks("cid", "four"), w.asks("dan", "free: five"))
	is := flat(w.well("budgets set user/* --per month --tokens 20k --money 5"))
	if want := "no task waited for it already spent: ann 2,200 of 20,000 tokens, 0.0079 USD of 5.00 USD; bob 1,100 of 20,000 tokens, 0.0040 USD of 5.00 USD; " +
		"cid 1,100 of 20,000 tokens, 0.0040 USD of 5.00 USD; and 1 more, of which less is used"; !strings.Contains(is, want) {
		t.Errorf("budgets set prints %q; want it to say %q", is, want)
	}
	w.well("budgets set all --per day --calls 20", "already spent: 5 of 20 calls\n")
	w.well("budgets set run/"+run.ID.String()+" --money 0.01", "already spent: 0.0040 USD of 0.01 USD\n")
	if a := w.pawl("budgets", "set", "queue/desk", "--calls", "20"); strings.Contains(a.out, "spent") {
		t.Errorf("budgets set prints\n%s\nwant nothing of what is spent: it counts from now", a.out)
	}
	got := decoded[struct {
		Budget   string
		Went     []pawl.ID `json:"went_on"`
		Accounts []accountView
	}](w.ward, "budgets set operation/inquire --per day --calls 20")
	if len(got.Accounts) != 1 || got.Accounts[0].Spent.Calls != 5 || got.Accounts[0].Share != 0.25 {
		t.Errorf("budgets set -o json = %+v; want an account that has spent 5 of 20 calls", got)
	}
}

// What a run that has ended had left is nobody's business any more.
func TestBudgetsOfEndedRuns(t *testing.T) {
	w := newPurse(t)
	close(w.began)
	w.well("budgets set run/* --tokens 1200")
	w.answered(w.asks("ann", "one", pawl.Budget{Calls: 1}))
	ended := "run/" + w.id("ann")
	w.well("budgets", "run/*", "and 1 budget of single runs that have ended (--all)\n")
	if a := w.pawl("budgets"); strings.Contains(a.out, ended) {
		t.Errorf("budgets prints\n%s\nwant no line of %s", a.out, ended)
	}
	w.well("budgets --all", ended)
	w.well("doctor", "nothing is stopped by 2 budgets, and none is near its end")

	if views := decoded[struct{ Budgets []budgetView }](w.ward, "budgets").Budgets; len(views) != 2 || views[0].Ended || !views[1].Ended {
		t.Errorf("budgets -o json = %+v; want that of each run, and the one of the run that has ended", views)
	}
	w.well("budgets set queue/desk --calls 1")
	w.answered(w.asks("cid", "two"))
	w.asks("bob", "three", pawl.Budget{Calls: 1})
	w.until("bob", pawl.Blocked)
	w.well("budgets", "run/"+w.id("bob"), "and 1 budget of single runs")
}

// budget returns a budget of the ward.
func (w *ward) budget(name string) pawl.Budget {
	w.Helper()
	status, err := w.client.Status(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, b := range status.Budgets {
		if b.String() == name {
			return b.Budget
		}
	}
	w.Fatalf("there is no budget %q", name)
	return pawl.Budget{}
}

// Each flag reaches its own cap, and leaves the others.
func TestBudgetsSet(t *testing.T) {
	w := emptyWard(t)
	w.well("budgets", "no budgets", "pawl budgets set --help")
	want := pawl.Budget{Scope: pawl.OfRun}
	for _, c := range []struct {
		flags string
		set   func()
	}{
		{"--tokens 1000", func() { want.Tokens = 1000 }},
		{"--tokens 1.25M --calls 2k", func() { want.Tokens, want.Calls = 1_250_000, 2000 }},
		{"--money 2.50", func() { want.Money = 2_500_000_000 }},
		{"--calls 3", func() { want.Calls = 3 }},
		{"--repeats 4", func() { want.Repeats = 4 }},
		{"--warn 0.5", func() { want.Warn = 0.5 }},
		{"--tokens 0 --calls 0", func() { want.Tokens, want.Calls = 0, 0 }},
	} {
		c.set()
		w.well("budgets set run/* "+c.flags, "budget run/* is set")
		if got := w.budget("run/*"); got != want {
			t.Errorf("%s: the budget is %+v; want %+v", c.flags, got, want)
		}
	}
	w.well("budgets set run/* --tokens 10 --calls 20")
	w.well("budgets raise run/* --tokens 5 --money 0.01 --calls 6 --repeats 1 --warn 1")
	if got, want := w.budget("run/*"), (pawl.Budget{Scope: pawl.OfRun, Tokens: 15, Money: 2_510_000_000, Calls: 26, Repeats: 5, Warn: 1}); got != want {
		t.Errorf("the budget is %+v; want %+v", got, want)
	}
	run, err := inquiry.Add(w.Context(), w.client, "who is there?")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"all --per day", "queue/desk", "operation/* --per month", "user/a/b", "run/" + run.ID.String()} {
		w.well("budgets set " + name + " --tokens 1")
		w.well("budgets remove "+name, "is removed: no task waited for it")
	}
	w.well("budgets remove run/*")
	w.well("budgets", "no budgets")
}

// What is wrong is said with what is allowed, and nothing is changed.
func TestBudgetsRefuse(t *testing.T) {
	w := emptyWard(t)
	w.well("budgets set user/* --per day --tokens 10")
	before := w.budget("user/* per day")
	for command, says := range map[string]string{
		"set":                                               "<name>",
		"set user/* --per day":                              "nothing is capped: give --tokens, --money, --calls or, for runs, --repeats",
		"set everybody --tokens 1":                          `budget "everybody": want all, queue/NAME, operation/NAME, user/NAME or run/ID`,
		"set run/12 --tokens 1":                             `budget "run/12": "12" is not the id of a run; want run/ID, or run/* for each run`,
		"set user/* --per week --tokens 1":                  `--per is "week"; want day or month`,
		"set user/* --per day --tokens -1":                  `--tokens: "-1" is no count; want 0 for none, or a number such as 500, 20k or 1.5M`,
		"set user/* --per day --calls -2":                   `--calls: "-2" is no count`,
		"set user/* --per day --repeats 2":                  "--repeats are for runs, and user/* per day is none; want run/* or run/ID",
		"set run/* --repeats -3":                            "--repeats is -3; want 0 for none, or more",
		"set user/* --per day --money -4":                   `--money is "-4"; want an amount such as 5 or 12.50, 0 for none`,
		"set user/* --per day --money 5USD":                 `--money is "5USD"; want an amount such as 5 or 12.50`,
		"set user/* --per day --money 1,5":                  `--money is "1,5"; want an amount such as 5 or 12.50`,
		"set user/* --per day --calls 1.5":                  `--calls: "1.5" is no whole number`,
		"set user/* --per day --calls 9.3e18":               `--calls: "9.3e18" is no count`,
		"set run/* --per day --repeats 2":                   "--repeats are counted as long as a run is, and run/* per day is for a time",
		"set run/task_00000000000000000000000000 --calls 2": `is not the id of a run; want run/ID`,
		"set user/* --per day --warn 0":                     "--warn is 0; want a share above 0, up to 1",
		"set user/* --per day --warn 80":                    "--warn is 80; want a share above 0, up to 1",
		"set user/* --per day --tokens 0":                   "nothing would be capped; give --tokens",
		"raise user/* --per day":                            "nothing is raised: give what to add",
		"raise user/* --per day --warn 0.5":                 "nothing is raised: give what to add",
		"raise user/* --per month --tokens 1":               `there is no budget "user/* per month"; the store has: user/* per day`,
		"remove user/*":                                     `there is no budget "user/*"; the store has: user/* per day`,
		"remove all/x":                                      `budget "all/x": want all`,
	} {
		w.refused("budgets "+command, exitUsage, says)
	}
	nobody := "run/" + pawl.NewID().String()
	w.refused("budgets set "+nobody+" --calls 1", exitFailed, "budget "+nobody+": no task of that run is there")
	w.refused("budgets raise user/* --per day --calls 1", exitFailed, "it has no cap of calls; set one before raising it")
	w.refused("budgets raise user/* --per day --tokens 9223372036854775807", exitFailed, "pawl: raise budget user/* per day: tokens would be more than can be counted, with 9223372036854775807 besides 10\n")
	a := w.pawl("budgets", "set", "user/* per day", "--per", "month", "--tokens", "1")
	if a.code != exitUsage || !strings.Contains(a.err, `the budget is named "user/* per day", and --per is month; want one of them`) {
		t.Errorf("exit code %d, stderr %q; want both periods", a.code, a.err)
	}
	if after := w.budget("user/* per day"); after != before {
		t.Errorf("the budget is %+v; want %+v", after, before)
	}
	// The name as it is listed is taken too.
	if a := w.pawl("budgets", "raise", "user/* per day", "--tokens", "1"); a.code != exitOK {
		t.Errorf("exit code %d, stderr %q; want 0", a.code, a.err)
	}
}
