package price

import (
	_ "embed"
	"maps"
	"sync"
)

//go:embed builtin.json
var builtinJSON []byte

var builtin = sync.OnceValue(func() *Table {
	t, err := Parse(builtinJSON)
	if err != nil {
		panic(err) // a test parses it
	}
	return t
})

// Builtin returns list prices, in US dollars, of widely used chat models of
// Anthropic and OpenAI and of OpenAI's embedding models, as they were on the day of
// its Date. It is a convenience for a first estimate: prices change, models come,
// and no list that is compiled into a program knows. For accounting, bring a table
// of your own, with what your contract says.
//
// Where a provider asks several prices for a model, it has that of an ordinary call:
// standard speed, no batch, no surcharge for a long prompt, a cache that keeps for
// five minutes. A model whose price steps up within common lengths of a prompt is left out.
//
// Each call returns a copy, to be changed as the caller likes.
func Builtin() *Table {
	t := *builtin()
	t.Models = maps.Clone(t.Models)
	return &t
}
