package inmem

import (
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// workers are those that have claimed, by name, with some that are gone.
type workers map[string]*pawl.WorkerStatus

// meet notes who claims, or that it claims no more.
func (w workers) meet(now time.Time, ask *pawl.Claim) {
	if ask.Leaving {
		delete(w, ask.Worker)
		return
	}
	one := w[ask.Worker]
	if one == nil {
		one = &pawl.WorkerStatus{}
		w[ask.Worker] = one
	}
	if one.BeSeen(now, ask) {
		maps.DeleteFunc(w, func(_ string, other *pawl.WorkerStatus) bool { return !other.Alive(now) })
	}
}

// alive returns the workers that are, by name.
func (w workers) alive(now time.Time) []pawl.WorkerStatus {
	alive := []pawl.WorkerStatus{}
	for _, name := range slices.Sorted(maps.Keys(w)) {
		if one := w[name]; one.Alive(now) {
			alive = append(alive, *one)
		}
	}
	return alive
}
