package similar

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner cuts a text into tokens. It loses nothing that could matter: what it does
// not understand becomes a token that must be the same on both sides. What it drops
// is white space, the kind of a stop, and which pair of marks a quotation stands in.
type scanner struct {
	text   string
	tokens []token
	sep    separator
	spaced bool
	fresh  bool         // nothing stands before it in its line
	line   int          // where the line that is being read began
	end    int          // of the paragraph that is being read
	open   map[rune]int // marks that nothing closes up to a place
}

// oneForm takes out what cannot be seen, and writes marks inside words in one way.
var oneForm = strings.NewReplacer("\u200b", "", "\ufeff", "", "\u00ad", "", "’", "'", "\u02bc", "'", "\u2011", "-", "\u2212", "-")

func scan(s string) []token {
	const bytes = 5 // of a word and its space
	sc := scanner{tokens: make([]token, 0, len(s)/bytes+1)}
	var prose []string
	flush := func() {
		if len(prose) > 0 {
			sc.prose(strings.Join(prose, "\n"))
			prose = prose[:0]
		}
		sc.stop('\n')
	}
	lines := dedent(strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n"))
	for i := 0; i < len(lines); i++ {
		switch fence := fenceOf(lines[i]); {
		case fence != "":
			flush()
			from := i
			for i++; i < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[i]), fence); i++ {
			}
			language := strings.TrimLeft(strings.TrimSpace(lines[from]), "`~ ")
			block := strings.Join(lines[from+1:min(i, len(lines))], "\n")
			sc.add(code, language+"\n"+block, block)
			sc.stop('\n')
		case indented(lines[i]):
			flush()
			from := i
			for i+1 < len(lines) && (indented(lines[i+1]) || strings.TrimSpace(lines[i+1]) == "" && i+2 < len(lines) && indented(lines[i+2])) {
				i++
			}
			block := strings.Join(lines[from:i+1], "\n")
			sc.add(code, block, block)
			sc.stop('\n')
		default:
			prose = append(prose, lines[i])
		}
	}
	flush()
	return sc.tokens
}

// fenceOf returns the marks that open a block of code, or "".
func fenceOf(line string) string {
	line = strings.TrimSpace(line)
	for _, c := range []string{"`", "~"} {
		if n := len(line) - len(strings.TrimLeft(line, c)); n >= 3 && !strings.Contains(line[n:], c) {
			return line[:n]
		}
	}
	return ""
}

// dedent takes away the indentation that all lines share.
func dedent(lines []string) []string {
	shared := ""
	for i, n := 0, 0; i < len(lines); i++ {
		line := lines[i]
		if strings.TrimSpace(line) == "" {
			continue
		}
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if n++; n == 1 {
			shared = indent
		}
		for !strings.HasPrefix(indent, shared) {
			shared = shared[:len(shared)-1]
		}
	}
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = strings.TrimPrefix(line, shared)
	}
	return out
}

