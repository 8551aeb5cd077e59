package llmsim

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
)

// Bounds on the work for one text. Without them it grows with the square of
// the number of sentences.
const (
	mostPairs  = 1_000_000 // pairs of sentences that share a word, counted for each word
	mostRounds = 40
	damping    = 0.85
	settled    = 1e-4
)

// important returns the n sentences of text that say most of what the others
// say (TextRank, Mihalcea and Tarau 2004), in their order. They are not
// repetitive: one that shares most of its words with a better one is left out,
// unless there are too few others.
func important(text string, n int) []string {
	all := sentences(text)
	terms, names := termsOf(all)
	score := rank(terms, names)
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(readable(terms[j]), readable(terms[i])), cmp.Compare(score[j], score[i]))
	})
	chosen := choose(order, n, nil, func(i, j int) bool { return similar(terms[i], terms[j]) })
	chosen = choose(order, n, chosen, func(i, j int) bool { return slices.Equal(terms[i], terms[j]) })
	slices.Sort(chosen)
	out := make([]string, len(chosen))
	for k, i := range chosen {
		out[k] = all[i]
	}
	return out
}

// choose adds to chosen, best first, up to n sentences that repeat none of it.
func choose(order []int, n int, chosen []int, repeats func(i, j int) bool) []int {
	for _, i := range order {
		if len(chosen) >= n {
			break
		}
		if !slices.ContainsFunc(chosen, func(j int) bool { return i == j || repeats(i, j) }) {
			chosen = append(chosen, i)
		}
	}
	return chosen
}

// readable prefers sentences of a length that stands by itself.
func readable(terms []int32) int {
	switch n := len(terms); {
	case n >= 4 && n <= 18:
		return 2
	case n >= 2:
		return 1
	}
	return 0
}

// similar reports whether a has six in ten of its terms from b.
func similar(a, b []int32) bool {
	return len(a) > 0 && shared(a, b)*10 >= 6*len(a)
}

// shared counts the terms of both. They are sorted.
func shared(a, b []int32) int {
	n := 0
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			n++
			a, b = a[1:], b[1:]
		}
	}
	return n
}

// termsOf returns the terms of each sentence, sorted and each once, as numbers
// below the second result.
func termsOf(sentences []string) ([][]int32, int) {
	ids := map[string]int32{}
	out := make([][]int32, len(sentences))
	for i, s := range sentences {
		for word := range strings.FieldsFuncSeq(s, notWord) {
			term := stem(strings.ToLower(word))
			if term == "" {
				continue
			}
			id, ok := ids[term]
			if !ok {
				id = int32(len(ids))
				ids[term] = id
			}
			out[i] = append(out[i], id)
		}
		slices.Sort(out[i])
		out[i] = slices.Compact(out[i])
	}
	return out, len(ids)
}

func notWord(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '’'
}

// stem returns the part of a word that its forms have in common, roughly, or
// "" if the word says nothing by itself.
func stem(w string) string {
	w = strings.Trim(w, "'’")
	w, _, _ = strings.Cut(strings.ReplaceAll(w, "’", "'"), "'")
	if len(w) < 3 || stopWords[w] {
		return ""
	}
	for _, end := range []struct {
		suffix, with string
		least        int
	}{{"ies", "y", 5}, {"ing", "", 6}, {"ed", "", 5}, {"ly", "", 6}, {"ss", "ss", 0}, {"us", "us", 0}, {"is", "is", 0}, {"s", "", 4}} {
		if len(w) >= end.least && strings.HasSuffix(w, end.suffix) {
			w = strings.TrimSuffix(w, end.suffix) + end.with
			break
		}
	}
	return strings.TrimSuffix(w, "e")
}

// edge joins two sentences that share words.
type edge struct {
	i, j   int32
	weight float32
}

// rank scores sentences by the damped power iteration over their likeness:
// the words they share, over the logarithms of their lengths.
func rank(terms [][]int32, names int) []float64 {
	edges := edgesOf(terms, postings(terms, names))
	out := make([]float64, len(terms))
	for _, e := range edges {
		out[e.i] += float64(e.weight)
		out[e.j] += float64(e.weight)
	}
	score, next := make([]float64, len(terms)), make([]float64, len(terms))
	for i := range score {
		score[i] = 1
	}
	for range mostRounds {
		clear(next)
		for _, e := range edges {
			w := float64(e.weight)
			next[e.j] += w / out[e.i] * score[e.i]
			next[e.i] += w / out[e.j] * score[e.j]
		}
		change := 0.0
		for i := range next {
			next[i] = 1 - damping + damping*next[i]
			change = max(change, math.Abs(next[i]-score[i]))
		}
		score, next = next, score
		if change < settled {
			break
		}
	}
	return score
}

// postings lists the sentences of each term, rarest terms first, until the
// bound on pairs is reached. The commonest terms tell sentences apart least:
// their lists are left empty.
func postings(terms [][]int32, names int) [][]int32 {
	lists := make([][]int32, names)
	for i, ts := range terms {
		for _, t := range ts {
			lists[t] = append(lists[t], int32(i))
		}
	}
	order := make([]int, names)
	for t := range order {
		order[t] = t
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(lists[a]), len(lists[b])) })
	pairs := 0
	for _, t := range order {
		if pairs += len(lists[t]) * (len(lists[t]) - 1) / 2; pairs > mostPairs {
			lists[t] = nil
		}
	}
	return lists
}

// edgesOf counts the shared terms of each pair. It consumes lists.
func edgesOf(terms [][]int32, lists [][]int32) []edge {
	var edges []edge
	count := make([]int32, len(terms))
	var touched []int32
	for i, ts := range terms {
		touched = touched[:0]
		for _, t := range ts {
			if len(lists[t]) == 0 {
				continue
			}
			lists[t] = lists[t][1:] // i itself: lists are in order
			for _, j := range lists[t] {
				if count[j] == 0 {
					touched = append(touched, j)
				}
				count[j]++
			}
		}
		for _, j := range touched {
			lengths := math.Log(1+float64(len(ts))) + math.Log(1+float64(len(terms[j])))
			edges = append(edges, edge{int32(i), j, float32(float64(count[j]) / lengths)})
			count[j] = 0
		}
	}
	return edges
}

// stopWords say nothing by themselves. Words of two letters need no entry.
var stopWords = set(`the and for are but not you all any can had her was one our out has him his how its may
	new now old see two who did yes she use way too let per via nor off yet also been from have here into just like made many more
	most much must only over same some such than that them then there these they this those thus time unto upon very was
	were what when where which while whom whose why will with would your yours about above after again against because
	before being below between both could does doing down during each else ever every few further hence however if
	itself less might myself neither never none other others ought ourselves own rather said says say shall should since so
	still themselves therefore though through together toward towards under until whether within without yourself ye thou
	another first second third last next well even often always perhaps quite almost among amongst according`)
