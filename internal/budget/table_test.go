package budget_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/budget"
	"github.com/pawlhq/pawl/llm"
	"github.com/pawlhq/pawl/price"
)

var began = time.Date(2024, 2, 29, 20, 0, 0, 0, time.UTC)

// model is the budgets as one would keep them on paper: what was spent, a list of the
// calls that are under way, and a ledger of those that were sent.
type model struct {
	table   budget.Table
	now     time.Time
	budgets map[string]*paper
	calls   []*sent
	ledger  []pawl.Entry
}

type paper struct {
	pawl.Budget
	spent  map[string]pawl.Spent
	period map[string]time.Time
	warned map[string]bool
}

// sent is a call that is under way.
type sent struct {
	budget.Held
	user  string
	under map[string]string // budgets, each with the account
}

func (m *model) spent(b *paper, account string) pawl.Spent {
	if start := b.Per.Start(m.now); !b.period[account].Equal(start) {
		b.period[account], b.spent[account], b.warned[account] = start, pawl.Spent{}, false
	}
	return b.spent[account]
}

func (m *model) reserved(name, account string) (sum pawl.Spent) {
	for _, c := range m.calls {
		if of, under := c.under[name]; under && of == account {
			sum = sum.Plus(c.Needs)
		}
	}
	return sum
}

func anyBudget(t *rapid.T) *pawl.Budget {
	b := &pawl.Budget{
		Scope: rapid.SampledFrom([]pawl.Scope{pawl.OfAll, pawl.OfUser, pawl.OfUser}).Draw(t, "scope"),
		Per:   rapid.SampledFrom([]pawl.Period{pawl.ForGood, pawl.PerDay, pawl.PerMonth}).Draw(t, "per"),
	}
	if b.Scope == pawl.OfUser {
		b.Name = rapid.SampledFrom([]string{"", "ann"}).Draw(t, "name")
	}
	b.Tokens = rapid.SampledFrom([]int64{0, 300, 1000}).Draw(t, "tokens")
	b.Calls = rapid.SampledFrom([]int64{0, 3, 10}).Draw(t, "calls")
	b.Money = rapid.SampledFrom([]price.Money{0, 0, 2000}).Draw(t, "money")
	return b
}

func (m *model) configure(t *rapid.T) {
	s := pawl.Setting{Budget: anyBudget(t), Raise: rapid.Bool().Draw(t, "raise"), Remove: rapid.IntRange(0, 3).Draw(t, "remove") == 0}
	name := s.Budget.String()
	old := m.budgets[name]
	err := m.table.Check([]pawl.Setting{s})
	nothing := s.Budget.Tokens == 0 && s.Budget.Calls == 0 && s.Budget.Money == 0
	less := s.Raise && old != nil && !s.Remove && // than no cap
		(s.Budget.Tokens > 0 && old.Tokens == 0 || s.Budget.Calls > 0 && old.Calls == 0 || s.Budget.Money > 0 && old.Money == 0)
	if bad := s.Raise && old == nil || less || !s.Raise && !s.Remove && nothing; bad != (err != nil) {
		t.Fatalf("Check of %+v = %v; want an error: %v", s, err, bad)
	}
	if err != nil {
		return
	}
	if o := m.table.Configure(m.now, &s); o != nil {
		m.table.Open(m.now, o, m.asked(o))
	}
	switch {
	case s.Remove:
		delete(m.budgets, name)
		if each := m.budgets[(&pawl.Budget{Scope: s.Budget.Scope, Per: s.Budget.Per}).String()]; old != nil && old.Name != "" && each != nil {
			m.opens(each, old.Name)
		}
	case old == nil:
		b := &paper{*s.Budget, map[string]pawl.Spent{}, map[string]time.Time{}, map[string]bool{}}
		m.budgets[name] = b
		for _, user := range []string{"", "ann", "bob"} {
			if account, under := m.of(user)[name]; under {
				m.opens(b, account)
			}
		}
	case s.Raise:
		old.Tokens, old.Calls, old.Money = old.Tokens+s.Budget.Tokens, old.Calls+s.Budget.Calls, old.Money+s.Budget.Money
		clear(old.warned)
	default:
		old.Budget = *s.Budget
		clear(old.warned)
	}
}

