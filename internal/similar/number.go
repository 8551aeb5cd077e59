package similar

import (
	"strconv"
	"strings"
)

// isNumber reports whether s is a number with a sign, a currency, a percent sign, a
// unit or the ending of an ordinal. A version such as 1.2.3 is none.
func isNumber(s string) bool {
	digits, unit := numberOf(s)
	return digits != "" && strings.Count(digits, ".") <= 1 && (unit == "" || len(unit) <= 8 && !strings.ContainsAny(unit, "-0123456789=(){}[]<>;|\\_@#&:"))
}

var currencies = []struct{ sign, unit string }{{"US$", "usd"}, {"$", "$"}, {"€", "eur"}, {"£", "£"}, {"¥", "¥"}, {"₹", "₹"}}

// numberOf parts a number as it was written from its unit.
func numberOf(s string) (digits, unit string) {
	sign := ""
	if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		sign, s = s[:1], s[1:]
	}
	for _, c := range currencies {
		if rest, ok := strings.CutPrefix(s, c.sign); ok {
			s, unit = rest, c.unit
			break
		}
	}
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end > 0 && (s[end] == '.' || s[end] == ',') && end+1 < len(s) && s[end+1] >= '0' && s[end+1] <= '9') {
		end++
	}
	if end == 0 {
		return "", ""
	}
	digits = sign + plainDigits(s[:end])
	if rest := strings.ToLower(s[end:]); unit == "" && (rest == "st" || rest == "nd" || rest == "rd" || rest == "th") {
		return digits + rest, ""
	}
	if rest := s[end:]; rest == "s" && len(digits) == 4 {
		return digits, "decade"
	}
	if rest := s[end:]; rest != "" {
		if unit != "" {
			unit += " "
		}
		unit += unitOf(rest)
	}
	return digits, unit
}

// plainDigits takes the commas out of 1,234,567. Any other comma may be a decimal
// one, and stays.
func plainDigits(s string) string {
	whole, _, _ := strings.Cut(s, ".")
	groups := strings.Split(whole, ",")
	for i, g := range groups {
		if i == 0 && (len(g) > 3 || g == "0") || i > 0 && len(g) != 3 {
			return s
		}
	}
	if len(groups) == 1 {
		return s
	}
	return strings.Join(groups, "") + s[len(whole):]
}

// unitOf brings a unit to one form. Case matters where it does in physics: Mb is
// not MB. What is no known unit stays as it is.
func unitOf(s string) string {
	if u, ok := units[s]; ok {
		return u
	}
	if u, ok := units[strings.ToLower(s)]; ok && (len(s) > 3 || foldedUnits[u]) {
		return u
	}
	return s
}

// numbers brings numbers to one form: words to digits, with the unit that follows
// and the bound that stands before them.
func (s *sentence) numbers() {
	out := s.tokens[:0] // never longer than what was read
	for i := 0; i < len(s.tokens); {
		t := s.tokens[i]
		n := 1
		value, unit := "", ""
		switch {
		case t.kind == number && t.foreign:
		case t.kind == number:
			value, unit = numberOf(t.raw)
			if i > 0 && s.tokens[i-1].kind == symbol && !t.spaced && strings.Contains(t.raw, ",") {
				value, unit = t.raw, "" // (1,234) may be two numbers
			}
			value, n = s.scaled(i, value, unit)
		case t.kind == word && !t.foreign && !t.exact:
			value, n = s.spelled(i)
		}
		if value == "" {
			out = append(out, t)
			i++
			continue
		}
		if unit == "" || unit == "$" || unit == "£" {
			if u, more := s.unitAt(i + n); more > 0 {
				unit, n = strings.TrimSpace(unit+" "+u), n+more
			}
		}
		out, t = bounded(out, t)
		t.kind, t.key = number, strings.TrimSpace(t.key+value+" "+unit)
		t.raw = strings.TrimSpace(t.raw + " " + rawOf(s.tokens[i:i+n]))
		t.end = s.tokens[i+n-1].end
		out = append(out, t)
		i += n
	}
	s.tokens = out
}

// rawOf writes tokens as they were written, but for the space between them.
func rawOf(tokens []token) string {
	parts := make([]string, len(tokens))
	for i, t := range tokens {
		parts[i] = t.raw
	}
	return strings.Join(parts, " ")
}

// scaled takes in the word after digits: 5 thousand is 5000.
func (s *sentence) scaled(i int, value, unit string) (string, int) {
	if i+1 < len(s.tokens) && (unit == "" || unit == "$" || unit == "eur" || unit == "£") && s.follows(i+1) {
		if zeros := scales[s.tokens[i+1].key]; zeros > 0 {
			return shift(value, zeros), 2
		}
	}
	return value, 1
}

func (s *sentence) follows(i int) bool {
	return i < len(s.tokens) && s.tokens[i].kind == word && s.tokens[i].sep == none && !s.tokens[i].exact
}

// shift multiplies a decimal by a power of ten.
func shift(value string, zeros int) string {
	whole, part, _ := strings.Cut(value, ".")
	if strings.Contains(value, ",") || len(part) > zeros {
		return value + "e" + strconv.Itoa(zeros)
	}
	out := strings.TrimLeft(whole+part+strings.Repeat("0", zeros-len(part)), "0")
	if out == "" {
		return "0"
	}
	return out
}

