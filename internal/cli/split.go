package cli

import (
	"strings"
	"unicode/utf8"
)

// split divides text into parts of at most size bytes: between paragraphs, and a
// paragraph that is longer between lines, sentences, words, or, if there is no
// other way, characters. Put together the parts are the text, but for the white
// space between them. No part is empty.
func split(text string, size int) []string {
	var parts []string
	for text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")); text != ""; {
		n := splitAt(text, size)
		parts = append(parts, strings.TrimSpace(text[:n]))
		text = strings.TrimSpace(text[n:])
	}
	return parts
}

// splitAt returns how long the first part is.
func splitAt(text string, size int) int {
	if len(text) <= size {
		return len(text)
	}
	head := text[:size]
	for _, sep := range []string{"\n\n", "\n", ". ", " "} {
		// A break in the first half would make many small parts.
		if i := strings.LastIndex(head, sep); i >= size/2 {
			return i + len(sep)
		}
	}
	n := size
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	if n == 0 {
		_, n = utf8.DecodeRuneInString(text)
	}
	return n
}
