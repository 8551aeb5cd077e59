package budget

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// Table is the budgets and what is taken from them. Its zero value is empty.
type Table struct {
	// Touched is told what changes or goes, if it is not nil.
	Touched func(Key)

	budgets map[string]*Budget // by name
	of      map[target][]*Budget
	sheets  map[int64]*sheet
	highest int64     // number of an account
	swept   time.Time // the day in which Sweep has looked

	found  []*Account // what find found last
	looked *Ask       // for this call; nil if something has changed since
}

// Key names what is stored together: a budget, or a sheet of accounts.
type Key struct {
	Budget string // "" for a sheet
	Sheet  int64
}

// Budget is a budget with its accounts. As JSON it is the budget alone.
type Budget struct {
	pawl.Budget
	Version int64 `json:"version"`           // of its last change: when that was, in microseconds, or one more than before
	Removed bool  `json:"removed,omitempty"` // while calls were under way that had taken from it: it goes with the last of them

	name     string
	accounts map[string]*Account
}

// Account is what one queue, operation, user or run has taken from a budget. Its JSON
// is what earlier versions stored.
type Account struct {
	Spent    pawl.Spent     `json:"spent"`
	Reserved pawl.Spent     `json:"reserved"`
	Since    time.Time      `json:"since"`   // when the period began that Spent is of
	Warned   bool           `json:"warned"`  // in that period
	Asking   map[string]int `json:"-"`       // how often each state is asked by calls under way
	States   map[string]int `json:"states"`  // how often each state was answered, the latest ones
	Recent   []string       `json:"recent"`  // States in the order in which they were answered last
	Stopped  string         `json:"stopped"` // why its run goes no further; "" if it does
	Gone     bool           `json:"gone"`    // its budget or its run was removed: it goes with its last call

	budget *Budget
	name   string
	number int64     // what calls know it by; 0 until one has taken from it
	until  time.Time // when the period ends that Since began; zero if nobody has asked yet
}

// target is what budgets are looked up by.
type target struct {
	scope pawl.Scope
	name  string
}

// Set takes over a budget that is stored; nil removes it, with its accounts.
func (t *Table) Set(name string, b *Budget) {
	t.looked = nil
	old := t.budgets[name]
	if old != nil {
		k := target{old.Scope, old.Name}
		t.of[k] = slices.DeleteFunc(t.of[k], func(o *Budget) bool { return o == old })
		if len(t.of[k]) == 0 {
			delete(t.of, k)
		}
	}
	if b == nil {
		if old != nil {
			for _, a := range old.accounts {
				t.removeAccount(a)
			}
		}
		delete(t.budgets, name)
		return
	}
	if t.budgets == nil {
		t.budgets, t.of = map[string]*Budget{}, map[target][]*Budget{}
	}
	b.name, b.accounts = name, map[string]*Account{}
	if old != nil {
		b.accounts = old.accounts
	}
	for _, a := range b.accounts {
		a.budget = b
	}
	t.budgets[name] = b
	if b.Removed {
		return
	}
	k := target{b.Scope, b.Name}
	t.of[k] = append(t.of[k], b)
	slices.SortFunc(t.of[k], func(a, b *Budget) int { return cmp.Compare(a.Per, b.Per) })
}

// Budget returns a budget as it is stored, nil if there is none.
func (t *Table) Budget(name string) *Budget { return t.budgets[name] }