// opens has an account begin with what was sent in its period, but for good.
func (m *model) opens(b *paper, account string) {
	if b.Per != pawl.ForGood {
		m.spent(b, account)
		b.spent[account] = m.inLedger(b.Per, account)
	}
}

// inLedger is what was sent in a period, of a user or of all.
func (m *model) inLedger(per pawl.Period, user string) (sum pawl.Spent) {
	for _, e := range m.ledger {
		if !e.At.Before(per.Start(m.now)) && (user == "" || user == e.User) && e.Kind != pawl.EntryRefused {
			sum = sum.Plus(pawl.Spent{Tokens: e.Usage.Total(), Money: e.Cost, Calls: 1})
		}
	}
	return sum
}

// asked returns what a store would find in its ledger.
func (m *model) asked(o *budget.Opening) map[string]pawl.Spent {
	f, by := o.Asks()
	rows := map[string]*pawl.UsageRow{}
	for _, e := range m.ledger {
		if e.At.Before(f.Since) || f.User != "" && f.User != e.User || !slices.Contains(f.Kinds, e.Kind) {
			continue
		}
		var k pawl.UsageKey
		if slices.Contains(by, pawl.ByUser) {
			k.User = e.User
		}
		if rows[k.User] == nil {
			rows[k.User] = &pawl.UsageRow{UsageKey: k, Sums: map[pawl.EntryKind]pawl.Sum{}}
		}
		rows[k.User].Sums[e.Kind] = rows[k.User].Sums[e.Kind].Plus(pawl.Sum{Calls: e.Calls, Usage: e.Usage, Cost: e.Cost})
	}
	spent := map[string]pawl.Spent{}
	for _, r := range rows {
		o.Sum(spent, []pawl.UsageRow{*r})
	}
	return spent
}

// isNamed reports whether a budget by name stands in place of a user's part of one for each.
func (m *model) isNamed(b *paper, user string) bool {
	byName := pawl.Budget{Scope: b.Scope, Name: user, Per: b.Per}
	return b.Name == "" && user != "" && m.budgets[byName.String()] != nil
}

// of returns the budgets that a user's call comes under, each with the account.
func (m *model) of(user string) map[string]string {
	found := map[string]string{}
	for name, b := range m.budgets {
		named := b.Scope == pawl.OfUser && b.Name == user
		each := b.Scope == pawl.OfUser && b.Name == "" && user != "" && !m.isNamed(b, user)
		switch {
		case b.Scope == pawl.OfAll:
			found[name] = ""
		case user != "" && (named || each):
			found[name] = user
		}
	}
	return found
}

