package cli

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// columns is how many columns of a terminal s takes.
func columns(s string) int {
	if isPlain(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

// isPlain reports whether s is printable ASCII, as most of what is printed is.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana),
		r >= 0x3000 && r <= 0x303f, r >= 0xff00 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff:
		return 2
	}
	return 1
}

// clip cuts s to a number of columns and says with a mark that it did.
func clip(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	if width <= 1 {
		return strings.Repeat("…", max(width, 0))
	}
	head, _ := cut(s, width-1)
	return head + "…"
}

// clipMiddle is clip that leaves the beginning and the end of s.
func clipMiddle(s string, width int) string {
	if columns(s) <= width || width < 3 {
		return clip(s, width)
	}
	head, rest := cut(s, width/2)
	for columns(rest) > width-1-columns(head) {
		_, n := utf8.DecodeRuneInString(rest)
		rest = rest[n:]
	}
	return head + "…" + rest
}

// cut divides s after the given number of columns, at least one rune.
func cut(s string, width int) (head, tail string) {
	used := 0
	for i, r := range s {
		if used += runeColumns(r); used > width && i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// pad fills s with spaces to a number of columns.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-columns(s), 0))
}

// wrap breaks text into lines of at most width columns. Paragraphs are kept
// apart by one empty line; a word that is wider than a line is divided.
func wrap(text string, width int) []string {
	width = max(width, 1)
	var lines []string
	for _, paragraph := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		words := strings.Fields(printable(paragraph))
		if len(words) == 0 {
			continue
		}
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, fill(words, width)...)
	}
	return lines
}

func fill(words []string, width int) (lines []string) {
	line := ""
	for _, w := range words {
		if line != "" && columns(line)+1+columns(w) <= width {
			line += " " + w
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for columns(w) > width {
			var head string
			head, w = cut(w, width)
			lines = append(lines, head)
		}
		line = w
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// printable replaces what would command the terminal, and every white space, by
// spaces.
func printable(s string) string {
	if isPlain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) || isDirection(r) {
			return ' '
		}
		return r
	}, s)
}

// isDirection reports whether r turns the direction of the text around it, with
// which a line can be made to look like another one.
func isDirection(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// thousands writes a number with a comma after every third digit.
func thousands[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural writes a number and what it counts: "1 call", "2 calls".
func plural[N int | int64](n N, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "ch"):
		return thousands(n) + " " + one + "es"
	case strings.HasSuffix(one, "y"):
		return thousands(n) + " " + strings.TrimSuffix(one, "y") + "ies"
	}
	return thousands(n) + " " + one + "s"
}

// seconds writes a duration as seconds with one decimal.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

// decimal writes a number with few decimals, as short as it can be.
func decimal(x float64) string {
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	if x >= 1000 {
		return thousands(int64(x))
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}
