package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/llmsim"
)

// document is what a run of the flow works on.
type document struct {
	Number int
	Reads  int // questions that its first task asks
	Writes int // and its second
	Dies   int // the task that fails for good: 1 or 2, or 0 for neither
}

// order is a document with the way in which it is added.
type order struct {
	document
	User     string
	Priority pawl.Priority
	Twice    bool // it is added a second time at the same moment
}

// newOrder returns the n-th document, which depends on its stream alone.
func newOrder(n int, r *rand.Rand) order {
	o := order{document: document{Number: n, Reads: 1 + r.IntN(3), Writes: 1 + r.IntN(3)}}
	o.User = fmt.Sprint("user_", r.IntN(7))
	o.Priority = pawl.Priorities()[r.IntN(3)]
	o.Twice = r.IntN(8) == 0
	if u := r.IntN(25); u < 2 {
		o.Dies = 1 + u
	}
	return o
}

// beginning starts the first message of every conversation about a document: by
// it the provider's calls are told apart.
const beginning = "Document %d. "

// documentOf returns the document that a call is about.
func documentOf(c *llmsim.Call) (number int, ok bool) {
	n, err := fmt.Sscanf(c.Messages[0].Text, beginning, &number)
	return number, n == 1 && err == nil
}
