package budget

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/price"
)

// Ask is a call that wants to go.
type Ask struct {
	Queue, Operation, User string
	Run                    pawl.ID
	Needs                  pawl.Spent
	Model                  string
	Priced                 bool   // else Needs.Money is not known
	State                  uint64 // of the conversation; 0 for none
}

func whole(tokens float64) int64 { return int64(math.Ceil(min(max(tokens, 0), 1e15))) }

// Held is what a call has taken, to be handed back exactly once.
type Held struct {
	Needs    pawl.Spent
	State    uint64
	Accounts []Part
}

// Verdict is what becomes of a call.
type Verdict struct {
	Stop *pawl.Stop // it is not to be sent; nil if it may, by now or later
	Wait string     // it waits for calls under way, and why; "" if it does not
}

// found is an account that a call comes under.
type found struct {
	*Budget
	*Account
	part Part
}

// find returns the accounts that a call comes under: for each scope and period the
// budget by name, else the one for each.
func (t *Table) find(now time.Time, a *Ask) []found {
	if !t.Any() {
		return nil
	}
	if t.looked == a {
		return t.found // a call is looked at, and then takes
	}
	all := t.found[:0]
	for _, k := range [...]target{
		{pawl.OfAll, ""}, {pawl.OfQueue, a.Queue}, {pawl.OfOperation, a.Operation}, {pawl.OfUser, a.User}, {pawl.OfRun, ""},
	} {
		if k.scope == pawl.OfRun {
			k.name = a.Run.String()
		}
		if k.scope == pawl.OfUser && k.name == "" {
			continue // nobody was named
		}
		own := t.of[k]
		for _, b := range own {
			all = append(all, b.open(now, k.name))
		}
		if k.name == "" {
			continue
		}
		for _, b := range t.of[target{k.scope, ""}] {
			if !slices.ContainsFunc(own, func(o *Budget) bool { return o.Per == b.Per }) {
				all = append(all, b.open(now, k.name))
			}
		}
	}
	t.found, t.looked = all, a
	return all
}

// open returns an account of a budget, with nothing spent if a new period has begun. A
// call that ended before midnight may be settled after one that was taken behind it: it
// counts for the new period, which does not end by it.
func (b *Budget) open(now time.Time, name string) found {
	a := b.accounts[name]
	if a == nil {
		a = &Account{}
	}
	if start := b.Per.Start(now); start.After(a.Since) {
		a.Since, a.Spent, a.Warned = start, pawl.Spent{}, false
	}
	return found{b, a, Part{b.name, name}}
}

