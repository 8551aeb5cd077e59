package services

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Settings of a server by their names.
type settings map[string]string

// with returns s with those of other over its own.
func (s settings) with(other settings) settings {
	all := maps.Clone(s)
	maps.Copy(all, other)
	return all
}

// lines returns each setting in the format that its server reads.
func (s settings) lines(format string) []byte {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&b, format+"\n", name, s[name])
	}
	return []byte(b.String())
}
