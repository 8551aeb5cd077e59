package pawl

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// DiffLine is a line of a text that A, or B, or both have.
type DiffLine struct {
	In   string `json:"in,omitempty"` // "a" or "b"; "" for both
	Text string `json:"text"`
}

// diffJSON compares two values line by line. Strings are their text; members and
// elements have lines of their own.
func diffJSON(a, b json.RawMessage) []DiffLine {
	as, bs := linesOf(a), linesOf(b)
	var lines []DiffLine
	put := func(in string, texts []string) {
		for _, t := range texts {
			lines = append(lines, DiffLine{in, t})
		}
	}
	i, j := 0, 0
	for _, m := range common(len(as), len(bs), func(i, j int) bool { return as[i] == bs[j] }) {
		put("a", as[i:m[0]])
		put("b", bs[j:m[1]])
		put("", as[m[0]:m[0]+1])
		i, j = m[0]+1, m[1]+1
	}
	put("a", as[i:])
	put("b", bs[j:])
	return lines
}

// linesOf writes JSON as lines of text.
func linesOf(raw json.RawMessage) []string {
	if len(raw) == 0 {
		return nil
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return textLines(string(raw))
	}
	return valueLines(v)
}

func valueLines(v any) (lines []string) {
	switch v := v.(type) {
	case string:
		return textLines(v)
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			lines = append(lines, under(name+":", valueLines(v[name]))...)
		}
	case []any:
		for _, e := range v {
			lines = append(lines, under("-", valueLines(e))...)
		}
	default:
		text, _ := marshal(v) // it came from JSON
		return []string{string(text)}
	}
	return lines
}

// under puts lines behind a label if there is one, else below it.
func under(label string, lines []string) []string {
	switch len(lines) {
	case 0:
		return []string{label}
	case 1:
		return []string{label + " " + lines[0]}
	}
	all := []string{label}
	for _, l := range lines {
		all = append(all, "  "+l)
	}
	return all
}

// textMost is how long a line of text may be, in bytes, before it is divided at the
// ends of its sentences: a paragraph in which a word has changed is not a new one.
const textMost = 80

func textLines(text string) (lines []string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) > textMost {
			for end := sentence(line); end >= 0; end = sentence(line) {
				lines = append(lines, line[:end])
				line = strings.TrimLeft(line[end:], " ")
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// sentence returns where the first sentence of a text ends, if another one follows; -1
// if none does.
func sentence(text string) int {
	for i, r := range text {
		end := i + utf8.RuneLen(r)
		switch r {
		case '.', '!', '?', ';':
			if strings.HasPrefix(text[end:], " ") && strings.TrimSpace(text[end:]) != "" {
				return end
			}
		case '。', '！', '？':
			if end < len(text) {
				return end
			}
		}
	}
	return -1
}

// commonMost is how many comparisons are worth a longest common sequence.
const commonMost = 4_000_000

// common returns a longest common subsequence of two lists of n and m elements, as
// pairs of their places. Where that would take too long, it returns only what is the
// same at the beginning and at the end.
func common(n, m int, same func(i, j int) bool) (all [][2]int) {
	first := 0
	for first < n && first < m && same(first, first) {
		all = append(all, [2]int{first, first})
		first++
	}
	last := 0
	for last < n-first && last < m-first && same(n-1-last, m-1-last) {
		last++
	}
	all = append(all, longest(first, n-last, m-last, same)...)
	for k := last; k > 0; k-- {
		all = append(all, [2]int{n - k, m - k})
	}
	return all
}

// longest is common of what is from first on, up to n and m.
func longest(first, n, m int, same func(i, j int) bool) (all [][2]int) {
	rows, columns := n-first, m-first
	if rows == 0 || columns == 0 || rows*columns > commonMost {
		return nil
	}
	length := make([]int32, (rows+1)*(columns+1)) // of the longest one behind these places
	at := func(i, j int) *int32 { return &length[i*(columns+1)+j] }
	for i := rows - 1; i >= 0; i-- {
		for j := columns - 1; j >= 0; j-- {
			if same(first+i, first+j) {
				*at(i, j) = *at(i+1, j+1) + 1
			} else {
				*at(i, j) = max(*at(i+1, j), *at(i, j+1))
			}
		}
	}
	for i, j := 0, 0; i < rows && j < columns; {
		switch {
		case same(first+i, first+j):
			all = append(all, [2]int{first + i, first + j})
			i, j = i+1, j+1
		case *at(i+1, j) >= *at(i, j+1):
			i++
		default:
			j++
		}
	}
	return all
}
