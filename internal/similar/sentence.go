package similar

import (
	"slices"
	"strings"
)

// sentence is a sentence, a clause or an item of a list: what stands between stops.
type sentence struct {
	tokens []token
	mark   byte // what ends it: . ? or a line break, 0 at the end of the text
}

func split(tokens []token) []sentence {
	nearCode(tokens)
	var out []sentence
	from := 0
	for i := range tokens {
		if i+1 == len(tokens) || tokens[i].end != 0 {
			out = append(out, sentence{tokens[from : i+1 : i+1], tokens[i].end})
			from = i + 1
		}
	}
	whole := foreign(tokens)
	for _, s := range out {
		if n := words(s.tokens); foreign(s.tokens) && (n >= 4 || whole) {
			for i := range s.tokens {
				s.tokens[i].foreign = true
			}
		}
	}
	return out
}

// nearCode marks what stands close to code: there, letters and small words matter.
func nearCode(tokens []token) {
	const reach = 3
	for i, t := range tokens {
		operator := t.kind == symbol && !strings.Contains("()[]&•*#", t.raw)
		if operator || t.kind == literal && strings.ContainsAny(t.raw, "=(){}[]<>;|\\") {
			for j := max(0, i-reach); j < min(len(tokens), i+reach+1); j++ {
				tokens[j].exact = true
			}
		}
	}
}

// foreign reports whether a text cannot be read: hardly a word is known, or more are
// those of other languages; or some have letters that English does not have, and not
// two in five are known.
func foreign(tokens []token) bool {
	n, k, other, strange := words(tokens), known(tokens), 0, false
	for i := range tokens {
		if t := &tokens[i]; t.kind == word {
			strange = strange || strings.ContainsFunc(t.key, func(r rune) bool { return r > 'z' && r != '’' })
			if elsewhere[t.key] {
				other++
			}
		}
	}
	return k*7 < n || other > k || strange && k*5 < n*2
}

func words(tokens []token) (n int) {
	for i := range tokens {
		if tokens[i].kind == word {
			n++
		}
	}
	return n
}

// known counts the words that are English and hardly anything else.
func known(tokens []token) (n int) {
	for i := range tokens {
		if t := &tokens[i]; t.kind == word && isEnglish(t.key) {
			n++
		}
	}
	return n
}

func isEnglish(key string) bool {
	if english[key] || common(key) || contracted[key] != "" {
		return true
	}
	if len(key) < 4 || !ascii(key) {
		return false
	}
	first, _, _ := strings.Cut(key, "-")
	return requests[key] || len(lexiconIndex[key]) > 0 || units[key] != "" || cardinals[first] > 0 || months[key] > 0
}

// read brings the tokens of a sentence to the form in which they are compared.
func (s *sentence) read() {
	s.letters()
	if len(s.tokens) == 0 || s.tokens[0].foreign {
		s.numbers()
		return
	}
	s.expand()
	s.numbers()
	s.dates()
	s.articles()
	s.telegram()
	s.counted()
	s.commas()
}

// letters notes how words are written, and where a capital says nothing.
func (s *sentence) letters() {
	upper, caps, all := 0, 0, 0
	for i := range s.tokens {
		t := &s.tokens[i]
		if t.kind != word {
			continue
		}
		t.letters = lettersOf(t.raw)
		if all++; t.letters == capitals && len(t.raw) > 1 {
			caps++
		}
		if t.letters != small {
			upper++
		}
	}
	shouted := all >= 3 && caps*10 >= all*8
	title := all >= 4 && upper*10 >= all*8
	for i := range s.tokens {
		s.tokens[i].shouted = shouted || title
	}
	if len(s.tokens) > 0 {
		s.tokens[0].first = true
	}
}

// expand writes contractions out and brings spelling to one form.
func (s *sentence) expand() {
	longer := false
	for i := range s.tokens {
		if t := &s.tokens[i]; t.kind == word && !t.exact {
			t.key = full(t)
			longer = longer || strings.Contains(t.key, " ")
		}
	}
	if !longer {
		return
	}
	out := make([]token, 0, len(s.tokens)+4)
	for _, t := range s.tokens {
		if t.kind != word || !strings.Contains(t.key, " ") {
			out = append(out, t)
			continue
		}
		parts := strings.Fields(t.key)
		for i, p := range parts {
			next := t
			next.key = p
			if i > 0 {
				next.sep, next.first, next.letters, next.end = none, false, small, 0
			}
			out = append(out, next)
		}
		out[len(out)-1].end = t.end
	}
	s.tokens = out
}

// full writes a word out: "don't" is "do not", "colour" is "color".
// A name is spelled as it is, and so is what may be an acronym: IM, Gray.
func full(t *token) string {
	key := t.key
	if w := contracted[key]; w != "" && (t.letters != capitals || t.shouted || strings.Contains(key, "'")) {
		return w
	}
	for _, c := range []struct{ end, word string }{{"n't", " not"}, {"'ll", " will"}, {"'re", " are"}, {"'ve", " have"}, {"'d", " would"}} {
		if stem, ok := strings.CutSuffix(key, c.end); ok && stem != "" {
			return stem + c.word
		}
	}
	if t.name() {
		return key
	}
	return american(key)
}

