package cli

import (
	"fmt"
	"time"
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
