package similar

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	isoDate   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	someDate  = regexp.MustCompile(`^\d{1,4}[/.]\d{1,2}[/.]\d{2,4}$|^\d{1,2}-\d{1,2}-\d{2,4}$`)
	clockTime = regexp.MustCompile(`^(\d{1,2}):(\d{2}(?::\d{2})?)(am|pm|AM|PM)?$`)
)

// dates brings days and times of day to one form. A date such as 3/4/2026 means one
// day here and another there, so it stays as it is.
func (s *sentence) dates() {
	out := s.tokens[:0]
	for i := 0; i < len(s.tokens); {
		key, n := s.dateAt(i)
		if n == 0 {
			out = append(out, s.tokens[i])
			i++
			continue
		}
		t := s.tokens[i]
		t.raw = rawOf(s.tokens[i : i+n])
		t.kind, t.key, t.end = date, key, s.tokens[i+n-1].end
		out = append(out, t)
		i += n
	}
	s.tokens = out
}

// dateAt reads a date or a time, and returns how many tokens it took.
func (s *sentence) dateAt(i int) (string, int) {
	t := &s.tokens[i]
	switch t.kind {
	case literal:
		if isoDate.MatchString(t.raw) || someDate.MatchString(t.raw) {
			return t.raw, 1
		}
		return s.clockAt(i)
	case number:
		if hour, half, ok := strings.Cut(t.key, " "); ok && (half == "am" || half == "pm") {
			return clock(hour, "00", half), 1
		}
		return s.dayFirst(i)
	case word:
		if t.exact {
			return "", 0
		}
		return s.named(i)
	}
	return "", 0
}

func (s *sentence) clockAt(i int) (string, int) {
	m := clockTime.FindStringSubmatch(s.tokens[i].raw)
	if m == nil {
		return "", 0
	}
	half, n := strings.ToLower(m[3]), 1
	if half == "" && s.isWordOf(i+1, "am", "pm") && s.tokens[i+1].sep == none {
		half, n = s.tokens[i+1].key, 2
	}
	return clock(m[1], m[2], half), n
}

// clock writes a time of day with 24 hours.
func clock(hour, rest, half string) string {
	h, err := strconv.Atoi(hour)
	if err != nil || h > 24 || half != "" && (h < 1 || h > 12) {
		return strings.TrimSpace(hour + ":" + rest + " " + half)
	}
	switch half {
	case "am":
		h %= 12
	case "pm":
		h = h%12 + 12
	}
	return fmt.Sprintf("%02d:%s", h, rest)
}

// dayFirst reads "4 March 2026" and "4th of March".
func (s *sentence) dayFirst(i int) (string, int) {
	day := dayOf(s.tokens[i].key)
	n := 1
	if s.isWordOf(i+1, "of") {
		n = 2
	}
	month := s.month(i+n, true)
	if day == 0 || month == 0 {
		return "", 0
	}
	n++
	if year := s.year(i + n); year != "" {
		return fmt.Sprintf("%s-%02d-%02d", year, month, day), n + 1
	}
	return fmt.Sprintf("%02d-%02d", month, day), n
}

// named reads what begins with a word: "March 4, 2026", "next week", "Monday".
func (s *sentence) named(i int) (string, int) {
	key := s.tokens[i].key
	if pointing[key] && i+1 < len(s.tokens) && s.tokens[i+1].sep == none {
		if next := s.tokens[i+1]; next.kind == word && (periods[next.key] || weekdays[next.key] || s.month(i+1, false) > 0) {
			return key + " " + next.key, 2
		}
	}
	if weekdays[key] || days[key] {
		return key, 1
	}
	if month := s.month(i, true); month > 0 && i+1 < len(s.tokens) && s.tokens[i+1].kind == number {
		if year := s.year(i + 1); year != "" {
			return fmt.Sprintf("%s-%02d", year, month), 2
		}
		if day := dayOf(s.tokens[i+1].key); day > 0 && s.tokens[i+1].sep == none {
			if year := s.year(i + 2); year != "" {
				return fmt.Sprintf("%s-%02d-%02d", year, month, day), 3
			}
			return fmt.Sprintf("%02d-%02d", month, day), 2
		}
	}
	if month := s.month(i, false); month > 0 {
		return fmt.Sprintf("month %d", month), 1
	}
	return "", 0
}

// month returns the month that a word names, 0 if it names none. A word that may
// mean something else must be written as a name; so must an abbreviation, and it
// needs a number beside it.
func (s *sentence) month(i int, beside bool) int {
	if i >= len(s.tokens) || s.tokens[i].kind != word {
		return 0
	}
	t := &s.tokens[i]
	m := months[t.key]
	named := t.letters != small && (!t.first || beside)
	if ambiguousMonths[t.key] && !named || len(t.key) < 5 && t.key != "may" && t.key != "june" && t.key != "july" && (!beside || !named) {
		return 0
	}
	return m
}

// year returns a number of four digits, after a comma or none.
func (s *sentence) year(i int) string {
	if i >= len(s.tokens) || s.tokens[i].kind != number || s.tokens[i].sep > comma || len(s.tokens[i].key) != 4 {
		return ""
	}
	if n, err := strconv.Atoi(s.tokens[i].key); err != nil || n < 1000 || n > 2999 {
		return ""
	}
	return s.tokens[i].key
}

func dayOf(key string) int {
	for _, end := range []string{"st", "nd", "rd", "th"} {
		key = strings.TrimSuffix(key, end)
	}
	n, err := strconv.Atoi(key)
	if err != nil || n < 1 || n > 31 || len(key) > 2 {
		return 0
	}
	return n
}
