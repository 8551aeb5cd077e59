package price

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Money is an amount in billionths of a currency, which whoever holds it knows.
// One unit of the currency is 1_000_000_000. Negative amounts are owed the other
// way: a cache can cost more than it saved.
type Money int64

const (
	unit     = 1_000_000_000
	decimals = 9
)

// String returns the amount in decimals, at least two of them and none more that
// says nothing: "0.00", "12.50", "-0.0001234".
func (m Money) String() string {
	var room [24]byte // for the longest
	return string(m.append(room[:0]))
}

func (m Money) append(b []byte) []byte {
	amount := uint64(m)
	if m < 0 {
		b, amount = append(b, '-'), -amount
	}
	b = append(strconv.AppendUint(b, amount/unit, 10), '.')
	rest, place := amount%unit, uint64(unit/10)
	for n := 0; n < 2 || rest > 0; n++ {
		b = append(b, '0'+byte(rest/place))
		rest, place = rest%place, place/10
	}
	return b
}

// ParseMoney reads an amount: digits, and up to nine decimals after a point, with a
// minus before it where it is negative. It takes "5", "5.00" and "-0.25", and no
// other sign, no exponent, no space and nothing that does not fit.
func ParseMoney(s string) (Money, error) {
	m, err := parseMoney(s)
	if err != nil {
		return 0, fmt.Errorf("price: %w", err)
	}
	return m, nil
}

// parseMoney is ParseMoney whose error does not say where it comes from.
func parseMoney(s string) (Money, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !allDigits(whole) || point && !allDigits(fraction) || len(fraction) > decimals {
		return 0, fmt.Errorf("%s is no amount of money; want digits such as 5 or 12.50, with a minus if it is negative and up to %d decimals", quote(s), decimals)
	}
	n, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	most := uint64(math.MaxInt64)
	if negative {
		most++
	}
	if err != nil || n > most {
		return 0, fmt.Errorf("%s is too much money; want %v to %v", quote(s), Money(math.MinInt64), Money(math.MaxInt64))
	}
	if negative {
		n = -n
	}
	return Money(n), nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// quote returns s for an error's text, cut where it is long.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}

// MarshalJSON returns the amount as a number with its exact decimals.
func (m Money) MarshalJSON() ([]byte, error) { return m.append(nil), nil }

// UnmarshalJSON reads a number, or text that is one, as [ParseMoney] does: exactly,
// or not at all. A null changes nothing.
func (m *Money) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) > 1 && b[0] == '"' && b[len(b)-1] == '"' { // the keys of a map come so
		b = b[1 : len(b)-1]
	}
	return m.UnmarshalText(b)
}

// MarshalText returns what String does.
func (m Money) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads an amount as [ParseMoney] does.
func (m *Money) UnmarshalText(b []byte) error {
	parsed, err := ParseMoney(string(b))
	if err == nil {
		*m = parsed
	}
	return err
}
