package trial

import (
	"math/rand/v2"
	"strings"
)

// Args are a task's arguments: 1 KiB of JSON.
type Args struct {
	N    int    `json:"n"` // numbers the tasks of a trial from 0
	Text string `json:"text"`
}

// texts are what the arguments carry: words, since a text of one letter would
// flatter an engine that compresses.
var texts = func() (texts [64]string) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range texts {
		var b strings.Builder
		for b.Len() < 1000 {
			for range 2 + r.IntN(8) {
				b.WriteByte(byte('a' + r.IntN(26)))
			}
			b.WriteByte(' ')
		}
		texts[i] = b.String()[:1000]
	}
	return texts
}()

// Arg returns the arguments of task n.
func Arg(n int) Args { return Args{n, texts[n%len(texts)]} }

// List returns the arguments of n tasks, counted from 0.
func List(n int) []Args {
	list := make([]Args, n)
	for i := range list {
		list[i] = Arg(i)
	}
	return list
}
