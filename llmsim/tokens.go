package llmsim

import (
	"unicode"
	"unicode/utf8"
)

// CountTokens returns how many tokens text is to the simulated models. It is
// an estimate after the habits of real tokenisers, within some 10 % of them on
// English prose:
//
//   - a word is one token for its first seven letters and one more for every
//     five after them; its leading space is part of it;
//   - digits are taken by threes;
//   - a run of one punctuation mark is a token for every four of it, and a run
//     of white space, unless it is one space, is one token;
//   - outside ASCII, a word is a token for every three letters of an alphabet,
//     and every Chinese, Japanese or Korean character is a token.
func CountTokens(text string) int {
	n := 0
	for len(text) > 0 {
		size, tokens := run(text)
		n += tokens
		text = text[size:]
	}
	return n
}

// cutTokens returns the longest beginning of text, in whole runs, that has no
// more than n tokens, and its tokens.
func cutTokens(text string, n int) (string, int) {
	used, end := 0, 0
	for end < len(text) {
		size, tokens := run(text[end:])
		if used+tokens > n {
			break
		}
		used += tokens
		end += size
	}
	return text[:end], used
}

// kind of a character, as far as tokens are concerned.
type kind byte

const (
	space kind = iota
	letter
	digit
	mark
	wide // a character that is a token by itself
)

// run returns the size in bytes of the first run of text, which is not empty,
// and its tokens.
func run(text string) (size, tokens int) {
	first, width := utf8.DecodeRuneInString(text)
	k := kindOf(first)
	n, ascii := 1, first < utf8.RuneSelf
	size = width
	for size < len(text) && k != wide {
		r, width := utf8.DecodeRuneInString(text[size:])
		if kindOf(r) != k || k == mark && r != first {
			break
		}
		n++
		ascii = ascii && r < utf8.RuneSelf
		size += width
	}
	return size, worth(k, n, ascii, first)
}

// worth returns the tokens of a run of n characters.
func worth(k kind, n int, ascii bool, first rune) int {
	switch {
	case k == space && n == 1 && first == ' ':
		return 0
	case k == space, k == wide:
		return 1
	case k == digit:
		return (n + 2) / 3
	case k == mark:
		return (n + 3) / 4
	case !ascii:
		return (n + 2) / 3
	case n <= 7:
		return 1
	}
	return 1 + (n-3)/5
}

func kindOf(r rune) kind {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
		return letter
	case r == ' ', r == '\n', r == '\t', r == '\r':
		return space
	case '0' <= r && r <= '9':
		return digit
	case r < utf8.RuneSelf:
		return mark
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
		return wide
	case unicode.IsLetter(r), unicode.IsMark(r):
		return letter
	case unicode.IsSpace(r):
		return space
	case unicode.IsDigit(r):
		return digit
	}
	return mark
}