// indented reports whether the indentation of a line may mean something: in code,
// in YAML, in a list within a list.
func indented(line string) bool {
	return strings.TrimSpace(line) != "" && (strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t"))
}

func (sc *scanner) add(k kind, key, raw string) {
	sc.tokens = append(sc.tokens, token{kind: k, key: key, raw: raw, sep: sc.sep, spaced: sc.spaced || sc.sep != none})
	sc.sep, sc.spaced, sc.fresh = none, false, false
}

// stop notes a mark that ends a sentence, a clause, a line or a paragraph.
func (sc *scanner) stop(mark byte) {
	switch {
	case mark == ':':
		sc.sep = colon
	case mark != '\n' || sc.sep < stop:
		sc.sep = stop
	}
	if n := len(sc.tokens); n > 0 && (sc.tokens[n-1].end == 0 || sc.tokens[n-1].end == '\n' || mark == '?' || mark == '!' && sc.tokens[n-1].end != '?') {
		sc.tokens[n-1].end = mark
	}
}

func (sc *scanner) comma() { sc.sep = max(sc.sep, comma) }

func (sc *scanner) prose(s string) {
	sc.fresh = true
	sc.text, sc.line, sc.end, sc.open = s, 0, 0, map[rune]int{}
	for at := 0; at < len(s); {
		r, n := utf8.DecodeRuneInString(s[at:])
		if unicode.IsSpace(r) {
			at = sc.space(at)
			continue
		}
		if text, end := sc.quoted(at); end > at {
			k, key := quote, "\""+text
			switch {
			case r == '`':
				k, key = code, text
			case strings.ContainsRune("'‘‹『", r):
				key = "'" + text
			}
			sc.add(k, key, s[at:end])
			at = end
			continue
		}
		if alone(r) {
			sc.add(word, s[at:at+n], s[at:at+n])
			at += n
			continue
		}
		end := chunkEnd(s, at)
		if minus(s[at:end], s[end:]) {
			sc.add(symbol, "-", "-")
			at = end
			continue
		}
		sc.chunk(oneForm.Replace(s[at:end]))
		at = end
	}
}

// minus reports whether a dash stands before a number.
func minus(dash, after string) bool {
	after = strings.TrimLeft(after, " ")
	return (dash == "-" || dash == "–") && after != "" && strings.ContainsRune("0123456789.$€£", []rune(after[:min(4, len(after))])[0])
}

// space passes white space. A line break is one unless the line goes on below.
func (sc *scanner) space(at int) int {
	end := at
	breaks := 0
	for end < len(sc.text) {
		r, n := utf8.DecodeRuneInString(sc.text[end:])
		if !unicode.IsSpace(r) {
			break
		}
		if r == '\n' {
			breaks++
		}
		end += n
	}
	sc.spaced = true
	if breaks == 0 {
		return end
	}
	sc.fresh = true
	next, _ := utf8.DecodeRuneInString(sc.text[end:])
	if breaks > 1 || !unicode.IsLower(next) || !running(sc.text[sc.line:at]) {
		sc.stop('\n')
	}
	sc.line = end
	return end
}

// running reports whether a line may go on in the next one: it is neither short nor
// part of a table or of code.
func running(line string) bool {
	const words = 3
	if strings.ContainsAny(line, "|=<>{}[]();\t") {
		return false
	}
	fields := strings.Fields(line)
	for _, f := range fields {
		if i := strings.IndexAny(f, ",:"); i >= 0 && i < len(f)-1 {
			return false
		}
	}
	return len(fields) >= words
}

// quotes are the marks that open a quotation, and what closes it.
var quotes = map[rune]string{'"': "\"", '“': "”", '„': "“”", '«': "»", '‹': "›", '‘': "’'", '\'': "'", '`': "`", '「': "」", '『': "』"}

// quoted returns the text between quotation marks that open at a place, and where
// it ends; the same place if none does. A quotation ends within its paragraph.
func (sc *scanner) quoted(at int) (string, int) {
	s := sc.text
	r, n := utf8.DecodeRuneInString(s[at:])
	closing, ok := quotes[r]
	if !ok || at < sc.open[r] {
		return "", at
	}
	before, _ := utf8.DecodeLastRuneInString(s[:at])
	if at > 0 && (unicode.IsLetter(before) || unicode.IsDigit(before)) && (r == '"' || r == '\'' || r == '`') {
		return "", at // an apostrophe, or inches
	}
	if r == '`' {
		return sc.ticked(at)
	}
	if at >= sc.end {
		sc.end = len(s)
		if i := strings.Index(s[at:], "\n\n"); i >= 0 {
			sc.end = at + i
		}
	}
	for i := at + n; i < sc.end; {
		c, size := utf8.DecodeRuneInString(s[i:])
		if strings.ContainsRune(closing, c) && closes(s, i, size, c) {
			return s[at+n : i], i + size
		}
		i += size
	}
	sc.open[r] = sc.end
	return "", at
}

// ticked returns the text between backticks, as many on both sides.
func (sc *scanner) ticked(at int) (string, int) {
	rest := strings.TrimLeft(sc.text[at:], "`")
	from := len(sc.text) - len(rest)
	if end := strings.Index(rest, sc.text[at:from]); end > 0 {
		return rest[:end], from + end + from - at
	}
	sc.open['`'] = from
	if from == at+1 {
		sc.open['`'] = len(sc.text)
	}
	return "", at
}

// closes tells a closing mark from an apostrophe.
func closes(s string, at, size int, c rune) bool {
	if c != '\'' && c != '’' {
		return true
	}
	before, _ := utf8.DecodeLastRuneInString(s[:at])
	after, _ := utf8.DecodeRuneInString(s[at+size:])
	return !unicode.IsSpace(before) && !unicode.IsLetter(after) && !unicode.IsDigit(after)
}

// chunkEnd returns the end of a run without white space, dashes and opening quotes.
func chunkEnd(s string, at int) int {
	for end := at; end < len(s); {
		r, n := utf8.DecodeRuneInString(s[end:])
		if unicode.IsSpace(r) || alone(r) {
			return end
		}
		if end > at && (r == '“' || r == '«' || r == '„' || r == '`' || r == '"' && mayQuote(s, end)) {
			return end
		}
		if r == '—' || r == '…' {
			if end == at {
				return end + n
			}
			return end
		}
		end += n
	}
	return len(s)
}

// mayQuote reports whether a " inside a chunk may begin a quotation: after a bracket.
func mayQuote(s string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:at])
	return strings.ContainsRune("([{:,", before)
}
