package budget

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
)

// Ask is a call that wants to go.
type Ask struct {
	Queue, Operation, User string
	Run                    pawl.ID
	Needs                  pawl.Spent
	Model                  string
	Priced                 bool   // else Needs.Money is not known
	Currency               string // of its price; "" if that is not known
	State                  uint64 // of the conversation; 0 for none
}

func whole(tokens float64) int64 { return int64(math.Ceil(min(max(tokens, 0), 1e15))) }

// Held is what a call has taken, to be handed back exactly once.
type Held struct {
	Needs    pawl.Spent
	State    uint64
	Accounts []int64 // by number
	Named    []Part  // those of a call that earlier versions have let go, which had no numbers
}

// Part names an account: whose part of which budget it is.
type Part struct{ Budget, Account string }

// Verdict is what becomes of a call.
type Verdict struct {
	Stop *pawl.Stop // it is not to be sent; nil if it may, by now or later
	Wait string     // it waits for calls under way, and why; "" if it does not
}

// find returns the accounts that a call comes under. It is looked at, and then takes.
func (t *Table) find(now time.Time, a *Ask) []*Account {
	if t.looked != a {
		t.found = t.found[:0]
		t.under(a.Queue, a.Operation, a.User, a.Run, func(b *Budget, name string) { t.found = append(t.found, b.open(now, name)) })
		t.looked = a
	}
	return t.found
}

// under goes through the budgets that a call comes under, each with the name of its
// account: for each scope and period the budget by name, else the one for each.
func (t *Table) under(queue, operation, user string, run pawl.ID, yield func(b *Budget, account string)) {
	if len(t.of) == 0 {
		return
	}
	for _, k := range [...]target{
		{pawl.OfAll, ""}, {pawl.OfQueue, queue}, {pawl.OfOperation, operation}, {pawl.OfUser, user}, {pawl.OfRun, ""},
	} {
		if k.scope == pawl.OfRun {
			k.name = run.String()
		}
		if k.scope == pawl.OfUser && k.name == "" {
			continue // nobody was named
		}
		own := t.of[k]
		for _, b := range own {
			yield(b, k.name)
		}
		if k.name == "" {
			continue
		}
		for _, b := range t.of[target{k.scope, ""}] {
			if !slices.ContainsFunc(own, func(o *Budget) bool { return o.Per == b.Per }) {
				yield(b, k.name)
			}
		}
	}
}

// open returns an account of a budget, which may be new.
func (b *Budget) open(now time.Time, name string) *Account {
	a := b.accounts[name]
	if a == nil {
		a = &Account{budget: b, name: name}
	}
	a.turn(now)
	return a
}

// turn has nothing spent if a new period has begun. A call that ended before midnight may
// be settled after one that was taken behind it: it counts for the new period, which does
// not end by it.
func (a *Account) turn(now time.Time) {
	per := a.budget.Per
	if per == pawl.ForGood || now.Before(a.until) {
		return
	}
	if start := per.Start(now); start.After(a.Since) {
		a.Since, a.Spent, a.Warned = start, pawl.Spent{}, false
	}
	a.until = per.End(a.Since)
}

// Look says what becomes of a call, and takes nothing.
func (t *Table) Look(now time.Time, a *Ask) Verdict {
	var v Verdict
	for _, of := range t.find(now, a) {
		was := of.Stopped
		stop, wait := of.verdict(now, a)
		if of.Stopped != was {
			t.touchAccount(of)
		}
		if stop != nil && (v.Stop == nil || stop.Never && !v.Stop.Never) {
			v.Stop = stop
		}
		if wait != "" {
			v.Wait = wait
		}
	}
	return v
}

// verdict is what one account says.
func (a *Account) verdict(now time.Time, ask *Ask) (stop *pawl.Stop, wait string) {
	b := a.budget
	if b.Money > 0 && !ask.Priced {
		why := fmt.Sprintf("model %q has no price, and budget %s is in money: give it a price, or cap tokens", ask.Model, b.name)
		return a.stop(now, true, why), ""
	}
	stopped, wait := a.repeated(ask)
	if stopped {
		return a.halt(), ""
	}
	for _, c := range a.caps(ask) {
		switch {
		case c.most <= 0 || c.spent+c.reserved+c.needs <= c.most && c.spent < c.most:
		case c.needs > c.most:
			why := fmt.Sprintf("the call needs %s, and budget %s allows %s in all; make it smaller, or raise the budget", c.show(c.needs), a, c.show(c.most))
			return a.stop(now, true, why), ""
		case c.spent+c.needs <= c.most && c.reserved > 0:
			wait = fmt.Sprintf("budget %s: %s %s reserved for calls under way", a, c.show(c.reserved), c.be(c.reserved))
		default:
			why := fmt.Sprintf("budget %s: %s, and the call needs %s", a, c.used(), c.bare(c.needs))
			return a.stop(now, false, why), ""
		}
	}
	return nil, wait
}

