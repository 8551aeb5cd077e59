package pawl

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pawlhq/pawl/price"
)

// Budget caps what calls may cost, together over all workers. A call is reserved on
// every budget that it comes under before it is sent, with what it is expected to cost,
// and settled with what it did cost. Where the budget is used up the call is not sent:
// its task is [Blocked], with all that it has stored, until the budget is raised or its
// next period begins. A call that is alone more than the budget allows fails for good.
//
// A new budget of a day or month counts what its present one has spent before it was set,
// and a new budget of one run what that run has: what the ledger has of calls that were
// answered, failed, or are unknown. Others begin with nothing. Calls that are under way by
// then had reserved nothing on it: what they used counts when they have ended.
//
// A run is all tasks of a flow, and what their handlers add: they spend one budget. As
// an option of Add a Budget, without Scope, Name and Per, is one for the new run alone. A
// task that joins an identical one, or gets a stored result, begins no run: its Budget is
// not used, and the other one's run keeps what it has. What a handler adds begins no run
// either, and takes none.
type Budget struct {
	Scope Scope  `json:"scope"`
	Name  string `json:"name,omitempty"` // of the queue, operation, user or run; "" is a budget of its own for each that has none by name
	Per   Period `json:"per,omitempty"`

	Tokens int64       `json:"tokens,omitempty"` // of all kinds; 0 for no cap, like all below
	Money  price.Money `json:"money,omitempty"`  // in the currency of the workers' prices; models without a price are not let in
	Calls  int64       `json:"calls,omitempty"`  // that were sent and not refused

	// Repeats is for runs: how often one state of a conversation may be asked. A call that
	// asks it once more waits for those under way, which may fail, and stops the run when
	// so many were answered. They are counted ForGood alone, from when it is set. A prompt that [Task.Ask]
	// repeats finds a longer conversation, another state, each time: Calls is for that.
	Repeats int `json:"repeats,omitempty"`

	Warn float64 `json:"warn,omitempty"` // the share of a cap at which to warn, above 0 and up to 1; default 0.8
}

// Scope is what a budget is for.
type Scope string

// The scopes.
const (
	OfAll       Scope = "all"
	OfQueue     Scope = "queue"
	OfOperation Scope = "operation"
	OfUser      Scope = "user"
	OfRun       Scope = "run"
)

// Scopes lists the scopes.
func Scopes() []Scope { return []Scope{OfAll, OfQueue, OfOperation, OfUser, OfRun} }

// Period is the time that a budget is for, after which it is whole again.
type Period string

// The periods. Days and months are those of UTC.
const (
	PerDay   Period = "day"
	PerMonth Period = "month"
	ForGood  Period = "" // from when it is set; of a run, as long as the run is
)

// Start returns when the period began that now is in; zero for ForGood.
func (p Period) Start(now time.Time) time.Time {
	y, m, d := now.UTC().Date()
	switch p {
	case PerDay:
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	case PerMonth:
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}
}

// End returns when the next period begins; zero for ForGood.
func (p Period) End(now time.Time) time.Time {
	switch start := p.Start(now); p {
	case PerDay:
		return start.AddDate(0, 0, 1)
	case PerMonth:
		return start.AddDate(0, 1, 0)
	}
	return time.Time{}
}

// String returns the budget's name: "user/ann per day", "user/* per day" for each
// user's, "all per month".
func (b *Budget) String() string {
	s := string(b.Scope)
	if b.Scope != OfAll {
		name := b.Name
		if name == "" {
			name = "*"
		}
		s += "/" + name
	}
	if b.Per != ForGood {
		s += " per " + string(b.Per)
	}
	return s
}

// ParseBudget returns the Scope, Name and Per of a budget's name.
func ParseBudget(name string) (b Budget, err error) {
	rest, per, timed := strings.Cut(name, " per ")
	scope, of, named := strings.Cut(rest, "/")
	b = Budget{Scope: Scope(scope), Name: of, Per: Period(per)}
	if of == "*" {
		b.Name = ""
	}
	if b.Scope == OfRun && of != "" && of != "*" && !isRunID(of) {
		return Budget{}, fmt.Errorf("budget %q: %q is not the id of a run; want run/ID, or run/* for each run", name, of)
	}
	bad := timed && per == "" || b.Scope == OfAll && named || b.Scope != OfAll && of == ""
	if err := b.checkName(); err != nil || bad {
		return Budget{}, fmt.Errorf(`budget %q: want all, queue/NAME, operation/NAME, user/NAME or run/ID, with * as NAME for each, and then " per day", " per month" or nothing`, name)
	}
	return b, nil
}

