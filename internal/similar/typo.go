package similar

import "strings"

// common reports whether a word is one of those in which typing errors are known.
func common(key string) bool { return commonWords[key] }

// typo reports whether one of two words is a common one and the other is that one
// mistyped: a letter that is wrong, missing or one too many, or two that changed
// places; in a long word letters may also be doubled or not. The first letter is
// never wrong and the last never is, so that neither a prefix nor an inflection
// is an error; and what is a word of its own is none either.
func typo(a, b string) bool {
	if common(a) == common(b) {
		return false
	}
	if common(b) {
		a, b = b, a
	}
	if len(a) < 6 || len(b) < 5 || realWords[b] || !ascii(a) || !ascii(b) {
		return false
	}
	if a[0] != b[0] || inflected(a, b) || prefixed(a, b) {
		return false
	}
	return edits(a, b, 1) == 1 || len(a) >= 9 && undoubled(a) == undoubled(b)
}

// undoubled writes each doubled letter once.
func undoubled(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if i == 0 || s[i] != s[i-1] {
			out = append(out, s[i])
		}
	}
	return string(out)
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 'a' || r > 'z' })
}

// inflected reports whether two words differ in their ends only.
func inflected(a, b string) bool {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n == min(len(a), len(b)) || a[len(a)-1] != b[len(b)-1]
}

// prefixed reports whether two words differ in their first two letters, where
// prefixes are.
func prefixed(a, b string) bool {
	return a[:2] != b[:2] && !(a[1] == b[2] && a[2] == b[1])
}

// edits returns the distance of Damerau and Levenshtein with places changed by
// neighbours only, or more than limit.
func edits(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// commonWords are words that prompts are made of, with their inflections.
var commonWords = func(s string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(s) {
		base, isVerb := strings.CutSuffix(w, "*")
		out[base] = true
		switch {
		case strings.HasSuffix(base, "ly"):
		case strings.HasSuffix(base, "y") && !strings.HasSuffix(base, "ay") && !strings.HasSuffix(base, "ey"):
			out[base[:len(base)-1]+"ies"] = true
		case strings.HasSuffix(base, "ch") || strings.HasSuffix(base, "ss"):
			out[base+"es"] = true
		case !strings.HasSuffix(base, "s") && !strings.HasSuffix(base, "ing") && !unchanging[base]:
			out[base+"s"] = true
		}
		if isVerb {
			short := strings.TrimSuffix(base, "e")
			out[short+"ing"] = true
			if !strings.HasSuffix(base, "y") {
				out[short+"ed"] = true
			}
		}
	}
	return out
}(commonList)

var unchanging = set(`following without another available necessary should would could through because medical neural artificial
	popular detailed written beautiful immediate traditional national international visible different significant`)

const commonList = `
	summarize* translate* explain* describe* extract* classify* generate* convert* compare* create* review* correct*
	provide* suggest* analyze* calculate* identify* paraphrase* shorten* simplify* categorize* implement* refactor*
	recommend* evaluate* estimate* document* following paragraph sentence question answer* customer product
	service account password address* message* email database function program* language english
	python javascript information company business government department university student teacher
	important different difference between because through without another example possible available
	necessary recommendation description explanation translation instruction application
	development management environment experience knowledge technology
	article newspaper magazine chapter summary overview analysis comparison advantage disadvantage
	benefit problem solution strategy approach method process requirement
	feature project meeting schedule calendar deadline budget invoice payment contract agreement
	employee employer manager director customer support* delivery shipping purchase* discount
	refund* receipt warranty subscription cancel* subscribe* register* download* install* configure*
	server network computer software hardware keyboard monitor printer internet website
	browser algorithm variable parameter argument exception library framework component interface
	container deployment repository branch commit request* response error testing security
	authentication authorization permission performance memory storage backup
	medical medicine patient doctor hospital symptom treatment diagnosis disease infection medication
	prescription surgery vaccine allergy pressure diabetes cancer therapy
	financial finance investment investor mortgage insurance interest inflation economy market
	revenue expense profit balance statement transaction transfer currency exchange
	legal lawyer court clause liability obligation termination confidential
	history geography mathematics physics chemistry biology science scientific research* experiment
	population country capital mountain river ocean planet climate weather temperature
	recipe ingredient chicken vegetable chocolate breakfast dinner restaurant kitchen
	travel airport flight hotel vacation passenger passport ticket
	beginner advanced professional detailed complete simple quickly easily properly correctly
	approximately significant significantly especially particularly generally usually currently recently
	immediately definitely separately probably actually together everything something someone
	beautiful interesting successful difficult dangerous popular modern traditional international national
	category priority severity sentiment positive negative neutral feedback complaint
	defendant plaintiff attorney evidence
	conclusion introduction paragraph keyword headline title subject
	presentation report* article proposal resume interview* question position candidate
	learning training model* neural network artificial intelligence machine
	sorting searching string integer number object element dictionary
	achieve* receive* believe* occur occurred occurring happen* improve* increase* decrease* reduce* remove* replace* include*
	consider* discuss* prepare* organize* maintain* require* support* develop* design* manage* operate*
	remember* understand should would could please tomorrow yesterday weekend
	embarrass* accommodate* committee millennium maintenance independent
	restaurant accessible argument calendar existence foreign grammar guarantee immediate
	occasion occasionally persistent privilege pronunciation questionnaire rhythm schedule tendency
	unfortunately vacuum visible writing written beginning business necessarily opportunity
`