// Look says what becomes of a call, and takes nothing.
func (t *Table) Look(now time.Time, a *Ask) Verdict {
	var v Verdict
	all := t.find(now, a)
	for i := range all {
		f := &all[i]
		was := f.Stopped
		stop, wait := f.verdict(now, a)
		if f.Stopped != was {
			t.touch(f.part.key())
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
func (f *found) verdict(now time.Time, a *Ask) (stop *pawl.Stop, wait string) {
	stop = &pawl.Stop{Budget: f.name, Account: f.part.Account, Until: f.Per.End(now), Version: f.Version}
	if f.Budget.Money > 0 && !a.Priced {
		stop.Never = true
		stop.Why = fmt.Sprintf("model %q has no price, and budget %s is in money: give it a price, or cap tokens", a.Model, f.name)
		return stop, ""
	}
	why, wait := f.repeated(a)
	if why != "" {
		stop.Why, stop.Until = why, time.Time{}
		return stop, ""
	}
	for _, c := range f.caps(a) {
		switch {
		case c.most <= 0 || c.spent+c.reserved+c.needs <= c.most && c.spent < c.most:
		case c.needs > c.most:
			stop.Never = true
			stop.Why = fmt.Sprintf("the call needs %s, and budget %s allows %s in all; make it smaller, or raise the budget", c.show(c.needs), f.of(), c.show(c.most))
			return stop, ""
		case c.spent+c.needs <= c.most && c.reserved > 0:
			wait = fmt.Sprintf("budget %s: %s are reserved for calls under way", f.of(), c.show(c.reserved))
		default:
			stop.Why = fmt.Sprintf("budget %s: %s of %s are spent, and the call needs %s", f.of(), c.bare(c.spent), c.show(c.most), c.bare(c.needs))
			return stop, ""
		}
	}
	return nil, wait
}

// of names the budget, and whose part of it this is.
func (f *found) of() string {
	if f.Name == "" && f.part.Account != "" {
		return fmt.Sprintf("%s of %s", f.name, f.part.Account)
	}
	return f.name
}

// bound is one of the things that a budget caps.
type bound struct {
	most, spent, reserved, needs int64
	show                         func(int64) string
}

// bare shows an amount without its unit.
func (b *bound) bare(n int64) string {
	amount, _, _ := strings.Cut(b.show(n), " ")
	return amount
}

func (f *found) caps(a *Ask) [3]bound {
	b, s, r, n := &f.Budget.Budget, &f.Spent, &f.Reserved, &a.Needs
	return [...]bound{
		{b.Tokens, s.Tokens, r.Tokens, n.Tokens, func(n int64) string { return strconv.FormatInt(n, 10) + " tokens" }},
		{int64(b.Money), int64(s.Money), int64(r.Money), int64(n.Money), func(n int64) string { return price.Money(n).String() }},
		{b.Calls, s.Calls, r.Calls, n.Calls, func(n int64) string { return strconv.FormatInt(n, 10) + " calls" }},
	}
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
	h = Held{Needs: a.Needs, State: a.State, Accounts: make([]Part, len(all))}
	for i := range all {
		f := &all[i]
		f.Budget.accounts[f.part.Account] = f.Account
		f.Reserved, f.Gone = f.Reserved.Plus(a.Needs), false
		f.ask(a.State)
		h.Accounts[i] = f.part
		if w := f.warn(); w != "" {
			warns = append(warns, w)
		}
		t.touch(f.part.key())
	}
	return h, strings.Join(warns, "; ")
}

const defaultWarn = 0.8

// warn says, once in a period, that much of a budget is used.
func (f *found) warn() string {
	share := (&pawl.Account{Spent: f.Spent, Reserved: f.Reserved}).Share(&f.Budget.Budget)
	at := f.Warn
	if at == 0 {
		at = defaultWarn
	}
	if f.Warned || share < at {
		return ""
	}
	f.Warned = true
	return fmt.Sprintf("budget %s: %.0f %% of it are used or reserved", f.of(), math.Floor(100*share))
}

// Ended is a call that had taken something, and has ended.
type Ended struct {
	Held
	Used     pawl.Spent // nothing for one that was not sent
	Answered bool
}

// Settle hands back what a call has taken, in place of what it used.
func (t *Table) Settle(now time.Time, e *Ended) {
	t.looked = nil
	for _, k := range e.Accounts {
		b := t.budgets[k.Budget]
		if b == nil || b.accounts[k.Account] == nil {
			continue // it was removed
		}
		f := b.open(now, k.Account)
		f.Reserved = f.Reserved.Minus(e.Needs)
		f.asked(e.State, e.Answered)
		if f.Gone {
			t.leave(&f)
			continue
		}
		f.Spent = f.Spent.Plus(e.Used)
		t.touch(k.key())
	}
}

// leave removes an account that was removed, and its budget, once its calls have ended.
func (t *Table) leave(f *found) {
	if f.Reserved == (pawl.Spent{}) {
		delete(f.Budget.accounts, f.part.Account)
	}
	t.touch(f.part.key())
	if f.Removed && len(f.Budget.accounts) == 0 {
		t.Set(f.name, nil)
		t.touch(Key{Part: Part{Budget: f.name}})
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