// spelled reads a number in words, or an ordinal, and returns how many words it took.
func (s *sentence) spelled(i int) (string, int) {
	key := s.tokens[i].key
	if s.tokens[i].name() && (i == 0 || !romanAfter[s.tokens[i-1].key]) {
		return "", 1 // Sixth Avenue
	}
	if roman := s.romanAt(i); roman != "" {
		return roman, 1
	}
	if o := ordinals[key]; o != "" && !s.isTime(i) {
		return o, 1
	}
	if key == "a" || key == "an" {
		if s.follows(i+1) && (scales[s.tokens[i+1].key] > 0 || s.tokens[i+1].key == "dozen") && !s.isWordOf(i-1, "half", "quarter") {
			value, n := s.amount(i+1, 1)
			return value, n + 1
		}
		return "", 1
	}
	if key == "one" && (s.isWordOf(i-1, "no", "any", "every", "some", "which", "the", "this", "that", "each", "another") || !s.follows(i+1) || hollow[s.tokens[i+1].key] || s.tokens[i+1].key == "another") {
		return "", 1
	}
	if fractions[key] {
		return key, 1
	}
	if _, ok := cardinals[key]; ok {
		return s.amount(i, 0)
	}
	if _, ok := cardinals[strings.SplitN(key, "-", 2)[0]]; ok && strings.Contains(key, "-") {
		return s.amount(i, 0)
	}
	return "", 1
}

// amount adds up words such as "two hundred and twenty-one thousand".
func (s *sentence) amount(i, start int) (string, int) {
	total, part, n, last := 0, start, 0, 1<<30
	for ; s.follows(i+n) || n == 0; n++ {
		key := s.tokens[i+n].key
		if key == "and" && n > 0 && last == 100 && s.follows(i+n+1) && cardinals[s.tokens[i+n+1].key] > 0 {
			continue
		}
		v, ok := cardinals[key]
		if tens, ones, cut := strings.Cut(key, "-"); cut {
			v, ok = cardinals[tens]+cardinals[ones], cardinals[tens] >= 20 && cardinals[ones] > 0 && cardinals[ones] < 10
		}
		zeros := scales[key]
		switch {
		case key == "hundred" && last >= 1 && (part < 100 && part > 0):
			part, last = part*100, 100
		case zeros > 2 && part > 0:
			total, part, last = total+part*pow10(zeros), 0, 1<<30
		case key == "dozen" && n <= 1:
			return strconv.Itoa(12 * max(part, 1)), n + 1
		case ok && v < last && (last == 1<<30 || last == 100 || last >= 20 && v < 10):
			part, last = part+v, v
		default:
			if n == 0 {
				return "", 1
			}
			return strconv.Itoa(total + part), n
		}
	}
	return strconv.Itoa(total + part), n
}

func pow10(n int) int {
	out := 1
	for range n {
		out *= 10
	}
	return out
}

// romanAt reads a roman numeral after a word such as "chapter".
func (s *sentence) romanAt(i int) string {
	if i == 0 || s.tokens[i].sep != none || !romanAfter[s.tokens[i-1].key] {
		return ""
	}
	if s.tokens[i].key == "i" && !romanOne[s.tokens[i-1].key] {
		return ""
	}
	if n := roman(s.tokens[i].key); n > 0 {
		return strconv.Itoa(n)
	}
	return ""
}

func roman(s string) int {
	values := map[byte]int{'i': 1, 'v': 5, 'x': 10, 'l': 50, 'c': 100}
	total := 0
	for i := range len(s) {
		v := values[s[i]]
		if v == 0 || len(s) > 8 || s == "l" || s == "c" {
			return 0
		}
		if i+1 < len(s) && v < values[s[i+1]] {
			v = -v
		}
		total += v
	}
	return total
}

// unitAt reads the unit that follows a number, and how many words it takes.
func (s *sentence) unitAt(i int) (string, int) {
	if i >= len(s.tokens) || s.tokens[i].sep != none || s.tokens[i].exact && s.tokens[i].kind == word {
		return "", 0
	}
	t := s.tokens[i]
	if t.kind == symbol && t.raw == "%" {
		return "%", 1
	}
	if t.kind != word && t.kind != literal {
		return "", 0
	}
	if t.key == "per" && s.isWordOf(i+1, "cent") {
		return "%", 2
	}
	if t.key == "percentage" && s.isWordOf(i+1, "point", "points") {
		return "pp", 2
	}
	if t.key == "basis" && s.isWordOf(i+1, "point", "points") {
		return "bps", 2
	}
	if u := unitOf(t.raw); u != t.raw || units[t.raw] != "" {
		return u, 1
	}
	return "", 0
}

// isTime tells the second of a clock from the second in a row.
func (s *sentence) isTime(i int) bool {
	return s.tokens[i].key == "second" && s.isWordOf(i-1, "a", "per", "each", "every", "one")
}

// bounded takes a bound such as "at most" from the end of out into the number.
func bounded(out []token, t token) ([]token, token) {
	t.key, t.raw = "", ""
	for size := 3; size > 0; size-- {
		if len(out) < size {
			continue
		}
		tail := out[len(out)-size:]
		var words []string
		for i := range tail {
			if tail[i].kind == word && (i == 0 || tail[i].sep == none) {
				words = append(words, tail[i].key)
			}
		}
		if b := bounds[strings.Join(words, " ")]; b != "" && len(words) == size && t.sep == none {
			t.key, t.raw = b+" ", rawOf(tail)
			t.sep, t.first, t.spaced = tail[0].sep, tail[0].first, tail[0].spaced
			return out[:len(out)-size], t
		}
	}
	return out, t
}
