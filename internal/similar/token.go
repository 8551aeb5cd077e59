package similar

import (
	"strings"
	"unicode"
)

type kind byte

const (
	word    kind = iota
	number       // with its unit and its bound: "at most 5 mg"
	date         // a day, a month with a day or a year, or a time of day
	literal      // a link, an identifier, a formula: compared as it stands
	quote        // what stands between quotation marks
	code         // a fenced or an indented block, or what stands between backticks
	symbol       // a sign of its own, or a bracket
)

var kindNames = [...]string{"word", "number", "date", "text", "quoted", "code", "sign"}

// letters says how a word is written.
type letters byte

const (
	small    letters = iota // berlin
	capital                 // Berlin
	capitals                // NASA
	mixed                   // iPhone
)

// separator is what stands in front of a token.
type separator byte

const (
	none  separator = iota
	comma           // a comma
	stop            // anything that ends a sentence, a clause or a paragraph
	colon           // a colon, after which may follow what is worked on
	dash            // a dash between words
)

type article byte

const (
	noArticle article = iota
	indefinite
	definite
)

// asking says whether a sentence that is not worded as a question has its mark.
type asking byte

const (
	told  asking = iota // ends in a stop, or is worded as a question anyhow
	open                // has no mark at its end
	asked               // ends in a question mark
)

// token is one word, number, quotation and so on.
type token struct {
	kind kind
	raw  string // as it was written
	key  string // what is compared

	sep     separator
	loose   bool // courtesy stood before it, so that sep may differ
	article article
	light   bool // a comma before it says nothing
	bare    bool // may lack its article, as in a telegram: "review contract for errors"
	counted bool // close behind a word such as "which" or "two", so that its number matters
	general bool // spoken of in general: "how do I sort a list"

	letters  letters
	first    bool // begins a sentence, which explains a capital
	shouted  bool // in a sentence all of capitals, or with a capital on each word
	exact    bool // near code
	foreign  bool // in a sentence that cannot be read
	worked   bool // in a text that is to be worked on, where 12 is not "twelve"
	judged   bool // in a text that is to be judged, in which an error and a loud word count
	question bool // in a question
	asking   asking

	end    byte // the mark after it, while sentences are split
	spaced bool // white space stands before it
}

// stem returns what inflections of a word share, roughly.
func (t *token) stem() string {
	if t.kind != word {
		return t.key
	}
	return stem(t.key)
}

func stem(s string) string {
	for _, end := range []string{"ies", "ing", "ed", "es", "s", "e", "y"} {
		if rest, ok := strings.CutSuffix(s, end); ok && len(rest) >= 3 && !strings.HasSuffix(s, "ss") {
			return rest
		}
	}
	return s
}

// name reports whether a word is written as a name inside a sentence.
func (t *token) name() bool {
	if t.kind != word || t.shouted || t.foreign || t.key == "i" {
		return false
	}
	switch t.letters {
	case capital:
		return !t.first
	case capitals:
		return !emphatic[t.key]
	case mixed:
		return true
	}
	return false
}

// isWord reports whether s is made of letters, with apostrophes and hyphens inside.
func isWord(s string) bool {
	last := rune(0)
	for i, r := range s {
		switch {
		case unicode.IsLetter(r) || unicode.IsMark(r) && i > 0:
		case (r == '\'' || r == '-') && i > 0 && last != '\'' && last != '-':
		default:
			return false
		}
		last = r
	}
	return s != "" && last != '-'
}

func isUpper(r rune) bool { return unicode.IsUpper(r) || unicode.IsTitle(r) }

func lettersOf(s string) letters {
	upper, lower, firstUpper := 0, 0, false
	for i, r := range s {
		switch {
		case isUpper(r):
			upper++
			firstUpper = firstUpper || i == 0
		case unicode.IsLower(r):
			lower++
		}
	}
	switch {
	case upper == 0:
		return small
	case upper == 1 && firstUpper:
		return capital
	case lower == 0:
		return capitals
	case firstUpper && strings.Contains(s, "-") && upper == strings.Count(s, "-")+1:
		return capital // Jean-Luc
	}
	return mixed
}

// alone reports whether a script is written without spaces, so that each letter is
// a token.
func alone(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai,
		unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
}
