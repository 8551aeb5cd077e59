package sqlite

import (
	"sync"

	"github.com/pawlhq/pawl"
)

// recent is the latest events that this process has committed, so that its own watches
// need not read and decode them again: ten thousand branches end in a moment, and each of
// their ends is told to the worker and to whoever waits for the run.
//
//  1. What a transaction tells is written into the file, and put aside here.
//  2. After its commit it is published; after a rollback it is forgotten, for another
//     transaction may put other events in the same place.
//  3. A batch ends where the next one begins, whoever wrote that. So one that begins where
//     a reader stands is the next one, though there are others of other processes.
//
// What is not here is in the file.
type recent struct {
	aside []eventBatch // of the transaction that is under way; they belong to whoever leads the group

	mu    sync.Mutex
	kept  map[int64][]pawl.Event // by the position of the first of each batch
	order []eventBatch           // of kept, the oldest first
	count int                    // of all their events
}

// eventBatch is the events of one call, in one row.
type eventBatch struct {
	first  int64
	events []pawl.Event
}

// recentMost is how many events are kept, and a batch more.
const recentMost = 8192

func (r *recent) put(first int64, events []pawl.Event) {
	r.aside = append(r.aside, eventBatch{first, events})
}

func (r *recent) forget() { r.aside = nil }

func (r *recent) publish() {
	if len(r.aside) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		r.kept = map[int64][]pawl.Event{}
	}
	for _, b := range r.aside {
		r.kept[b.first] = b.events
		r.count += len(b.events)
	}
	r.order = append(r.order, r.aside...)
	r.aside = nil
	for len(r.order) > 1 && r.count > recentMost {
		r.count -= len(r.order[0].events)
		delete(r.kept, r.order[0].first)
		r.order = r.order[1:]
	}
}

// after returns the events behind a position, as far as they are here without a gap, and
// the position behind them.
func (r *recent) after(at int64) ([]pawl.Event, int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []pawl.Event
	for len(found) < eventsRead && len(r.kept[at]) > 0 {
		found = append(found, r.kept[at]...)
		at += int64(len(r.kept[at]))
	}
	return found, at
}
