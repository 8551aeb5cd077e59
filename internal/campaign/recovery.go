package main

import (
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// recovery is how long a task took from the death of its worker to its next
// start.
type recovery struct {
	Task   *pawl.TaskRow
	Worker string
	Missed time.Duration // until a store took it back, because the lease had ended
	Took   time.Duration
}

// recoveries returns those of all tasks that the killed workers had, the quickest
// first. A task that was not started again, because too many workers had died on
// it, has none.
func (e *evidence) recoveries() []recovery {
	var all []recovery
	for _, r := range e.rows {
		for i, a := range r.Attempts {
			died, killed := e.deaths[a.Worker]
			if a.Class != pawl.Lost || !killed || i+1 == len(r.Attempts) {
				continue
			}
			all = append(all, recovery{r, a.Worker, a.Ended.Sub(died), r.Attempts[i+1].Started.Sub(died)})
		}
	}
	slices.SortFunc(all, func(a, b recovery) int { return int(a.Took - b.Took) })
	return all
}