// articles makes an article a mark of the word that follows it.
func (s *sentence) articles() {
	out := s.tokens[:0]
	for i := 0; i < len(s.tokens); i++ {
		if !s.isArticle(i) {
			out = append(out, s.tokens[i])
			continue
		}
		a, t := s.tokens[i], s.tokens[i+1]
		i++
		t.article = indefinite
		if a.key == "the" {
			t.article = definite
		}
		t.sep, t.first = a.sep, a.first && t.letters == small
		out = append(out, t)
	}
	s.tokens = out
}

func (s *sentence) isArticle(i int) bool {
	t := &s.tokens[i]
	if t.kind != word || t.key != "a" && t.key != "an" && t.key != "the" || t.exact {
		return false
	}
	if i+1 == len(s.tokens) || s.tokens[i+1].sep != none || s.isWordOf(i+1, "a", "an", "the") {
		return false
	}
	if t.letters != small && !t.first && !t.shouted {
		return false // vitamin A
	}
	return i == 0 || t.key == "the" || !labels[s.tokens[i-1].key]
}

func (s *sentence) isWordOf(i int, keys ...string) bool {
	return i >= 0 && i < len(s.tokens) && s.tokens[i].kind == word && slices.Contains(keys, s.tokens[i].key)
}

// telegram marks the nouns that must have an article, so that one that lacks it is
// only written in haste: not "what is time", which does not ask for the time.
func (s *sentence) telegram() {
	asked := len(s.tokens) > 0 && onText[s.tokens[leadAt(s.tokens)].key]
	for i := len(s.tokens) - 1; i >= 0; i-- {
		t := &s.tokens[i]
		if t.kind != word || t.exact || t.name() {
			continue
		}
		last := i+1 == len(s.tokens) || s.tokens[i+1].sep != none
		of := !last && s.isWordOf(i+1, "of", "between")
		ends := last || s.tokens[i+1].bare || s.isWordOf(i+1, "of", "for", "from", "to", "into", "in", "with", "below", "above", "about", "and")
		t.bare = ofNouns[t.key] && of || textNouns[t.key] && ends && asked
	}
}

// counted marks the words close behind one that makes their number matter.
func (s *sentence) counted() {
	const reach = 3
	for i := range s.tokens {
		t := &s.tokens[i]
		kindOf := t.key == "what" && !s.isWordOf(i+1, "is", "are", "do", "does", "can", "should", "happens")
		if t.kind == number || t.kind == word && counting[t.key] || t.article == definite || kindOf {
			for j := i; j < min(len(s.tokens), i+reach); j++ {
				s.tokens[j].counted = true
			}
		}
	}
}

// commas marks the words before which a comma says nothing: "and" at the end of a
// list, where "or" does not make it matter what belongs together.
func (s *sentence) commas() {
	has := func(key string) bool {
		return slices.ContainsFunc(s.tokens, func(t token) bool { return t.kind == word && t.key == key })
	}
	mixed, last := has("and") && has("or"), -1
	const item = 5 // words
	for i := range s.tokens {
		t := &s.tokens[i]
		if t.kind == word && (t.key == "and" || t.key == "or") {
			t.light = !mixed && last >= 0 && i-last <= item
		} else {
			t.light = t.kind == word && lightAfter[t.key]
		}
		if t.sep == comma {
			last = i
		}
	}
}

// asking notes whether the sentence asks, whether only its mark says so, and which
// things it asks about in general.
func (s *sentence) asking(readable, requested bool) {
	if len(s.tokens) == 0 {
		return
	}
	question := readable && s.asks()
	last := &s.tokens[len(s.tokens)-1]
	last.asking = told
	switch {
	case question || requested || readable && onlyText[s.tokens[0].key]:
	case s.mark == '?':
		last.asking = asked
	case (s.mark == 0 || s.mark == '\n') && !readable:
		last.asking = open
	}
	joins := slices.ContainsFunc(s.tokens, func(t token) bool { return joining[t.key] })
	for i := range s.tokens {
		s.tokens[i].question = question
		s.tokens[i].general = question && s.general(i) && !joins
	}
}

// asks reports whether the sentence is worded as a question: "when does it open",
// but not "when it opens", "do it", or "Will is here".
func (s *sentence) asks() bool {
	first := s.tokens[0]
	if first.kind != word || !openers[first.key] || first.article != noArticle {
		return false
	}
	if len(s.tokens) == 1 {
		return true
	}
	next := s.tokens[1]
	subject := pronouns[next.key] || possessive[next.key] || next.article != noArticle
	switch first.key {
	case "do", "have":
		return pronouns[next.key] && next.key != "it"
	case "will", "may", "might":
		return subject
	case "what", "why", "how", "where", "when", "who", "whom":
		return !subject || auxiliary[next.key]
	}
	return true
}

// general reports whether the noun at i is spoken of in general, so that its number
// says nothing: anywhere in "how do I", "what is", "why does"; as the subject of
// "can", "does", "is". Whoever merges or compares cares how many.
func (s *sentence) general(i int) bool {
	switch first := s.tokens[0].key; first {
	case "how", "what", "why":
		return s.isWordOf(1, "is", "are") || first != "what" && s.isWordOf(1, "do", "does", "can", "should", "to")
	case "can", "should", "do", "does", "may", "must":
		return i == 1
	case "is", "are":
		return i == 1 && len(s.tokens) > 2 && s.tokens[2].article == indefinite
	}
	return false
}
