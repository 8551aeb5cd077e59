package similar

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// abbreviations end in a dot that is no stop.
var abbreviations = set(`mr mrs ms dr prof vs etc e.g i.e a.m p.m approx inc ltd jr sr st fig`)

// chunk reads what stands between white space: brackets and marks around a core.
func (sc *scanner) chunk(s string) {
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '¿' || r == '¡':
		case r == '(' || r == '[' || r == '{':
			sc.add(symbol, s[:n], s[:n])
		case len(s) == n || strings.ContainsRune(",;，、；。！？", r) || strings.Trim(s, ".!?:;,…") == "":
			if !sc.punctuation(r) {
				sc.core(s)
				return
			}
		default:
			sc.core(s)
			return
		}
		s = s[n:]
	}
}

// punctuation notes a mark, and reports whether it was one.
func (sc *scanner) punctuation(r rune) bool {
	switch r {
	case ',', '，', '、':
		sc.comma()
	case '.', ';', '。', '；', '।':
		sc.stop('.')
	case '!', '！':
		sc.stop('!')
	case '…':
		sc.stop('~')
	case ':', '：':
		sc.stop(':')
	case '?', '？', '؟':
		sc.stop('?')
	case '—':
		sc.sep = dash
	case '-', '–':
		return sc.dash()
	case '*', '•', '·':
		if !sc.fresh {
			return false
		}
		sc.stop('.')
	default:
		return false
	}
	return true
}

// dash notes a dash between words, and the sign of an item of a list. Beside a
// number or a single letter it is an operator.
func (sc *scanner) dash() bool {
	if n := len(sc.tokens); n > 0 && !sc.fresh {
		if last := sc.tokens[n-1]; last.kind != word && last.kind != quote || len(last.key) == 1 {
			return false
		}
		if sc.sep == none && !sc.spaced {
			return false
		}
		sc.sep = dash
		return true
	}
	sc.stop('.')
	return true
}

// core reads a chunk without what opens it.
func (sc *scanner) core(s string) {
	body := strings.TrimRightFunc(s, func(r rune) bool { return strings.ContainsRune(".,;:!?…，、；。！？：।؟", r) })
	tail := s[len(body):]
	for open := unopened(body); open > 0 && body != "" && strings.ContainsRune(")]}", rune(body[len(body)-1])); open-- {
		body = strings.TrimRight(body[:len(body)-1], ".,;:!?")
		tail = s[len(body):]
	}
	if strings.HasPrefix(tail, "!") && (isNumber(body) || utf8.RuneCountInString(body) == 1 && body != "I") {
		body, tail = body+"!", tail[1:] // a factorial
	}
	if body == "" {
		sc.add(symbol, s, s)
		return
	}
	sc.body(body)
	if strings.HasPrefix(tail, ".") && abbreviations[strings.ToLower(body)] {
		tail = tail[1:]
	}
	tail = strings.ReplaceAll(tail, "...", "…")
	for _, r := range tail {
		if !sc.punctuation(r) {
			sc.add(symbol, string(r), string(r))
		}
	}
}

// unopened returns how many brackets close more than open.
func unopened(s string) int {
	open := strings.Count(s, "(") + strings.Count(s, "[") + strings.Count(s, "{")
	return strings.Count(s, ")") + strings.Count(s, "]") + strings.Count(s, "}") - open
}

func (sc *scanner) body(s string) {
	switch {
	case isWord(s):
		sc.words(s)
	case isNumber(s):
		sc.add(number, s, s)
	case strings.EqualFold(s, "a.m") || strings.EqualFold(s, "p.m") || strings.EqualFold(s, "e.g") || strings.EqualFold(s, "i.e"):
		sc.add(word, strings.ReplaceAll(strings.ToLower(s), ".", ""), strings.ReplaceAll(s, ".", ""))
	case sc.counted(s):
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		sc.add(literal, strings.ReplaceAll(s, "–", "-"), s)
	default:
		sc.add(symbol, s, s)
	}
}

// counted adds a number and its unit without the hyphen between them: "3-day",
// "three-day".
func (sc *scanner) counted(s string) bool {
	n, unit, _ := strings.Cut(s, "-")
	spelled := cardinals[strings.ToLower(n)] > 0
	if units[unit] == "" || len(unit) < 3 || strings.HasPrefix(unit, "second") || !spelled && strings.Trim(n, "0123456789") != "" || n == "" {
		return false
	}
	if spelled {
		sc.add(word, strings.ToLower(n), n)
	} else {
		sc.add(number, n, n)
	}
	sc.spaced = true
	sc.add(word, unit, unit)
	return true
}

// words adds a word, or the parts of one whose hyphens mean nothing.
func (sc *scanner) words(s string) {
	if sc.counted(s) {
		return
	}
	lower := strings.ToLower(s)
	if !strings.Contains(s, "-") || !openCompounds[lower] {
		sc.add(word, lower, s)
		return
	}
	for _, part := range strings.Split(s, "-") {
		sc.add(word, strings.ToLower(part), part)
		sc.spaced = true
	}
}
