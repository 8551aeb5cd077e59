package similar

import "fmt"

// differInOnePlace finds a word that was changed in a text that is otherwise the
// same. By any measure of the whole such texts are alike, the more so the longer
// they are, and the one word is what they differ in.
func differInOnePlace(a, b *Text) string {
	if len(a.tokens) == len(b.tokens) {
		if why := inPlace(a, b); why != "" {
			return why
		}
	}
	from, short := 0, min(len(a.tokens), len(b.tokens))
	for from < short && alike(a, b, from, from) {
		from++
	}
	to := 0
	for to < short-from && alike(a, b, len(a.tokens)-1-to, len(b.tokens)-1-to) {
		to++
	}
	x, y := a.tokens[from:len(a.tokens)-to], b.tokens[from:len(b.tokens)-to]
	const most = 3
	if len(x) > most || len(y) > most || from+to < 2 || from+to < len(x)+len(y) {
		return ""
	}
	mine, theirs := meaning(x), meaning(y)
	switch {
	case mine == nil && theirs == nil:
		return ""
	case mine == nil:
		return only(theirs)
	case theirs == nil:
		return only(mine)
	case synonyms(mine.key, theirs.key):
		return ""
	}
	return fmt.Sprintf("%s %q against %q", kindNames[mine.kind], mine.raw, theirs.raw)
}

func alike(a, b *Text, i, j int) bool {
	x, y := &a.tokens[i], &b.tokens[j]
	if x.kind == number && y.kind == number && !x.worked && !y.worked {
		return withoutUse(x.key) == withoutUse(y.key)
	}
	_, same := equal(x, y, a, b)
	return same
}

// meaning returns the first token that has a meaning of its own, or nil.
func meaning(tokens []token) *token {
	for i := range tokens {
		if t := &tokens[i]; t.kind != word || t.exact || t.foreign || t.worked || !hollow[t.key] && !requests[t.key] && t.key != "how" && t.key != "what" {
			return t
		}
	}
	return nil
}

// inPlace compares texts of the same length word by word. If few of the words
// differ, each must be a synonym of the other; if none does, the marks between them
// must say the same.
func inPlace(a, b *Text) string {
	const oneIn = 8
	changed, why := 0, ""
	for i := range a.tokens {
		x, y := &a.tokens[i], &b.tokens[i]
		if alike(a, b, i, i) {
			if s := around(x, y); s != "" && why == "" {
				why = s
			}
			continue
		}
		changed++
		if x.kind != word || y.kind != word || !synonyms(x.key, y.key) {
			why = fmt.Sprintf("%s %q against %q", kindNames[x.kind], x.raw, y.raw)
		}
	}
	if changed > max(1, len(a.tokens)/oneIn) || changed == len(a.tokens) {
		return ""
	}
	return why
}

// synonyms reports whether two words may stand for each other.
func synonyms(a, b string) bool {
	return a != b && synonym[a] != "" && synonym[a] == synonym[b]
}

var synonym = table(`
	what, which = which
	in, on, at, of, for = in
	can, could, may, might = can
	will, would = will
	explain, describe = explain
	list, give, name, provide, tell, show, enumerate = list
	find, extract, get, identify = find
	write, draft, compose, create, generate, make = write
	fix, correct, repair, mend = fix
	check, review, examine = check
	shorten, condense = shorten
	reply, respond, answer = reply
	use, utilize, employ = use
	begin, start = begin
	big, large, huge = big
	quick, fast, rapid = fast
	quickly, fast, rapidly = fast
	error, bug, mistake, fault = error
	errors, bugs, mistakes, faults = errors
	movie, film = film
	movies, films = films
	picture, image, photo = picture
	pictures, images, photos = pictures
	phone, telephone = phone
	car, automobile = car
	kid, child = child
	kids, children = children
	important, key, main = main
	method, way, approach = way
	methods, ways, approaches = ways
	summary, overview = summary
	help, assist = help
	each, every = every
	about, regarding, concerning = about
	company, firm = company
	companies, firms = companies
	job, position = job
	simple, plain = simple
	meaning, sense = meaning
	well-known, famous = famous`)
