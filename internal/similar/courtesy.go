package similar

import "slices"

// withoutCourtesy returns the tokens of sentences without what is only polite. Only
// the first sentence that says something can be, and thanks after a single one: what
// else there is may be a text to work on, in which "please" is as good as any word.
func withoutCourtesy(sentences []sentence) [][]token {
	var out [][]token
	quoting, judged := false, slices.ContainsFunc(sentences, judges)
	for i, s := range sentences {
		readable := len(s.tokens) > 0 && !s.tokens[0].foreign
		last, asked := i > 0 && i == len(sentences)-1, false
		if last && len(out) == 1 && !quoting && readable && thanks(s.tokens) && sentences[i-1].mark != ':' {
			continue
		}
		if readable && len(out) == 0 && !quoting {
			if i+1 < len(sentences) && greeting(s.tokens) && opens(sentences[i+1].tokens) {
				continue
			}
			s.tokens, asked = withoutLead(withoutGreeting(s.tokens))
			s.tokens = withoutPlease(s.tokens)
		}
		s.asking(readable, asked)
		for j := range s.tokens {
			s.tokens[j].worked, s.tokens[j].judged = quoting, judged
		}
		quoting = quoting || s.mark == ':' || slices.ContainsFunc(s.tokens, announces)
		if len(s.tokens) > 0 {
			out = append(out, s.tokens)
		}
	}
	if len(out) > 0 {
		out[0][0].sep, out[0][0].first = none, true
	}
	return out
}

// judges reports whether a sentence asks what a text is like.
func judges(s sentence) bool {
	return slices.ContainsFunc(s.tokens, func(t token) bool { return t.kind == word && judging[t.key] })
}

// thanks reports whether a sentence is nothing but thanks.
func thanks(tokens []token) bool {
	return len(tokens) > 0 && (tokens[0].key == "thanks" || tokens[0].key == "thank" || tokens[0].key == "thx") && all(tokens, gratitude)
}

func all(tokens []token, in map[string]bool) bool {
	return !slices.ContainsFunc(tokens, func(t token) bool { return t.kind != word || !in[t.key] })
}

// greeting reports whether a sentence is nothing but "hi", "hello there" or "good day".
func greeting(tokens []token) bool {
	if len(tokens) == 2 && tokens[0].key == "good" && hours[tokens[1].key] {
		return true
	}
	return len(tokens) > 0 && len(tokens) <= 2 && greetings[tokens[0].key] && (len(tokens) == 1 || tokens[1].key == "there")
}

// opens reports whether somebody begins to ask for something.
func opens(tokens []token) bool {
	return len(tokens) > 0 && tokens[0].kind == word && tokens[0].article == noArticle &&
		(openers[tokens[0].key] || requests[tokens[0].key] || leadAt(tokens) > 0)
}

// withoutGreeting takes off "hi," and "hello there," before a question or a request.
func withoutGreeting(tokens []token) []token {
	for n := 1; n <= min(2, len(tokens)-1); n++ {
		if greeting(tokens[:n]) && tokens[n].sep == comma && opens(tokens[n:]) {
			return begin(tokens[n:])
		}
	}
	return tokens
}

// begin makes what is left of a sentence its beginning.
func begin(tokens []token) []token {
	if len(tokens) > 0 {
		tokens[0].first, tokens[0].loose = true, true
	}
	return tokens
}

// leads are the ways to ask for something that say nothing else. The longer come
// first.
var leads = [][]string{
	{"i", "was", "wondering", "if", "you", "could"},
	{"i", "would", "appreciate", "it", "if", "you", "could"},
	{"i", "would", "like", "you", "to"},
	{"i", "want", "you", "to"},
	{"i", "need", "you", "to"},
	{"i", "just", "want", "you", "to"},
	{"i", "just", "need", "you", "to"},
	{"would", "you", "be", "so", "kind", "as", "to"},
	{"go", "ahead", "and"},
	{"could", "you"},
	{"can", "you"},
	{"would", "you"},
	{"will", "you"},
	{"kindly"},
	{"please"},
	{"pls"},
}

// withoutLead takes "could you please" off a sentence, if a request follows, and
// reports whether it did. Can you give my dog aspirin? is a question; so "you" needs
// a please, or a verb that is asked of whom one talks to.
func withoutLead(tokens []token) ([]token, bool) {
	rest, polite, personal := tokens, false, false
	for n := leadAt(rest); n > 0; n = leadAt(rest) {
		personal = personal || n == 2
		for _, t := range rest[:n] {
			polite = polite || polites[t.key]
		}
		rest = rest[n:]
	}
	if len(rest) == len(tokens) || len(rest) == 0 || rest[0].kind != word || !requests[rest[0].key] || rest[0].article != noArticle {
		return tokens, false
	}
	polite = polite || slices.ContainsFunc(rest, func(t token) bool { return t.key == "please" })
	if personal && !polite && !onlyAsks(rest) {
		return tokens, false
	}
	return begin(rest), true
}

func leadAt(tokens []token) int {
	for _, lead := range leads {
		if len(tokens) <= len(lead) {
			continue
		}
		same := true
		for i, key := range lead {
			same = same && tokens[i].kind == word && !tokens[i].exact && tokens[i].key == key && tokens[i].article == noArticle && (i == 0 || tokens[i].sep == none)
		}
		if same {
			return len(lead)
		}
	}
	return 0
}

// onlyAsks reports whether "can you" asks for words: "can you tell me", "can you
// explain why".
func onlyAsks(rest []token) bool {
	if len(rest) < 2 {
		return false
	}
	next := rest[1]
	return tellings[rest[0].key] && (next.key == "me" || next.key == "us") ||
		explaining[rest[0].key] && (objects[next.key] || next.article == definite && ideas[next.key])
}

// withoutPlease takes please out of a sentence: not the verb, "to please somebody".
func withoutPlease(tokens []token) []token {
	if !slices.ContainsFunc(tokens, func(t token) bool { return t.kind == word && polites[t.key] }) {
		return tokens
	}
	out := make([]token, 0, len(tokens))
	loose, sep := false, none
	announced := slices.IndexFunc(tokens, func(t token) bool { return t.kind == word && (saying[t.key] || famous(t.key)) })
	for i, t := range tokens {
		if t.kind == word && (t.key == "please" || t.key == "pls" || t.key == "plz") && t.article == noArticle && !t.exact && courteous(tokens, i, announced) {
			loose, sep = true, max(sep, t.sep)
			continue
		}
		if loose {
			t.loose, t.sep, loose, sep = true, max(sep, t.sep), false, none
			t.first = t.first || len(out) == 0
		}
		out = append(out, t)
	}
	return out
}

// courteous reports whether the please at i stands where it is no verb: at an end of
// the sentence, or beside a comma, or before a request; and not behind the word that
// announces a text to work on.
func courteous(tokens []token, i, announced int) bool {
	if i == 0 && len(tokens) > 1 && (tokens[1].article != noArticle || possessive[tokens[1].key]) {
		return false // please the customer
	}
	if i == 0 {
		return true
	}
	before := tokens[i-1].key
	if before == "to" || (pronouns[before] || auxiliary[before]) && tokens[i].sep == none || announced >= 0 && announced < i {
		return false
	}
	return i == len(tokens)-1 || tokens[i].sep != none || tokens[i+1].sep != none || requests[tokens[i+1].key]
}

// announces reports whether a word may have a text to work on behind it.
func announces(t token) bool { return t.kind == word && (carries[t.key] || famous(t.key)) }