// send asks for a call, and takes it if it may go.
func (m *model) send(t *rapid.T) {
	user := rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(t, "user")
	needs := pawl.Spent{Tokens: rapid.Int64Range(0, 400).Draw(t, "needs"), Calls: 1}
	needs.Money = price.Money(3 * needs.Tokens)
	ask := budget.Ask{User: user, Queue: "q", Operation: "work", Needs: needs, Priced: true}
	fits, fitsLater := true, true
	under := m.of(user)
	for name, account := range under {
		b := m.budgets[name]
		spent, reserved := m.spent(b, account), m.reserved(name, account)
		for _, c := range [][4]int64{
			{b.Tokens, spent.Tokens, reserved.Tokens, needs.Tokens}, {b.Calls, spent.Calls, reserved.Calls, 1},
			{int64(b.Money), int64(spent.Money), int64(reserved.Money), int64(needs.Money)},
		} {
			most, spent, reserved, needs := c[0], c[1], c[2], c[3]
			if most == 0 {
				continue
			}
			fits = fits && spent+reserved+needs <= most && spent < most
			fitsLater = fitsLater && spent+needs <= most && (spent < most || reserved > 0)
		}
	}
	switch v := m.table.Look(m.now, &ask); {
	case fits && (v.Stop != nil || v.Wait != ""):
		t.Fatalf("a call of %+v by %q: %+v; want it let go", needs, user, v)
	case !fits && fitsLater && (v.Stop != nil || v.Wait == ""):
		t.Fatalf("a call of %+v by %q: %+v; want it to wait", needs, user, v)
	case !fitsLater && v.Stop == nil:
		t.Fatalf("a call of %+v by %q: %+v; want it stopped", needs, user, v)
	case !fitsLater && (!m.table.Stops(m.now, v.Stop) || m.budgets[v.Stop.Budget] == nil):
		t.Fatalf("Stops(%+v) = false just after it did", v.Stop)
	case !fits:
		return
	}
	held, warn := m.table.Take(m.now, &ask)
	m.calls = append(m.calls, &sent{held, user, under})
	if len(held.Accounts) != len(under) {
		t.Errorf("a call takes from %d accounts; want %v", len(held.Accounts), under)
	}
	m.warns(t, under, warn)
}

// warns checks whether it was warned.
func (m *model) warns(t *rapid.T, under map[string]string, warn string) {
	want := false
	for name, account := range under {
		b := m.budgets[name]
		a := pawl.Account{Spent: m.spent(b, account), Reserved: m.reserved(name, account)}
		if a.Share(&b.Budget) >= 0.8 && !b.warned[account] {
			want, b.warned[account] = true, true
		}
	}
	if want != (warn != "") {
		t.Errorf("warning %q; want one: %v", warn, want)
	}
}

func (m *model) settle(t *rapid.T) {
	if len(m.calls) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.calls)-1).Draw(t, "call")
	c := m.calls[i]
	m.calls = slices.Delete(m.calls, i, i+1)
	used := pawl.Spent{Tokens: rapid.Int64Range(0, 500).Draw(t, "used"), Calls: 1}
	used.Money = price.Money(2 * used.Tokens)
	kind := rapid.SampledFrom([]pawl.EntryKind{pawl.EntryAnswered, pawl.EntryAnswered, pawl.EntryUnknown, pawl.EntryFailed, pawl.EntryRefused, ""}).Draw(t, "kind")
	switch kind {
	case pawl.EntryFailed:
		used = pawl.Spent{Calls: 1}
	case pawl.EntryRefused, "":
		used = pawl.Spent{}
	}
	var entry *pawl.Entry
	if kind != "" {
		entry = &pawl.Entry{At: m.now, Kind: kind, User: c.user, Queue: "q", Operation: "work", Calls: 1, Usage: llm.Usage{Output: used.Tokens}, Cost: used.Money}
		m.ledger = append(m.ledger, *entry)
	}
	ended := &budget.Ended{Held: c.Held, Used: used}
	if len(c.Accounts) == 0 {
		ended = nil
	}
	m.table.Settle(m.now, ended, entry)
	under := m.of(c.user)
	maps.Copy(under, c.under)
	for name, account := range under {
		if b := m.budgets[name]; b != nil {
			b.spent[account] = m.spent(b, account).Plus(used)
		}
	}
}

func (m *model) pass(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "hours")) * time.Hour)
}

// sweep changes nothing on the paper.
func (m *model) sweep(*rapid.T) { m.table.Sweep(m.now) }

