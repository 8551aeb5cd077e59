package durable

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// worker is one that has claimed. Its page is written three times in
// [pawl.WorkerTime], and not at each claim.
type worker struct{ pawl.WorkerStatus }

func (w *worker) key() string { return pageKey("worker", w.Name) }

// meet notes who claims, or that it claims no more. Whoever is noted anew drops
// those that are gone.
func (b *Book) meet(now time.Time, ask *pawl.Claim) {
	w := b.workers[ask.Worker]
	if ask.Leaving {
		if w != nil {
			b.part(w)
		}
		return
	}
	if w == nil {
		w = &worker{}
	}
	if !w.BeSeen(now, ask) {
		return
	}
	b.workers[w.Name] = w
	b.touch(w)
	for _, other := range b.workers {
		if !other.Alive(now) {
			b.part(other)
		}
	}
}

// part forgets a worker.
func (b *Book) part(w *worker) {
	delete(b.workers, w.Name)
	delete(b.dirty, w.key())
	b.gone[w.key()] = struct{}{}
}

func (b *Book) loadWorker(name string, value []byte) error {
	if value == nil {
		delete(b.workers, name)
		return nil
	}
	w := &worker{}
	if err := json.Unmarshal(value, w); err != nil {
		return err
	}
	b.workers[name] = w
	return nil
}

// alive returns the workers that are, by name.
func (b *Book) alive(now time.Time) []pawl.WorkerStatus {
	alive := []pawl.WorkerStatus{}
	for _, name := range slices.Sorted(maps.Keys(b.workers)) {
		if w := b.workers[name]; w.Alive(now) {
			alive = append(alive, w.WorkerStatus)
		}
	}
	return alive
}
