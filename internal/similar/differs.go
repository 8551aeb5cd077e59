package similar

import (
	"fmt"
	"slices"
	"strings"
)

// marks is what two texts must have in common, whatever their words mean.
type marks struct {
	fixed    map[kind][]string // numbers, dates, literals, quotations, code: each in its order
	names    []string          // names in their order, in small letters
	words    map[string]bool   // all words
	vocab    []string          // the same, in their order
	stems    map[string]bool
	negated  []negation
	sides    map[int][]int  // for each list of opposites: the sides that are taken, in their order
	foreign  []string       // what cannot be read
	triples  map[triple]int // how often two words stand on both sides of a third
	relation []relation     // the same, in their order
	sequence []string       // what each token is, but for inflections
	asks     string         // who, when, where, why or how
	only     bool
	lower    bool            // there is no capital letter
	capitals map[string]bool // capitonyms with a capital
	signs    []string        // signs and brackets
	formula  bool            // some of the signs are operators
}

// negation is a word that denies, and the stem of what it denies.
type negation struct{ class, of string }

// triple is a word and the stems of its neighbours.
type triple struct{ left, between, right string }

// relation is a triple with its neighbours as they are.
type relation struct {
	triple
	first, last string
}

// Differs says why two texts must not be merged by any means: "" if nothing speaks
// against it. It compares what a measure of meaning is blind to, and it is no such
// measure: two texts that have nothing to do with each other may well have nothing
// against each other. It asks whether they have, in this order,
//
//   - the same text to the last mark, if they ask how something is written: for its
//     grammar, say, or how many letters it has;
//   - the same quotations, code, links and identifiers, byte for byte;
//   - the same numbers with their units and bounds, and the same dates and times,
//     in the same order;
//   - the same names, in the same order;
//   - as many negations, and of the same things;
//   - no opposites, such as "increase" here and "decrease" there, and no two
//     members of one list, such as two animals;
//   - the same words on both sides of a relation: not "from A to B" and "from B to A";
//   - the same text, where they are in a language that cannot be read here;
//   - the same words, where they are the same but for one place.
func Differs(a, b *Text) string {
	if (a.formal || b.formal) && strings.TrimSpace(a.raw) != strings.TrimSpace(b.raw) {
		return "asks how a text is written, and is not written the same"
	}
	for _, find := range []func(a, b *marks) string{
		differInFixed, differInForeign, differInNames, differInNegations, differInSides, differInPrefix, differInQuestion, differInOrder,
	} {
		if why := find(&a.marks, &b.marks); why != "" {
			return why
		}
	}
	return differInOnePlace(a, b)
}

var fixedKinds = []kind{code, quote, number, date, literal}

func differInFixed(a, b *marks) string {
	for _, k := range fixedKinds {
		if why := against(kindNames[k], a.fixed[k], b.fixed[k]); why != "" {
			return why
		}
	}
	if a.formula || b.formula {
		return against(kindNames[symbol], a.signs, b.signs)
	}
	return ""
}

// against says where two lists differ first, and "" if they do not.
func against(what string, a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%s %s against %s", what, brief(what, a[i]), brief(what, b[i]))
		}
	}
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a) > len(b) {
		return fmt.Sprintf("%s %s in one only", what, brief(what, a[len(b)]))
	}
	return ""
}

// brief shortens what is shown. Numbers and dates need no quotes.
func brief(what, s string) string {
	const most = 40
	if what == kindNames[quote] {
		s = s[1:] // the kind of its marks
	}
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	if what == kindNames[number] || what == kindNames[date] {
		return s
	}
	return fmt.Sprintf("%q", s)
}

func differInForeign(a, b *marks) string {
	if slices.Equal(a.foreign, b.foreign) {
		return ""
	}
	return "language: cannot be read, and is not the same"
}

func differInNames(a, b *marks) string {
	mine, theirs := missing(a, b), missing(b, a)
	switch {
	case mine != "" && theirs != "":
		return fmt.Sprintf("name %q against %q", mine, theirs)
	case mine != "" || theirs != "":
		return fmt.Sprintf("name %q in one only", mine+theirs)
	}
	return ""
}

// missing returns the first name in a that b does not have, even in small letters.
func missing(a, b *marks) string {
	for _, n := range a.names {
		if !b.words[n] || a.capitals[n] && !b.capitals[n] && !b.lower {
			return n
		}
	}
	return ""
}

func differInNegations(a, b *marks) string {
	if len(a.negated) != len(b.negated) {
		more, fewer := a.negated, b.negated
		if len(more) < len(fewer) {
			more, fewer = fewer, more
		}
		for _, n := range more {
			if !slices.ContainsFunc(fewer, func(m negation) bool { return m.class == n.class }) {
				return fmt.Sprintf("negation %q in one only", n.class)
			}
		}
		return fmt.Sprintf("negation %q once more in one", more[len(more)-1].class)
	}
	for i, n := range a.negated {
		m := b.negated[i]
		if n.of != m.of && (b.stems[n.of] && a.stems[m.of]) {
			return fmt.Sprintf("negation of %q against %q", n.of, m.of)
		}
	}
	return ""
}

