package cli

import (
	"math"
	"strings"

	"github.com/pawlhq/pawl/price"
)

// The money of one unit of a currency, and the least that is written out.
const (
	oneUnit   price.Money = 1_000_000_000
	leastUnit             = oneUnit / 10_000
)

// money writes an amount for people: with two decimals from 100 on, else with four.
func money(m price.Money) string {
	switch {
	case m < 0 && m > -leastUnit/2:
		return ">-" + leastUnit.String()
	case m < 0:
		return "-" + money(-max(m, -math.MaxInt64))
	case m > 0 && m < leastUnit/2:
		return "<" + leastUnit.String()
	}
	step, digits := leastUnit, 4
	if m >= 100*oneUnit {
		step, digits = oneUnit/100, 2
	}
	m = min(m, math.MaxInt64-step)
	m = (m + step/2) / step * step
	_, fraction, _ := strings.Cut(m.String(), ".")
	return thousands(int64(m/oneUnit)) + "." + fraction + strings.Repeat("0", digits-len(fraction))
}

// amounts is money of several currencies.
type amounts map[string]price.Money

// add adds an amount, unless it is none or of no currency.
func (a amounts) add(m price.Money, currency string) {
	if m != 0 && currency != "" {
		a[currency] += m
	}
}

// words writes the amounts with their currencies; "" for none.
func (a amounts) words() string {
	var parts []string
	for _, currency := range sortedKeys(a) {
		parts = append(parts, money(a[currency])+" "+currency)
	}
	return strings.Join(parts, ", ")
}
