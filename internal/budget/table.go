package budget

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// Table is the budgets and what is taken from them. Its zero value is empty.
type Table struct {
	// Touched is told which entry changes or goes, if it is not nil.
	Touched func(Key)

	budgets map[string]*Budget // by name
	of      map[target][]*Budget
	swept   time.Time // the day in which Sweep has looked

	found  []found // what find found last
	looked *Ask    // for this call; nil if something has changed since
}

// Part names an account: whose part of which budget it is.
type Part struct {
	Budget  string `json:"b"`
	Account string `json:"a,omitempty"`
}

// Key names an entry: a budget, or one of its accounts.
type Key struct {
	Part
	IsAccount bool
}

func (p Part) key() Key { return Key{p, true} }

// Budget is a budget with its accounts. As JSON it is the budget alone.
type Budget struct {
	pawl.Budget
	Version int64 `json:"version"`           // of its last change: when that was, in microseconds, or one more than before
	Removed bool  `json:"removed,omitempty"` // while calls were under way that had taken from it: it goes with the last of them

	name     string
	accounts map[string]*Account
}

// Account is what one queue, operation, user or run has taken from a budget. As JSON
// it is what stores keep.
type Account struct {
	Spent    pawl.Spent     `json:"spent,omitzero"`
	Reserved pawl.Spent     `json:"reserved,omitzero"`
	Since    time.Time      `json:"since,omitzero"`   // when the period began that Spent is of
	Warned   bool           `json:"warned,omitempty"` // in that period
	Asking   map[string]int `json:"asking,omitempty"` // how often each state is asked by calls under way
	States   map[string]int `json:"states,omitempty"` // how often each state was answered, the latest ones
	Recent   []string       `json:"recent,omitempty"` // States in the order in which they were answered last
	Stopped  string         `json:"stopped,omitempty"`
	Gone     bool           `json:"gone,omitempty"` // its budget or its run was removed: it goes with its last call
}

// target is what budgets are looked up by.
type target struct {
	scope pawl.Scope
	name  string
}

// Set takes over a budget that is stored; nil removes it.
func (t *Table) Set(name string, b *Budget) {
	t.looked = nil
	if old := t.budgets[name]; old != nil {
		k := target{old.Scope, old.Name}
		t.of[k] = slices.DeleteFunc(t.of[k], func(o *Budget) bool { return o == old })
		if len(t.of[k]) == 0 {
			delete(t.of, k)
		}
		delete(t.budgets, name)
		if b != nil {
			b.accounts = old.accounts
		}
	}
	if b == nil {
		return
	}
	if t.budgets == nil {
		t.budgets, t.of = map[string]*Budget{}, map[target][]*Budget{}
	}
	if b.accounts == nil {
		b.accounts = map[string]*Account{}
	}
	b.name = name
	t.budgets[name] = b
	if b.Removed {
		return
	}
	k := target{b.Scope, b.Name}
	t.of[k] = append(t.of[k], b)
	slices.SortFunc(t.of[k], func(a, b *Budget) int { return cmp.Compare(a.Per, b.Per) })
}

// SetAccount takes over an account that is stored, of a budget that is; nil removes it.
func (t *Table) SetAccount(k Part, a *Account) {
	t.looked = nil
	b := t.budgets[k.Budget]
	switch {
	case b == nil:
	case a == nil:
		delete(b.accounts, k.Account)
	default:
		b.accounts[k.Account] = a
	}
}

// Find returns the entry of a key, nil if there is none.
func (t *Table) Find(k Key) any {
	b := t.budgets[k.Budget]
	switch {
	case b == nil:
	case !k.IsAccount:
		return b
	default:
		if a := b.accounts[k.Account]; a != nil {
			return a
		}
	}
	return nil
}

// Any reports whether there are budgets at all.
func (t *Table) Any() bool { return len(t.budgets) > 0 }

func (t *Table) touch(k Key) {
	if t.Touched != nil {
		t.Touched(k)
	}
}

// Check returns what is wrong with settings of budgets, before any is made.
func (t *Table) Check(settings []pawl.Setting) error {
	for i := range settings {
		s := &settings[i]
		if s.Budget == nil {
			continue
		}
		old := t.there(s.Budget.String())
		switch {
		case s.Raise && old == nil:
			return fmt.Errorf("budget %s: %w", s.Budget, pawl.ErrNoBudget)
		case s.Remove:
		case s.Raise:
			if err := old.checkRaise(s.Budget); err != nil {
				return fmt.Errorf("pawl: raise budget %s: %w", s.Budget, err)
			}
		default:
			if err := s.Budget.Validate(); err != nil {
				return err
			}
		}
	}
	return nil
}

// there returns a budget that was not removed, nil if there is none.
func (t *Table) there(name string) *Budget {
	if b := t.budgets[name]; b != nil && !b.Removed {
		return b
	}
	return nil
}

// Configure makes a setting of a budget, which was checked. One that is set anew while
// calls of the one before are under way has them reserved.
func (t *Table) Configure(now time.Time, s *pawl.Setting) {
	t.looked = nil
	name := s.Budget.String()
	old := t.budgets[name]
	if s.Remove {
		t.remove(name)
		return
	}
	b := &Budget{Budget: *s.Budget, Version: now.UnixMicro()}
	if old != nil {
		b.Version = max(b.Version, old.Version+1)
		if s.Raise {
			b.Budget = raised(old, s.Budget)
		}
	}
	t.Set(name, b)
	t.touch(Key{Part: Part{Budget: name}})
	for _, account := range slices.Sorted(maps.Keys(b.accounts)) {
		a := b.accounts[account]
		a.Warned, a.Stopped = false, ""
		if old.Removed {
			a.Gone = false
		}
		t.touch(Part{name, account}.key())
	}
}