func differInSides(a, b *marks) string {
	for i := range lexicon {
		x, y := a.sides[i], b.sides[i]
		if slices.Equal(x, y) || len(x)*len(y) == 0 && !lexicon[i].strict {
			continue
		}
		if lexicon[i].loose && slices.ContainsFunc(x, func(s int) bool { return slices.Contains(y, s) }) {
			continue
		}
		name := func(sides []int) string {
			var out []string
			for _, s := range sides {
				out = append(out, lexicon[i].sides[s])
			}
			return strings.Join(out, " ")
		}
		if len(x)*len(y) == 0 {
			return fmt.Sprintf("%s %q in one only", lexicon[i].what, name(x)+name(y))
		}
		return fmt.Sprintf("%s %q against %q", lexicon[i].what, name(x), name(y))
	}
	return ""
}

var (
	prefixes = []string{"un", "in", "im", "il", "ir", "non-", "non", "dis", "mis", "de", "de-", "anti", "anti-", "counter", "re-", "pre-", "post-", "pre", "post",
		"hyper", "hypo", "over", "under", "sub", "super", "inter", "intra", "up", "down", "out", "a"}
	suffixes = []string{"less", "ful", "-free", "proof"}
)

// differInPrefix finds "unable" here and "able" there, and "useless" against "useful".
func differInPrefix(a, b *marks) string {
	for _, m := range [][2]*marks{{a, b}, {b, a}} {
		for _, w := range m[0].vocab {
			if m[1].words[w] {
				continue
			}
			for _, plain := range plainForms(w) {
				if m[1].words[plain] && !m[0].words[plain] {
					return fmt.Sprintf("opposite %q against %q", w, plain)
				}
			}
		}
	}
	return ""
}

// plainForms returns what a word may be the opposite of, by how it is made.
func plainForms(w string) (out []string) {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(w, p); ok && len(rest) >= 4 {
			out = append(out, rest)
			for _, other := range prefixes {
				if other != p && len(p) > 2 {
					out = append(out, other+rest)
				}
			}
		}
	}
	for _, s := range suffixes {
		if rest, ok := strings.CutSuffix(w, s); ok && len(rest) >= 3 {
			out = append(out, rest)
			for _, other := range suffixes {
				if other != s {
					out = append(out, rest+other)
				}
			}
		}
	}
	return out
}

func differInQuestion(a, b *marks) string {
	if a.asks != "" && b.asks != "" && a.asks != b.asks {
		return fmt.Sprintf("question %q against %q", a.asks, b.asks)
	}
	if a.only != b.only {
		return `"only" in one only`
	}
	return ""
}

// differInOrder finds what stands the other way round: "French to German", "German
// to French".
func differInOrder(a, b *marks) string {
	for _, r := range a.relation {
		t := r.triple
		back := triple{t.right, t.between, t.left}
		if b.triples[back] > a.triples[back] && a.triples[t] > b.triples[t] {
			return fmt.Sprintf("order of %q and %q around %q", r.first, r.last, t.between)
		}
	}
	x, y := a.namesIn(b), b.namesIn(a)
	for i := range x {
		if x[i] != y[i] {
			return fmt.Sprintf("order of the names %q and %q", x[i], y[i])
		}
	}
	return differInSequence(a.sequence, b.sequence)
}

// namesIn returns the names that both have, in the order of m, each once.
func (m *marks) namesIn(other *marks) (out []string) {
	found := map[string]bool{}
	for _, n := range other.names {
		found[n] = true
	}
	for _, n := range m.names {
		if found[n] {
			out = append(out, n)
			found[n] = false
		}
	}
	return out
}

// differInSequence finds the same words in another order, unless a phrase such as
// "in Python" has only moved from one end to the other.
func differInSequence(a, b []string) string {
	if len(a) != len(b) || slices.Equal(a, b) {
		return ""
	}
	const movable = 200 // words of a text of which a phrase may move
	x, y := slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	if !slices.Equal(x, y) {
		return ""
	}
	for i := 1; i < len(a) && len(a) <= movable; i++ {
		if (phrase[a[i]] || phrase[a[0]]) && a[i] == b[0] && slices.Equal(a[i:], b[:len(a)-i]) && slices.Equal(a[:i], b[len(a)-i:]) {
			return ""
		}
	}
	i := 0
	for a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("order from %q and %q on", a[i], b[i])
}

// phrase has the words that begin a phrase which may stand at either end.
var phrase = set(`in on at for with by using during if when about`)