// Any reports whether there are budgets at all.
func (t *Table) Any() bool { return len(t.budgets) > 0 }

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
			sum := raised(old, s.Budget)
			if err := sum.Validate(); err != nil {
				return err
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
// calls of the one before are under way has them reserved. It returns which accounts are
// to be opened by it, nil if none are.
func (t *Table) Configure(now time.Time, s *pawl.Setting) *Opening {
	t.looked = nil
	name := s.Budget.String()
	old, opening := t.budgets[name], t.opening(now, s)
	if s.Remove {
		t.remove(name)
		return opening
	}
	b := &Budget{Budget: *s.Budget, Version: now.UnixMicro()}
	if old != nil {
		b.Version = max(b.Version, old.Version+1)
		if s.Raise {
			b.Budget = raised(old, s.Budget)
		}
	}
	t.Set(name, b)
	t.touch(Key{Budget: name})
	for _, a := range b.accounts {
		a.Warned, a.Stopped = false, ""
		if old.Removed {
			a.Gone = false
		}
		t.touchAccount(a)
	}
	return opening
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
			return fmt.Errorf("%s is below 0; want more than 0 to raise it, or 0 to leave it; what sets a budget lowers it", c.name)
		case c.by > 0 && c.has == 0:
			return fmt.Errorf("it has no cap of %s; set one before raising it", c.name)
		case c.by > math.MaxInt64-c.has:
			return fmt.Errorf("%s would be more than can be counted, with %d besides %d", c.name, c.by, c.has)
		}
	}
	return nil
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
	for _, a := range b.accounts {
		t.drop(a)
	}
	if len(b.accounts) == 0 {
		t.Set(name, nil)
	} else {
		t.Set(name, &Budget{Budget: b.Budget, Version: b.Version + 1, Removed: true})
	}
	t.touch(Key{Budget: name})
}

// drop removes an account, or leaves only what is reserved.
func (t *Table) drop(a *Account) {
	t.looked = nil
	t.touchAccount(a)
	if a.Reserved == (pawl.Spent{}) {
		t.removeAccount(a)
		return
	}
	*a = Account{Reserved: a.Reserved, Asking: a.Asking, Since: a.Since, Gone: true, budget: a.budget, name: a.name, number: a.number}
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

// Sweep removes, once in a day, accounts of earlier periods that hold nothing any more. A
// new one in place of such an account is the same; so no answer tells whether somebody has
// swept.
func (t *Table) Sweep(now time.Time) {
	day := pawl.PerDay.Start(now)
	if !t.Any() || t.swept.Equal(day) {
		return
	}
	t.swept = day
	for _, b := range t.budgets {
		start := b.Per.Start(now)
		for _, a := range b.accounts {
			if a.Since.Before(start) && a.Reserved == (pawl.Spent{}) && a.Stopped == "" && len(a.States) == 0 {
				t.drop(a)
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
		if a := b.accounts[id]; a != nil {
			t.drop(a)
		}
	}
}

// accountsMost is how many accounts of a budget a status lists.
const accountsMost = 100

// Status returns the budgets by name, with their accounts as of now that are not empty and
// in whose place no budget by name stands.
func (t *Table) Status(now time.Time) []pawl.BudgetStatus {
	all := make([]pawl.BudgetStatus, 0, len(t.budgets))
	for _, name := range slices.Sorted(maps.Keys(t.budgets)) {
		b := t.there(name)
		if b == nil {
			continue
		}
		s := pawl.BudgetStatus{Budget: b.Budget, Accounts: make([]pawl.Account, 0, len(b.accounts))}
		for _, a := range b.accounts {
			if b.Name == "" && t.isNamed(b, a.name) {
				continue
			}
			if of := a.status(now); of.Spent != (pawl.Spent{}) || of.Reserved != (pawl.Spent{}) || of.Stopped != "" {
				s.Accounts = append(s.Accounts, of)
			}
		}
		s.Of = len(s.Accounts)
		slices.SortFunc(s.Accounts, func(x, y pawl.Account) int {
			return cmp.Or(cmp.Compare(y.Share(&b.Budget), x.Share(&b.Budget)), cmp.Compare(x.Name, y.Name))
		})
		s.Accounts = s.Accounts[:min(len(s.Accounts), accountsMost)]
		all = append(all, s)
	}
	return all
}

func (a *Account) status(now time.Time) pawl.Account {
	per := a.budget.Per
	out := pawl.Account{Name: a.name, Spent: a.Spent, Reserved: a.Reserved, Since: per.Start(now), Until: per.End(now), Stopped: a.Stopped}
	if a.Since.Before(out.Since) {
		out.Spent = pawl.Spent{}
	}
	return out
}
