package llmsim

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// summarise shortens the points that were made before. If there are none it
// makes its own.
func (c *Call) summarise(t task, document string) string {
	said := c.saidPoints()
	if len(said) == 0 {
		said = listed(document)
	}
	if len(said) == 0 {
		n := t.count
		if n == 0 {
			n = max(4, 3*t.paragraphs)
		}
		said = important(document, n)
	}
	short := distinct(said)
	if t.count > 0 && len(short) > t.count {
		short = short[:t.count]
	}
	for i, s := range short {
		short[i] = shorten(s)
	}
	if t.asList {
		return list(short, true)
	}
	return compose(short, t.paragraphs)
}

// saidPoints returns the points in what the assistant said.
func (c *Call) saidPoints() []string {
	var out []string
	for _, m := range c.Messages {
		if m.Role != "assistant" {
			continue
		}
		items := listed(m.Text)
		if len(items) == 0 {
			items = sentences(m.Text)
		}
		out = append(out, items...)
	}
	return out
}

// listed returns the items of text, if it is a list for the most part.
func listed(text string) []string {
	var items []string
	size, all := 0, 0
	for _, p := range paragraphs(text) {
		all += len(p.text)
		if p.item {
			items = append(items, p.text)
			size += len(p.text)
		}
	}
	if len(items) < 2 || 2*size < all {
		return nil
	}
	return items
}

// distinct leaves out points that repeat an earlier one.
func distinct(points []string) []string {
	terms, _ := termsOf(points)
	var out []string
	for i, p := range points {
		repeats := false
		for j := range i {
			repeats = repeats || similar(terms[i], terms[j])
		}
		if !repeats {
			out = append(out, p)
		}
	}
	return out
}

// compose puts sentences into n paragraphs of about the same number.
func compose(sentences []string, n int) string {
	n = max(1, min(n, len(sentences)))
	out := make([]string, n)
	for i := range out {
		out[i] = strings.Join(sentences[i*len(sentences)/n:(i+1)*len(sentences)/n], " ")
	}
	return strings.Join(out, "\n\n")
}

// fewestWords is how many words a shortened sentence keeps.
const fewestWords = 6

// openers lead into a sentence and can go.
var openers = []string{
	"However, ", "Moreover, ", "Furthermore, ", "In addition, ", "For example, ", "For instance, ", "Therefore, ", "Thus, ",
	"Hence, ", "Nevertheless, ", "In fact, ", "Indeed, ", "Finally, ", "And ", "But ", "Also, ", "As a result, ", "Of course, ",
}

// clauses begin a part of a sentence that it can do without.
var clauses = []string{
	", which ", ", who ", ", whose ", ", where ", ", although ", ", though ", ", because ", ", since ", ", while ", ", whereas ",
	", so that ", ", such as ", ", including ", ", for example", ", even if ", ", as well as ",
}

// shorten drops what a sentence can do without: parentheses, what only leads
// into it, subordinate clauses, and what comes after a semicolon or a dash.
func shorten(s string) string {
	s = dropBrackets(s)
	for _, o := range openers {
		s = strings.TrimPrefix(s, o)
	}
	for _, mark := range []string{"; ", " — ", " – ", " -- ", "--"} {
		if head, _, ok := strings.Cut(s, mark); ok && words(head) >= fewestWords {
			s = head
		}
	}
	for _, c := range clauses {
		s = dropClause(s, c)
	}
	return polish(s)
}

// dropBrackets drops parentheses and square brackets with what is in them.
func dropBrackets(s string) string {
	if strings.Count(s, "(") != strings.Count(s, ")") || strings.Count(s, "[") != strings.Count(s, "]") {
		return s
	}
	var b strings.Builder
	depth := 0
	for _, r := range s {
		switch r {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		default:
			if depth <= 0 {
				b.WriteRune(r)
			}
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// dropClause drops the clause that begins with opening, up to the next comma
// or the end, if enough is left.
func dropClause(s, opening string) string {
	head, tail, ok := strings.Cut(s, opening)
	if !ok {
		return s
	}
	rest := ""
	if _, after, ok := strings.Cut(tail, ", "); ok {
		rest = " " + after
	}
	if words(head+rest) < fewestWords || strings.HasPrefix(rest, " and ") || strings.HasPrefix(rest, " or ") {
		return s // the rest may belong to the clause
	}
	return head + rest
}

func words(s string) int { return len(strings.Fields(s)) }

// polish makes a sentence of s: a capital, a full stop, no space before marks.
func polish(s string) string {
	s = strings.NewReplacer(" ,", ",", " .", ".", " ;", ";", " :", ":").Replace(strings.TrimSpace(s))
	s = strings.TrimRight(s, ",;: ")
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	s = string(unicode.ToUpper(first)) + s[size:]
	if last, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(s, isCloser)); !isEnd(last) {
		s += "."
	}
	return s
}