func (a *Account) stop(now time.Time, never bool, why string) *pawl.Stop {
	return &pawl.Stop{Budget: a.budget.name, Account: a.name, Until: a.budget.Per.End(now), Version: a.budget.Version, Never: never, Why: why}
}

// halt is what stops a run for good, unless the budget is raised.
func (a *Account) halt() *pawl.Stop {
	return &pawl.Stop{Budget: a.budget.name, Account: a.name, Version: a.budget.Version, Why: a.Stopped}
}

// String names the budget, and whose part of it this is.
func (a *Account) String() string {
	if a.budget.Name == "" && a.name != "" {
		return fmt.Sprintf("%s of %s", a.budget.name, a.name)
	}
	return a.budget.name
}

// Take takes what a call needs from all budgets that it comes under. It returns what to
// say of those of which much is used now.
func (t *Table) Take(now time.Time, a *Ask) (h Held, warn string) {
	all := t.find(now, a)
	if len(all) == 0 {
		return h, ""
	}
	t.looked = nil
	var warns []string
	h = Held{Needs: a.Needs, State: a.State, Accounts: make([]int64, len(all))}
	for i, of := range all {
		of.Reserved, of.Gone = of.Reserved.Plus(a.Needs), false
		of.ask(a.State)
		if w := of.warn(); w != "" {
			warns = append(warns, w)
		}
		t.store(of)
		h.Accounts[i] = of.number
	}
	return h, strings.Join(warns, "; ")
}

const defaultWarn = 0.8

// warn says, once in a period, that much of a budget is used.
func (a *Account) warn() string {
	if a.Warned {
		return ""
	}
	share := (&pawl.Account{Spent: a.Spent, Reserved: a.Reserved}).Share(&a.budget.Budget)
	at := a.budget.Warn
	if at == 0 {
		at = defaultWarn
	}
	if share < at {
		return ""
	}
	a.Warned = true
	return fmt.Sprintf("budget %s: %.0f %% of it are used or reserved", a, math.Floor(100*share))
}

// Ended is a call that had taken something, and has ended.
type Ended struct {
	Held
	Used     pawl.Spent // nothing for one that was not sent
	Answered bool
}

// Settle hands back what a call has taken, in place of what it used; e is nil if it has
// taken nothing. What it used by its entry in the ledger it spends of the accounts, too, that
// it comes under by now and has not taken from; sent is nil if it was not sent.
func (t *Table) Settle(now time.Time, e *Ended, sent *pawl.Entry) {
	if e == nil {
		e = &Ended{}
	}
	if sent != nil {
		t.chargeLate(now, &e.Held, sent) // first, for accounts may go with the call
	}
	t.looked = nil
	for _, number := range e.Accounts {
		t.settle(now, t.account(number), e)
	}
	for _, p := range e.Named {
		if b := t.budgets[p.Budget]; b != nil && b.accounts[p.Account] != nil {
			a := b.accounts[p.Account]
			a.ask(e.State) // which earlier versions did not count before it was answered
			t.settle(now, a, e)
		}
	}
}

// settle settles a call with one account, nil if that was removed.
func (t *Table) settle(now time.Time, a *Account, e *Ended) {
	if a == nil {
		return
	}
	a.turn(now)
	a.Reserved = a.Reserved.Minus(e.Needs)
	a.asked(e.State, e.Answered)
	if a.Gone {
		t.leave(a)
		return
	}
	a.Spent = a.Spent.Plus(e.Used)
	t.touchAccount(a)
}

// leave removes an account that was removed, and its budget, once its calls have ended.
func (t *Table) leave(a *Account) {
	t.touchAccount(a)
	if a.Reserved == (pawl.Spent{}) {
		t.removeAccount(a)
	}
	if b := a.budget; b.Removed && len(b.accounts) == 0 {
		t.Set(b.name, nil)
		t.touch(Key{Budget: b.name})
	}
}

// Stops reports whether a budget still does not let a call go that it has stopped.
func (t *Table) Stops(now time.Time, s *pawl.Stop) bool {
	b := t.there(s.Budget)
	return b != nil && b.Version == s.Version && (s.Until.IsZero() || now.Before(s.Until)) &&
		(b.Name != "" || !t.isNamed(b, s.Account))
}

// isNamed reports whether there is a budget by name in place of one for each.
func (t *Table) isNamed(b *Budget, account string) bool {
	return account != "" && slices.ContainsFunc(t.of[target{b.Scope, account}], func(o *Budget) bool { return o.Per == b.Per })
}
