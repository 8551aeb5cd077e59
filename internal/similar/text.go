package similar

import (
	"hash/fnv"
	"math/bits"
	"slices"
	"strings"
)

// Text is a text made ready to be compared. It is not changed after [Prepare], and
// may be used by many goroutines at once.
type Text struct {
	raw    string
	tokens []token // what is said, without courtesy
	sketch uint64
	formal bool // about how a text is written: no difference is too small
	lower  bool // nobody pressed shift: there is no capital letter at all
	marks  marks
}

// Prepare reads a text. Any bytes are a text; those that are not UTF-8 are compared
// as they are. It takes time in proportion to the length of s.
func Prepare(s string) *Text {
	t := &Text{raw: s, lower: !strings.ContainsFunc(s, isUpper)}
	sentences := split(scan(s))
	count := 0
	for i := range sentences {
		sentences[i].read()
		count += len(sentences[i].tokens)
	}
	t.tokens = make([]token, 0, count)
	for _, part := range withoutCourtesy(sentences) {
		t.tokens = append(t.tokens, part...)
	}
	t.formal = slices.ContainsFunc(t.tokens, func(t token) bool { return t.kind == word && formal[t.key] })
	t.sketch = sketch(t.tokens)
	t.marks = collect(t.tokens)
	t.marks.lower = t.lower
	return t
}

// Empty reports whether nothing is left to compare: no words, or nothing but
// courtesy.
func (t *Text) Empty() bool { return len(t.tokens) == 0 }

// Sketch returns a SimHash of 64 bits over the words of the text and the pairs of
// neighbours, each as it is compared. Texts that share most of them have sketches
// of a small [Distance], and texts that share none have one of about 32.
func (t *Text) Sketch() uint64 { return t.sketch }

// Distance returns in how many bits two sketches differ, 0 to 64.
func Distance(a, b uint64) int { return bits.OnesCount64(a ^ b) }

func sketch(tokens []token) uint64 {
	var votes [64]int
	vote := func(parts ...string) {
		h := fnv.New64a()
		for _, p := range parts {
			h.Write([]byte(p))
			h.Write([]byte{0})
		}
		for i, sum := 0, mix(h.Sum64()); i < 64; i++ {
			votes[i] += int(sum>>i&1)*2 - 1
		}
	}
	last := ""
	for i := range tokens {
		s := tokens[i].stem()
		vote(s)
		if i > 0 {
			vote(last, s)
		}
		last = s
	}
	var out uint64
	for i, v := range votes {
		if v > 0 {
			out |= 1 << i
		}
	}
	return out
}

// mix spreads a hash over all bits: the upper ones of FNV hardly change with the
// last bytes.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
