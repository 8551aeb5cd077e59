package llmsim

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// longestSentence is where a text without full stops is cut, in words.
const longestSentence = 200

// paragraph is a run of lines without a blank one, or one item of a list.
type paragraph struct {
	text string // on one line, white space made single
	item bool   // it was an item of a list; its marker is dropped
}

// paragraphs splits text at blank lines and at the items of lists.
func paragraphs(text string) []paragraph {
	var out []paragraph
	var words []string
	item := false
	end := func() {
		if len(words) > 0 {
			out = append(out, paragraph{strings.Join(words, " "), item})
		}
		words, item = words[:0], false
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := cutMarker(line); ok {
			end()
			item, line = true, rest
		}
		if line == "" || line[0] == '#' {
			end()
		}
		words = append(words, strings.Fields(strings.TrimLeft(line, "#"))...)
		if strings.HasPrefix(line, "#") {
			end()
		}
	}
	end()
	return out
}

// cutMarker cuts the marker off an item of a list: "- ", "* ", "• ", "1. " or
// "1) ".
func cutMarker(line string) (rest string, ok bool) {
	marker, rest, ok := strings.Cut(line, " ")
	if !ok {
		return line, false
	}
	switch marker {
	case "-", "*", "•", "–":
		return strings.TrimSpace(rest), true
	}
	number := strings.TrimRight(marker, ".)")
	if len(marker) == len(number)+1 && len(number) > 0 && len(number) <= 3 && strings.Trim(number, "0123456789") == "" {
		return strings.TrimSpace(rest), true
	}
	return line, false
}

// sentences splits text into its sentences, each on one line. Headings are
// left out, unless there is nothing else.
func sentences(text string) []string {
	var out, headings []string
	for _, p := range paragraphs(text) {
		if !p.item && isHeading(p.text) {
			headings = append(headings, p.text)
			continue
		}
		out = append(out, splitSentences(p.text)...)
	}
	if len(out) == 0 {
		return headings
	}
	return out
}

// isHeading reports whether a paragraph is short and does not end as a
// sentence does.
func isHeading(p string) bool {
	last, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(p, isCloser))
	return !isEnd(last) && last != ':' && strings.Count(p, " ") < 12
}

// splitSentences splits one line.
func splitSentences(line string) []string {
	var out []string
	start, words := 0, 0
	for i, r := range line {
		if i < start {
			continue // in the quotes after a full stop
		}
		if r == ' ' {
			words++
		}
		if !isEnd(r) && (words < longestSentence || r != ' ') {
			continue
		}
		end := i + utf8.RuneLen(r)
		end = len(line) - len(strings.TrimLeftFunc(line[end:], isCloserOrEnd))
		if words < longestSentence && !endsHere(line[start:i], r, line[end:]) {
			continue
		}
		out = appendSentence(out, line[start:end])
		start, words = end, 0
	}
	return appendSentence(out, line[start:])
}

func appendSentence(out []string, s string) []string {
	if s = strings.TrimSpace(s); s != "" {
		out = append(out, s)
	}
	return out
}

// endsHere reports whether the mark r between before and after ends a
// sentence.
func endsHere(before string, r rune, after string) bool {
	if r > utf8.RuneSelf && r != '…' {
		return true // 。！？ need no space
	}
	if after == "" {
		return true
	}
	if after[0] != ' ' {
		return false // 3.14, example.com
	}
	next, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(after, isOpener))
	if unicode.IsLower(next) {
		return false
	}
	return r != '.' || !abbreviates(lastWord(before), strings.TrimLeftFunc(after, isOpener))
}

func lastWord(s string) string {
	return strings.TrimLeftFunc(s[strings.LastIndexByte(s, ' ')+1:], isOpener)
}

// abbreviations take a full stop that ends nothing. Those that end in "#" do
// so only before a number.
var abbreviations = set("mr mrs ms dr prof rev hon st sr jr gen col capt lt sgt gov sen rep pres mt ft messrs " +
	"e.g i.e cf viz vs approx ca al resp incl est inc ltd corp dept univ u.s u.k u.n " +
	"no# nos# fig# figs# eq# eqs# ch# chap# sec# sect# vol# vols# art# p# pp# prop# obs# exp# def# " +
	"jan# feb# mar# apr# jun# jul# aug# sep# sept# oct# nov# dec#")

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// starters begin a sentence rather than a name, beside the stop words.
var starters = set("a i an as at by he if in it my no of on or so to we")

// abbreviates reports whether the full stop after word belongs to it, given
// what follows.
func abbreviates(word, after string) bool {
	next, _ := utf8.DecodeRuneInString(after)
	if utf8.RuneCountInString(word) == 1 && word != "I" {
		r, _ := utf8.DecodeRuneInString(word)
		following, _, _ := strings.Cut(strings.ToLower(after), " ")
		return unicode.IsUpper(r) && !stopWords[following] && !starters[following] // an initial
	}
	word = strings.ToLower(word)
	return abbreviations[word] || abbreviations[word+"#"] && (unicode.IsDigit(next) || isRoman(next))
}

func isRoman(r rune) bool { return r == 'I' || r == 'V' || r == 'X' || r == 'L' }

func isEnd(r rune) bool { return strings.ContainsRune(".!?…。！？", r) }

func isCloser(r rune) bool { return strings.ContainsRune(`"')]}”’»_*`, r) }

func isCloserOrEnd(r rune) bool { return isCloser(r) || isEnd(r) }

func isOpener(r rune) bool { return strings.ContainsRune(` "'([{“‘«_*`, r) }
