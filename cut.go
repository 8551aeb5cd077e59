package pawl

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
)

// An answer is stored as a message of its conversation. The response that it came
// in is stored without the long strings of that message: each is a cut, and is put
// back from the message when the response is read.
//
// Cuts refer to the message's canonical JSON. Equal messages are stored once, in
// the form of whoever stored them first, and only the canonical form is the same
// for all of them.

// cut is one string that was taken out: where it stood in the response, where it
// stands in the message's canonical JSON, and how many bytes it has.
type cut [3]int

const (
	cutLeast = 32 // bytes that a string must have: a cut takes some fifteen
	cutMost  = 64 // cuts in one response
)

// cutOut returns the body without the long strings of a message, and what puts
// them back.
func cutOut(body, canonical []byte) (rest []byte, cuts []cut) {
	for _, s := range longStrings(canonical) {
		cuts = s.find(body, canonical, cuts)
		if len(cuts) >= cutMost {
			break
		}
	}
	if len(cuts) == 0 {
		return body, nil
	}
	slices.SortFunc(cuts, func(a, b cut) int { return cmp.Compare(a[0], b[0]) })
	at := 0
	for _, c := range cuts {
		rest = append(rest, body[at:c[0]]...)
		at = c[0] + c[2]
	}
	return append(rest, body[at:]...), cuts
}

// putBack returns the body that cutOut took apart.
func putBack(rest []byte, cuts []cut, canonical []byte) ([]byte, error) {
	var body []byte
	for _, c := range cuts {
		plain := c[0] - len(body)
		if plain < 0 || plain > len(rest) || c[1] < 0 || c[2] < 0 || c[2] > len(canonical) || c[1] > len(canonical)-c[2] {
			return nil, errors.New("a stored response does not fit its message")
		}
		body = append(append(body, rest[:plain]...), canonical[c[1]:c[1]+c[2]]...)
		rest = rest[plain:]
	}
	return append(body, rest...), nil
}

// span is a part: of a message's canonical JSON, or of a conversation's messages.
type span struct{ from, to int }

// longStrings returns the long strings of canonical JSON, without their quotes.
func longStrings(canonical []byte) (found []span) {
	for i := 0; i < len(canonical); i++ {
		if canonical[i] != '"' {
			continue
		}
		from := i + 1
		for i = from; i < len(canonical) && canonical[i] != '"'; i++ {
			if canonical[i] == '\\' {
				i++
			}
		}
		if to := min(i, len(canonical)); to-from >= cutLeast {
			found = append(found, span{from, to})
		}
	}
	return found
}

// find adds the cuts that take the string out of the body: the whole of it, or, if
// the body writes some characters in another way, what stands between these.
func (s span) find(body, canonical []byte, cuts []cut) []cut {
	if at := indexFree(body, canonical[s.from:s.to], 0, cuts); at >= 0 {
		return append(cuts, cut{at, s.from, s.to - s.from})
	}
	after := 0
	for from := s.from; from < s.to && len(cuts) < cutMost; {
		to := from
		for to < s.to {
			n := sameEverywhere(canonical[to:s.to])
			if n == 0 {
				break
			}
			to += n
		}
		if to-from >= cutLeast {
			if at := indexFree(body, canonical[from:to], after, cuts); at >= 0 {
				cuts = append(cuts, cut{at, from, to - from})
				after = at + to - from
			}
		}
		from = to + 1
	}
	return cuts
}

// sameEverywhere returns how many bytes the next character of a string takes, if every
// writer of JSON writes it as it stands there, else 0.
func sameEverywhere(s []byte) int {
	switch c := s[0]; {
	case c == '\\' && len(s) > 1 && bytes.IndexByte([]byte(`"\nrt`), s[1]) >= 0:
		return 2
	case c < ' ', c >= 0x7f, bytes.IndexByte([]byte(`\/<>&'`), c) >= 0:
		return 0
	}
	return 1
}

// indexFree returns where part first stands in the body, not before from and in no
// cut; -1 if nowhere.
func indexFree(body, part []byte, from int, cuts []cut) int {
	for {
		i := bytes.Index(body[from:], part)
		if i < 0 {
			return -1
		}
		at := from + i
		in := slices.IndexFunc(cuts, func(c cut) bool { return at < c[0]+c[2] && c[0] < at+len(part) })
		if in < 0 {
			return at
		}
		from = cuts[in][0] + cuts[in][2]
	}
}
