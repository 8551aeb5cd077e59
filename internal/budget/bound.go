package budget

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pawlhq/pawl/price"
)

// bound is one of the things that a budget caps, and how it is told to people: with
// commas, and "1 call", but "2 calls".
type bound struct {
	most, spent, reserved, needs int64
	bare                         func(int64) string // an amount without its unit
	unit                         string             // of more than one; "" if it is not known
	counted                      bool               // it is a number of things
}

// caps returns what the budget of an account caps. The currency of money is that of the
// call that asks.
func (a *Account) caps(ask *Ask) [3]bound {
	b, s, r, n := &a.budget.Budget, &a.Spent, &a.Reserved, &ask.Needs
	return [...]bound{
		{b.Tokens, s.Tokens, r.Tokens, n.Tokens, count, "tokens", true},
		{int64(b.Money), int64(s.Money), int64(r.Money), int64(n.Money), amount, ask.Currency, false},
		{b.Calls, s.Calls, r.Calls, n.Calls, count, "calls", true},
	}
}

func count(n int64) string { return grouped(strconv.FormatInt(n, 10)) }

func amount(n int64) string { return grouped(price.Money(n).String()) }

// grouped puts a comma after every third digit before the point.
func grouped(s string) string {
	whole, _, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// show shows an amount with its unit.
func (b *bound) show(n int64) string {
	unit := b.unit
	if b.isOne(n) {
		unit = strings.TrimSuffix(unit, "s")
	}
	return strings.TrimRight(b.bare(n)+" "+unit, " ")
}

// used says how much of it is spent: "1 of 1 call is spent".
func (b *bound) used() string {
	return fmt.Sprintf("%s of %s %s spent", b.bare(b.spent), b.show(b.most), b.be(b.most))
}

// be is the verb for so much of it.
func (b *bound) be(n int64) string {
	if b.isOne(n) {
		return "is"
	}
	return "are"
}

// isOne reports whether so much of it is one thing.
func (b *bound) isOne(n int64) bool { return b.counted && n == 1 }
