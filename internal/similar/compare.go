package similar

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// DefaultThreshold is how alike two texts must be, 0 to 1, to be the same. Below 1
// it is about how much may be mistyped: one word of three, or two of five.
const DefaultThreshold = 0.75

// far is the distance of two sketches from which long texts are not compared word
// by word. Short ones are always: there one word changes half the bits.
const (
	far  = 24
	long = 40 // tokens
)

// What the differences that change nothing take from the score, in words.
const (
	courtesyCost = 0.02
	articleCost  = 0.1
	pluralCost   = 0.3
	typoCost     = 0.6
)

// ByText says how alike two texts are, 0 to 1, and why they are not the same: "" if
// they are. They are if [Differs] finds nothing, each word of one stands for the
// same as the word of the other at its place, and the score reaches the threshold,
// which is 0 to 1. No threshold makes two texts the same that differ in a word.
//
// The order of the two does not matter, but for the order in the reason. A text
// that is [Text.Empty] is the same as none.
func ByText(a, b *Text, threshold float64) (score float64, why string) {
	if a.Empty() || b.Empty() {
		return 0, "empty"
	}
	if a.raw == b.raw {
		return 1, ""
	}
	if d := Distance(a.sketch, b.sketch); d >= far && len(a.tokens) >= long && len(b.tokens) >= long {
		return shared(a, b), fmt.Sprintf("sketches %d apart", d)
	}
	if why := Differs(a, b); why != "" {
		return shared(a, b), why
	}
	cost, why := walk(a, b)
	if why != "" {
		return shared(a, b), why
	}
	score = max(0, 1-cost/float64(max(len(a.tokens), len(b.tokens))))
	if score < threshold {
		return score, fmt.Sprintf("score %.2f below %.2f", score, threshold)
	}
	return score, ""
}

// walk goes through two texts side by side, and adds up what differs and changes
// nothing; or says what does not.
func walk(a, b *Text) (cost float64, why string) {
	for i := range max(len(a.tokens), len(b.tokens)) {
		if i >= len(a.tokens) {
			return 0, only(&b.tokens[i])
		}
		if i >= len(b.tokens) {
			return 0, only(&a.tokens[i])
		}
		x, y := &a.tokens[i], &b.tokens[i]
		c, same := equal(x, y, a, b)
		if !same {
			return 0, fmt.Sprintf("%s %q against %q", kindNames[x.kind], x.raw, y.raw)
		}
		if why := around(x, y); why != "" {
			return 0, why
		}
		if x.article != y.article {
			c += articleCost
		}
		if x.loose != y.loose {
			c += courtesyCost
		}
		cost += c
	}
	return cost, ""
}

func only(t *token) string { return fmt.Sprintf("%s %q in one only", kindNames[t.kind], t.raw) }

// equal reports whether two tokens stand for the same, and what it costs.
func equal(x, y *token, a, b *Text) (cost float64, same bool) {
	if x.kind != y.kind || x.exact != y.exact && x.raw != y.raw {
		return 0, false
	}
	switch {
	case x.kind != word:
		return 0, x.key == y.key && (!x.worked && !y.worked || strings.EqualFold(x.raw, y.raw))
	case x.exact:
		return 0, x.raw == y.raw
	case x.key == y.key:
		return 0, sameLetters(x, y, a, b)
	case x.foreign || y.foreign || x.name() || y.name() || strings.ContainsAny(x.key+y.key, "'-"):
		return 0, false
	case x.question && y.question && agreeing[x.key] == y.key:
		return pluralCost, true
	case otherNumber(x, y):
		return pluralCost, true
	case !x.judged && !y.judged && typo(x.key, y.key):
		return typoCost, true
	}
	return 0, false
}