// checkRaise returns what is wrong with caps that are to be added. A cap that is not there
// would be less than before, not more.
func (b *Budget) checkRaise(by *pawl.Budget) error {
	for _, c := range [...]struct {
		name    string
		has, by int64
	}{
		{"tokens", b.Tokens, by.Tokens}, {"money", int64(b.Money), int64(by.Money)}, {"calls", b.Calls, by.Calls}, {"repeats", int64(b.Repeats), int64(by.Repeats)},
	} {
		switch {
		case c.by < 0:
			return fmt.Errorf("%s is below 0; want more than 0 to raise it, or 0 to leave it; SetBudget lowers", c.name)
		case c.by > 0 && c.has == 0:
			return fmt.Errorf("it has no cap of %s; SetBudget sets one", c.name)
		}
	}
	sum := raised(b, by)
	return sum.Validate()
}

func raised(old *Budget, by *pawl.Budget) pawl.Budget {
	b := old.Budget
	b.Tokens += by.Tokens
	b.Money += by.Money
	b.Calls += by.Calls
	b.Repeats += by.Repeats
	if by.Warn != 0 {
		b.Warn = by.Warn
	}
	return b
}

// remove removes a budget. What calls under way have reserved stays until they end: else
// they would hand it back to a budget of the same name that never gave it.
func (t *Table) remove(name string) {
	b := t.there(name)
	if b == nil {
		return
	}
	for _, account := range slices.Sorted(maps.Keys(b.accounts)) {
		t.drop(b, account)
	}
	if len(b.accounts) == 0 {
		t.Set(name, nil)
	} else {
		t.Set(name, &Budget{Budget: b.Budget, Version: b.Version + 1, Removed: true})
	}
	t.touch(Key{Part: Part{Budget: name}})
}

// drop removes an account, or leaves only what is reserved.
func (t *Table) drop(b *Budget, account string) {
	t.looked = nil
	if a := b.accounts[account]; a.Reserved == (pawl.Spent{}) {
		delete(b.accounts, account)
	} else {
		*a = Account{Reserved: a.Reserved, Asking: a.Asking, Since: a.Since, Gone: true}
	}
	t.touch(Part{b.name, account}.key())
}

// Knows reports whether there is a budget of a run, or an account.
func (t *Table) Knows(run pawl.ID) bool {
	if !t.Any() {
		return false
	}
	id := run.String()
	return len(t.of[target{pawl.OfRun, id}]) > 0 ||
		slices.ContainsFunc(t.of[target{pawl.OfRun, ""}], func(b *Budget) bool { return b.accounts[id] != nil })
}

// Sweep removes, once in a day, accounts of which nothing is spent in the present period.
func (t *Table) Sweep(now time.Time) {
	day := pawl.PerDay.Start(now)
	if !t.Any() || t.swept.Equal(day) {
		return
	}
	t.swept = day
	for _, b := range t.budgets {
		if b.Per == pawl.ForGood || b.Removed {
			continue
		}
		for account, a := range b.accounts {
			if a.Reserved == (pawl.Spent{}) && (a.Spent == (pawl.Spent{}) || !a.Since.Equal(b.Per.Start(now))) {
				t.drop(b, account)
			}
		}
	}
}

// Forget removes what there is of a run.
func (t *Table) Forget(run pawl.ID) {
	if !t.Any() {
		return
	}
	id := run.String()
	for _, b := range slices.Clone(t.of[target{pawl.OfRun, id}]) {
		t.remove(b.name)
	}
	for _, b := range t.of[target{pawl.OfRun, ""}] {
		if b.accounts[id] != nil {
			t.drop(b, id)
		}
	}
}

// accountsMost is how many accounts of a budget a status lists.
const accountsMost = 100

// Status returns the budgets by name, with their accounts as of now.
func (t *Table) Status(now time.Time) []pawl.BudgetStatus {
	all := make([]pawl.BudgetStatus, 0, len(t.budgets))
	for _, name := range slices.Sorted(maps.Keys(t.budgets)) {
		b := t.there(name)
		if b == nil {
			continue
		}
		s := pawl.BudgetStatus{Budget: b.Budget, Accounts: make([]pawl.Account, 0, len(b.accounts)), Of: len(b.accounts)}
		for account, a := range b.accounts {
			s.Accounts = append(s.Accounts, a.status(now, b, account))
		}
		slices.SortFunc(s.Accounts, func(x, y pawl.Account) int {
			return cmp.Or(cmp.Compare(y.Share(&b.Budget), x.Share(&b.Budget)), cmp.Compare(x.Name, y.Name))
		})
		s.Accounts = s.Accounts[:min(len(s.Accounts), accountsMost)]
		all = append(all, s)
	}
	return all
}

func (a *Account) status(now time.Time, b *Budget, name string) pawl.Account {
	out := pawl.Account{Name: name, Spent: a.Spent, Reserved: a.Reserved, Since: b.Per.Start(now), Until: b.Per.End(now), Stopped: a.Stopped}
	if a.Since.Before(out.Since) {
		out.Spent = pawl.Spent{}
	}
	return out
}
