package cli

import (
	"fmt"
	"time"

	"github.com/pawlhq/pawl"
)

// unsentTold is how long no call may reach the provider before that is shown.
const unsentTold = 3 * time.Second

// notice is what the user has to know at once; "" for nothing.
func (p progress) notice() string {
	if p.ending {
		running := 0
		for _, o := range p.operations {
			running += o.running
		}
		return fmt.Sprintf("interrupted: waiting for %s; press ctrl-C again to stop at once", plural(running, "call"))
	}
	if p.unsent >= unsentTold {
		return fmt.Sprintf("no call reaches the provider: giving up in %.0f s", max(unsentMost-p.unsent, 0).Seconds())
	}
	return ""
}

// interrupt says that only what is under way goes on.
func (b *board) interrupt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now.ending = true
}

// joinsTold is how many of a document's parts that are joined get a line each.
const joinsTold = 3

// join says that a document takes what a run for an identical one gives.
func (b *board) join(run pawl.ID, title string) {
	b.joinParts(title, []pawl.ID{run}, []string{title})
}

// joinParts says the same of parts of a document.
func (b *board) joinParts(title string, runs []pawl.ID, titles []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.resumed {
		return // it takes what it has got already
	}
	b.now.joins += len(runs)
	for i, run := range runs[:min(len(runs), joinsTold)] {
		text := "identical: one analysis for both"
		if first := b.titles[run]; first != "" && first != titles[i] {
			text = "same as " + first
		}
		b.say("joined", titles[i], text)
	}
	if more := len(runs) - joinsTold; more > 0 {
		b.say("joined", title, plural(more, "more part")+" that repeat others")
	}
}
