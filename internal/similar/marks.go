package similar

import (
	"slices"
	"strings"
)

// collect gathers the marks of a text.
func collect(tokens []token) marks {
	m := marks{
		fixed: map[kind][]string{}, words: map[string]bool{}, stems: map[string]bool{}, sides: map[int][]int{},
		triples: map[triple]int{}, capitals: map[string]bool{},
	}
	for i := range tokens {
		t := &tokens[i]
		switch {
		case t.kind == symbol:
			m.signs = append(m.signs, t.raw)
			m.formula = m.formula || !strings.Contains("()[]&•*#", t.raw)
		case t.kind != word:
			key := t.key
			if t.kind == number {
				key = withoutUse(key)
			}
			m.fixed[t.kind] = append(m.fixed[t.kind], key)
		case t.foreign:
			m.foreign = append(m.foreign, t.key)
		default:
			m.word(tokens, i)
		}
	}
	m.order(tokens)
	return m
}

func (m *marks) word(tokens []token, i int) {
	t := &tokens[i]
	if !m.words[t.key] {
		m.vocab = append(m.vocab, t.key)
	}
	m.words[t.key] = true
	m.stems[t.stem()] = true
	if t.name() {
		m.names = append(m.names, t.key)
	}
	if t.letters != small && capitonyms[t.key] {
		m.capitals[t.key] = true
	}
	if class := negations[t.key]; class != "" && !(t.key == "not" && nextIs(tokens, i, "only")) {
		m.negated = append(m.negated, negation{class, target(tokens, i)})
	}
	m.only = m.only || restricting[t.key]
	if m.asks == "" && questionWords[t.key] && (t.first || t.question) {
		m.asks = t.key
		if t.key == "how" && i+1 < len(tokens) && amounts[tokens[i+1].key] {
			m.asks += " " + tokens[i+1].key
		}
	}
	for _, s := range sidesOf(t.key) {
		taken := m.sides[s.list]
		if n := len(taken); n == 0 || taken[n-1] != s.side {
			m.sides[s.list] = append(taken, s.side)
		}
	}
}

// withoutUse takes out of a number which of several words its bound was.
func withoutUse(key string) string {
	from, to := strings.IndexByte(key, '('), strings.IndexByte(key, ')')
	if from < 0 || to < from {
		return key
	}
	return key[:from] + key[to+1:]
}

func nextIs(tokens []token, i int, key string) bool {
	return i+1 < len(tokens) && tokens[i+1].key == key
}

// target returns the stem of the first word with a meaning after a negation.
func target(tokens []token, i int) string {
	for j := i + 1; j < min(len(tokens), i+5); j++ {
		if tokens[j].kind != word || !hollow[tokens[j].key] {
			return tokens[j].stem()
		}
	}
	return ""
}

// order notes which words stand on both sides of each word, and of each two.
func (m *marks) order(tokens []token) {
	stems := make([]string, len(tokens))
	for i := range tokens {
		stems[i] = tokens[i].stem()
	}
	m.sequence = stems
	m.relation = make([]relation, 0, len(tokens)/4)
	for i := 1; i+1 < len(tokens); i++ {
		between := tokens[i].key
		if between == "and" || between == "or" || tokens[i].sep >= stop || tokens[i+1].sep >= stop {
			continue
		}
		if m.content(&tokens[i-1]) && m.content(&tokens[i+1]) {
			t := triple{stems[i-1], between, stems[i+1]}
			m.triples[t]++
			m.relation = append(m.relation, relation{t, tokens[i-1].key, tokens[i+1].key})
		}
	}
}

func (m *marks) content(t *token) bool { return t.kind != word || !hollow[t.key] }

var (
	restricting   = set(`only solely exclusively`)
	questionWords = set(`who when where why how`)
	amounts       = set(`many much long often old far fast big large tall high deep soon`)
)

// sideOf is one side of a list of opposites.
type sideOf struct{ list, side int }

func sidesOf(key string) []sideOf {
	if s, ok := lexiconIndex[key]; ok {
		return s
	}
	if s := stem(key); s != key {
		return lexiconIndex["~"+s]
	}
	return lexiconIndex["~"+key]
}

// index makes each word of the lexicon, and the stem of each, findable.
func index(lists []list) map[string][]sideOf {
	out := map[string][]sideOf{}
	for i, l := range lists {
		for side, words := range l.words {
			for _, w := range words {
				s := sideOf{i, side}
				out[w] = append(out[w], s)
				if key := "~" + stem(w); len(stem(w)) > 3 && !slices.Contains(out[key], s) {
					out[key] = append(out[key], s)
				}
			}
		}
	}
	return out
}

// famous reports whether a word is a name that means nothing else.
func famous(key string) bool {
	for _, s := range lexiconIndex[key] {
		if lexicon[s.list].strict {
			return true
		}
	}
	return false
}
