package budget

import (
	"errors"
	"maps"
	"slices"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/wire"
	"github.com/pawlhq/pawl/price"
)

// sheetSize is how many accounts are stored together. Accounts that are made at about the
// same time have numbers in a row, and change together: those of all, of a queue and an
// operation with each call, and those of runs that are under way at the same time. So a
// transaction writes some tens of sheets in place of some hundreds of accounts.
const sheetSize = 16

// sheet is the accounts with numbers from sheetSize times its own; nil for those that are
// not there. A number may be given again once its account has gone: no call knows of it
// then, for an account stays for as long as a call has taken from it.
type sheet [sheetSize]*Account

// account returns the account of a number, nil if there is none.
func (t *Table) account(number int64) *Account {
	if s := t.sheets[number/sheetSize]; s != nil && number > 0 {
		return s[number%sheetSize]
	}
	return nil
}

// put gives an account a number.
func (t *Table) put(a *Account, number int64) {
	a.number = number
	t.highest = max(t.highest, number)
	s := t.sheets[number/sheetSize]
	if s == nil {
		if t.sheets == nil {
			t.sheets = map[int64]*sheet{}
		}
		s = &sheet{}
		t.sheets[number/sheetSize] = s
	}
	s[number%sheetSize] = a
	a.budget.accounts[a.name] = a
}

func (t *Table) removeAccount(a *Account) {
	n := a.number / sheetSize
	s := t.sheets[n]
	s[a.number%sheetSize] = nil
	if *s == (sheet{}) {
		delete(t.sheets, n)
	}
	if a.budget.accounts[a.name] == a { // else it is of another number by now
		delete(a.budget.accounts, a.name)
	}
}

func (t *Table) touch(k Key) {
	if t.Touched != nil {
		t.Touched(k)
	}
}

func (t *Table) touchAccount(a *Account) { t.touch(Key{Sheet: a.number / sheetSize}) }

// TakeOver takes over an account that an earlier version stored by its names; nil if it
// is not there. It is given a number, and is of a sheet from then on.
func (t *Table) TakeOver(p Part, a *Account) {
	b := t.budgets[p.Budget]
	if a == nil || b == nil || b.accounts[p.Account] != nil {
		return
	}
	t.looked = nil
	a.budget, a.name = b, p.Account
	t.put(a, t.highest+1)
	t.touchAccount(a)
}

// sheetVersion is the first byte of a packed sheet.
const sheetVersion = 1

// What a byte of flags says of a packed account.
const (
	accountWarned = 1 << iota
	accountGone
	accountAsked  // Recent and States, and Stopped
	accountAsking // Asking
)

// PackSheet returns the accounts of a sheet as they are stored, nil if there are none.
func (t *Table) PackSheet(n int64) []byte {
	s := t.sheets[n]
	if s == nil {
		return nil
	}
	b := append(make([]byte, 0, 80*sheetSize), sheetVersion)
	for at, a := range s {
		if a != nil {
			b = a.append(append(b, byte(at)))
		}
	}
	return b
}

func (a *Account) append(b []byte) []byte {
	flags := byte(0)
	if a.Warned {
		flags |= accountWarned
	}
	if a.Gone {
		flags |= accountGone
	}
	if len(a.Recent) > 0 || a.Stopped != "" {
		flags |= accountAsked
	}
	if len(a.Asking) > 0 {
		flags |= accountAsking
	}
	b = wire.AppendText(wire.AppendText(append(b, flags), a.budget.name), a.name)
	for _, s := range [...]*pawl.Spent{&a.Spent, &a.Reserved} {
		b = wire.AppendInts(b, s.Tokens, int64(s.Money), s.Calls)
	}
	b = wire.AppendTime(b, a.Since)
	if flags&accountAsked != 0 {
		b = appendStates(wire.AppendText(b, a.Stopped), a.Recent, a.States)
	}
	if flags&accountAsking != 0 {
		b = appendStates(b, slices.Sorted(maps.Keys(a.Asking)), a.Asking)
	}
	return b
}

func appendStates(b []byte, states []string, counts map[string]int) []byte {
	b = wire.AppendInts(b, int64(len(states)))
	for _, state := range states {
		b = wire.AppendInts(wire.AppendText(b, state), int64(counts[state]))
	}
	return b
}

var errSheet = errors.New("not a packed sheet of accounts")

// SetSheet takes over a sheet that is stored, of budgets that are; nil if it has gone.
func (t *Table) SetSheet(n int64, packed []byte) error {
	t.looked = nil
	if s := t.sheets[n]; s != nil {
		for _, a := range *s {
			if a != nil {
				t.removeAccount(a)
			}
		}
	}
	if packed == nil {
		return nil
	}
	r := wire.Reader{B: packed}
	if r.Byte() != sheetVersion {
		return errSheet
	}
	for r.More() {
		at, a := int64(r.Byte()), &Account{}
		of := a.read(&r)
		if r.Bad || at >= sheetSize {
			return errSheet
		}
		if a.budget = t.budgets[of]; a.budget != nil {
			t.put(a, n*sheetSize+at)
		}
	}
	return nil
}

// read reads what append appended, and returns the name of the budget.
func (a *Account) read(r *wire.Reader) (of string) {
	flags := r.Byte()
	a.Warned, a.Gone = flags&accountWarned != 0, flags&accountGone != 0
	of, a.name = r.Text(), r.Text()
	for _, s := range [...]*pawl.Spent{&a.Spent, &a.Reserved} {
		s.Tokens, s.Money, s.Calls = r.Int(), price.Money(r.Int()), r.Int()
	}
	a.Since = r.Time()
	if flags&accountAsked != 0 {
		a.Stopped = r.Text()
		a.Recent, a.States = readStates(r)
	}
	if flags&accountAsking != 0 {
		_, a.Asking = readStates(r)
	}
	return of
}

func readStates(r *wire.Reader) (states []string, counts map[string]int) {
	for n := r.Int(); n > 0 && !r.Bad; n-- {
		if counts == nil {
			counts = map[string]int{}
		}
		state := r.Text()
		states = append(states, state)
		counts[state] = int(r.Int())
	}
	return states, counts
}