// around compares what stands in front of two tokens, and the mark that asks.
func around(x, y *token) string {
	if x.asking != y.asking && (x.asking == asked || y.asking == asked) {
		other := x.asking
		if other == asked {
			other = y.asking
		}
		if other != open {
			return "a question mark in one only"
		}
	}
	if (x.judged || y.judged) && feeling(x.end) != feeling(y.end) {
		return fmt.Sprintf("punctuation after %q", x.raw)
	}
	if x.article != y.article && !otherNumber(x, y) && (x.article != noArticle && y.article != noArticle || !x.bare || !y.bare) {
		return fmt.Sprintf("article before %q", x.raw)
	}
	if x.sep != y.sep && !x.loose && !y.loose && !lightComma(x, y) {
		return fmt.Sprintf("punctuation before %q", x.raw)
	}
	return ""
}

// feeling returns a mark that changes the tone of a sentence, or 0.
func feeling(end byte) byte {
	if end == '!' || end == '~' {
		return end
	}
	return 0
}

// lightComma reports whether a comma that one text lacks says nothing.
func lightComma(x, y *token) bool {
	return x.sep+y.sep == comma && x.light && y.light
}

var lightAfter = set(`then how what why`)

// sameLetters reports whether the case of two words that are otherwise the same says
// nothing: a capital that begins a sentence, a text without any capital, a sentence
// all of capitals.
func sameLetters(x, y *token, a, b *Text) bool {
	if x.raw == y.raw || x.letters == y.letters && x.letters != mixed {
		return true
	}
	if (x.judged || y.judged) && (x.letters == capitals || y.letters == capitals) && !a.lower && !b.lower {
		return false // a text to be judged may shout
	}
	if x.letters > y.letters {
		x, y = y, x // y has more capitals
	}
	if utf8.RuneCountInString(x.raw) == 1 {
		return x.key == "i" || x.first && y.first // n may not be N
	}
	if y.foreign {
		return y.letters == capital && y.first || a.lower || b.lower || y.shouted
	}
	switch y.letters {
	case capital:
		name := capitonyms[y.key] && !hollow[y.key]
		if y.first && (x.first || !name || !b.lower && !a.lower) {
			return true
		}
		if y.shouted {
			return !name || a.lower || b.lower
		}
		return !name && (a.lower || b.lower || x.shouted || famous(y.key))
	case capitals:
		return emphatic[y.key] || acronyms[y.key] || y.shouted && (x.letters == small || x.first || !capitonyms[y.key])
	}
	return acronyms[y.key] && (a.lower || b.lower || x.letters == capitals && x.shouted || x.letters == capital && x.first)
}

// otherNumber reports whether one is the plural of the other, and says the same.
func otherNumber(x, y *token) bool {
	return x.general && y.general && x.key != y.key && (plural(x, y) || plural(y, x))
}

// plural reports whether y is the plural of x, in a question about things in
// general: "how do I sort a list", "how do I sort lists".
func plural(x, y *token) bool {
	if len(x.key) < 3 || otherPlural[x.key] || x.article != indefinite || y.article != noArticle || x.counted || y.counted {
		return false
	}
	switch {
	case strings.HasSuffix(x.key, "s") || strings.HasSuffix(x.key, "o") && y.key != x.key+"s" || strings.HasSuffix(x.key, "x") || strings.HasSuffix(x.key, "ch") || strings.HasSuffix(x.key, "sh"):
		return y.key == x.key+"es"
	case strings.HasSuffix(x.key, "y") && !strings.ContainsAny(x.key[len(x.key)-2:len(x.key)-1], "aeiou"):
		return y.key == x.key[:len(x.key)-1]+"ies"
	}
	return y.key == x.key+"s"
}

// shared returns which part of their words and pairs two texts have in common, 0 to
// 1: a measure for those that are not the same.
func shared(a, b *Text) float64 {
	counts := map[string]int{}
	n := grams(a, func(g string) { counts[g]++ })
	both := 0
	m := grams(b, func(g string) {
		if counts[g] > 0 {
			counts[g]--
			both++
		}
	})
	if n+m == 0 {
		return 0
	}
	return 2 * float64(both) / float64(n+m)
}

func grams(t *Text, yield func(string)) (n int) {
	last := ""
	for i := range t.tokens {
		s := t.tokens[i].stem()
		yield(s)
		n++
		if i > 0 {
			yield(last + "\x00" + s)
			n++
		}
		last = s
	}
	return n
}
