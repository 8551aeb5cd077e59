package storetest

import (
	"context"
	"time"

	"github.com/pawlhq/pawl"
)

// Difference returns how many operations of a seed lead to a difference between
// inmem and another store, and to how many Compare can bring that down; 0 if there
// is no difference.
func Difference(ctx context.Context, open func() pawl.Store, seed uint64) (found int, shrink func() (int, string)) {
	c := comparison{ctx, open, seed}
	d := c.run(allSteps())
	if d == nil {
		return 0, nil
	}
	return len(d.steps), func() (int, string) {
		d := c.shrink(d, time.Now().Add(time.Hour)) // however slow the machine is
		return len(d.steps), d.String()
	}
}