func (b *Budget) checkName() error {
	known := false
	for _, s := range Scopes() {
		known = known || s == b.Scope
	}
	switch {
	case !known:
		return fmt.Errorf("scope is %q; want all, queue, operation, user or run", b.Scope)
	case b.Scope == OfAll && b.Name != "":
		return fmt.Errorf("scope all has no name, and it is %q", b.Name)
	case b.Per != PerDay && b.Per != PerMonth && b.Per != ForGood:
		return fmt.Errorf("period is %q; want day, month, or none", b.Per)
	case b.Name == "*":
		return errors.New(`name is "*"; want none, which is a budget for each`)
	case !isText(b.Name) || strings.Contains(b.Name, " per "):
		return fmt.Errorf(`name is %q; want UTF-8 without zero bytes and " per "`, b.Name)
	}
	if b.Scope == OfRun && b.Name != "" && !isRunID(b.Name) {
		return fmt.Errorf("name is %q; want the id of a run", b.Name)
	}
	return nil
}

func isRunID(name string) bool {
	id, err := ParseID(name)
	return err == nil && !id.IsZero()
}

// Validate returns what is wrong with a budget. Nil is none, with which nothing is.
func (b *Budget) Validate() error {
	if b == nil {
		return nil
	}
	err := b.checkName()
	switch {
	case err != nil:
	case b.Tokens < 0 || b.Money < 0 || b.Calls < 0 || b.Repeats < 0:
		err = errors.New("a cap is below 0; want 0 for none, or more")
	case b.Tokens == 0 && b.Money == 0 && b.Calls == 0 && b.Repeats == 0:
		err = errors.New("nothing is capped; want tokens, money, calls or, for runs, repeats")
	case b.Repeats > 0 && b.Scope != OfRun:
		err = fmt.Errorf("repeats are for runs, and the scope is %s", b.Scope)
	case b.Repeats > 0 && b.Per != ForGood:
		err = fmt.Errorf("repeats are counted as long as the run is, and the period is %s", b.Per)
	case !(b.Warn >= 0 && b.Warn <= 1):
		err = fmt.Errorf("it warns at a share of %v; want above 0, up to 1, or 0 for 0.8", b.Warn)
	}
	if err != nil {
		return fmt.Errorf("pawl: budget %s: %w", b, err)
	}
	return nil
}

// Spent is what has been taken from a budget.
type Spent struct {
	Tokens int64       `json:"tokens"`
	Money  price.Money `json:"money"`
	Calls  int64       `json:"calls"`
}

// Plus returns the sum of both.
func (s Spent) Plus(t Spent) Spent {
	return Spent{s.Tokens + t.Tokens, s.Money + t.Money, s.Calls + t.Calls}
}

// Minus returns the difference.
func (s Spent) Minus(t Spent) Spent {
	return Spent{s.Tokens - t.Tokens, s.Money - t.Money, s.Calls - t.Calls}
}

// BudgetStatus is a budget and how much of it is used.
type BudgetStatus struct {
	Budget
	Accounts []Account `json:"accounts"` // those of which most is used first, at most 100; none of which nothing is, or for which a budget by name is in its place
	Of       int       `json:"of"`       // how many accounts something is used of
}

// Account is how much of a budget one queue, operation, user or run has used in the
// present period.
type Account struct {
	Name     string    `json:"name,omitempty"` // of the queue, operation, user or run; "" for all
	Spent    Spent     `json:"spent"`
	Reserved Spent     `json:"reserved"`          // for calls under way
	Since    time.Time `json:"since,omitzero"`    // when the period began
	Until    time.Time `json:"until,omitzero"`    // when the next one begins
	Stopped  string    `json:"stopped,omitempty"` // why a run was stopped whose calls are not used up
}

// Share returns how much of the budget an account has used and reserved: that of the
// cap that is nearest, 1 for all of it.
func (a *Account) Share(b *Budget) float64 {
	all := a.Spent.Plus(a.Reserved)
	share := 0.0
	for _, v := range [][2]float64{
		{float64(all.Tokens), float64(b.Tokens)}, {float64(all.Money), float64(b.Money)}, {float64(all.Calls), float64(b.Calls)},
	} {
		if v[1] > 0 {
			share = max(share, v[0]/v[1])
		}
	}
	if a.Stopped != "" {
		share = max(share, 1)
	}
	return share
}

// Stop says which budget does not let a call go.
type Stop struct {
	Budget  string    `json:"budget"`            // its name
	Account string    `json:"account,omitempty"` // whose part of it
	Why     string    `json:"why"`               // a sentence with the numbers
	Until   time.Time `json:"until,omitzero"`    // when the next period begins; zero for never
	Version int64     `json:"version,omitempty"` // of the budget: one that was changed since may let it go
	Never   bool      `json:"never,omitempty"`   // the call alone is more than the budget
}

// Outlasts reports whether a stop ends later than another one.
func (s *Stop) Outlasts(other *Stop) bool {
	return !other.Until.IsZero() && (s.Until.IsZero() || s.Until.After(other.Until))
}