// check compares the status with the paper.
func (m *model) check(t *rapid.T) {
	status := m.table.Status(m.now)
	if len(status) != len(m.budgets) {
		t.Fatalf("%d budgets; want %d", len(status), len(m.budgets))
	}
	for _, s := range status {
		b := m.budgets[s.String()]
		if b == nil || b.Budget != s.Budget {
			t.Fatalf("budget %+v; want %+v", s.Budget, b)
		}
		known := map[string]bool{}
		for _, a := range s.Accounts {
			known[a.Name] = true
			if m.isNamed(b, a.Name) {
				t.Fatalf("%s lists %q, in whose place a budget by name stands", &s.Budget, a.Name)
			}
			if spent, reserved := m.spent(b, a.Name), m.reserved(s.String(), a.Name); a.Spent != spent || a.Reserved != reserved {
				t.Fatalf("%s of %q: spent %+v, reserved %+v; want %+v and %+v", &s.Budget, a.Name, a.Spent, a.Reserved, spent, reserved)
			}
			if a.Reserved.Tokens < 0 || a.Reserved.Calls < 0 {
				t.Fatalf("%s of %q: reserved %+v", &s.Budget, a.Name, a.Reserved)
			}
		}
		for _, c := range m.calls {
			if account, under := c.under[s.String()]; under && !known[account] && !m.isNamed(b, account) {
				t.Fatalf("%s has no account %q, though a call of it is under way", &s.Budget, account)
			}
		}
		for _, user := range []string{"", "ann", "bob"} {
			account, under := m.of(user)[s.String()]
			if got, want := m.spent(b, account), m.inLedger(b.Per, account); under && b.Per != pawl.ForGood && got != want {
				t.Fatalf("%s of %q: spent %+v; want what the ledger has: %+v", &s.Budget, account, got, want)
			}
		}
		for account := range b.spent {
			if spent := m.spent(b, account); spent != (pawl.Spent{}) && !known[account] && !m.isNamed(b, account) {
				t.Fatalf("%s has no account %q; want %+v", &s.Budget, account, spent)
			}
		}
	}
}

// Whatever is set, removed, raised, sent and settled in whatever order, over days: the
// table counts as one would on paper, and lets go only what fits.
func TestBudgetsAsOnPaper(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{now: began, budgets: map[string]*paper{}}
		t.Repeat(map[string]func(*rapid.T){
			"configure": m.configure, "send": m.send, "send more": m.send, "settle": m.settle, "pass": m.pass, "sweep": m.sweep, "": m.check,
		})
	})
}

// What an observer is told of is all that changes: a copy that follows it is the same.
func TestTouchedTellsAllChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{now: began, budgets: map[string]*paper{}}
		var told budget.Table
		touched := map[budget.Key]bool{}
		m.table.Touched = func(k budget.Key) { touched[k] = true }
		t.Repeat(map[string]func(*rapid.T){
			"configure": m.configure, "send": m.send, "send more": m.send, "settle": m.settle, "pass": m.pass, "sweep": m.sweep,
			"": func(t *rapid.T) {
				follow(t, &told, &m.table, touched)
				if got, want := fmt.Sprintf("%+v", told.Status(m.now)), fmt.Sprintf("%+v", m.table.Status(m.now)); got != want {
					t.Fatalf("the copy is\n%s; want\n%s", got, want)
				}
			},
		})
	})
}

// follow takes over what has changed, budgets first.
func follow(t *rapid.T, to, from *budget.Table, touched map[budget.Key]bool) {
	for k := range touched {
		if k.Budget == "" {
			continue
		}
		b := from.Budget(k.Budget)
		if b != nil {
			b = &budget.Budget{Budget: b.Budget, Version: b.Version, Removed: b.Removed}
		}
		to.Set(k.Budget, b)
	}
	for k := range touched {
		if k.Budget != "" {
			continue
		}
		if err := to.SetSheet(k.Sheet, from.PackSheet(k.Sheet)); err != nil {
			t.Fatal(err)
		}
		if got, want := to.PackSheet(k.Sheet), from.PackSheet(k.Sheet); !bytes.Equal(got, want) {
			t.Fatalf("sheet %d is packed as %q; want %q", k.Sheet, got, want)
		}
	}
	clear(touched)
}
