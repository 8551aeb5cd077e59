package postgres

import (
	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// write makes a transaction's writes true and commits it, in one round trip. A
// statement that does not find what it changes as it was read fails, and those
// behind it, the commit among them, are not run.
func (tx *transaction) write(w *durable.Writes) error {
	var calls []call
	for _, part := range []func(*durable.Writes) ([]call, error){
		tx.writeClaims, tx.writeChanges, tx.writeEnds, tx.writeRevived, tx.writeDeleted, tx.writeInside, tx.writeAdded, tx.writeBook,
	} {
		more, err := part(w)
		if err != nil {
			return err
		}
		calls = append(calls, more...)
	}
	end := "commit"
	if tx.foreign {
		end = "release"
	}
	tx.ending = true
	if err := tx.read(append(calls, tx.call(end))...); err != nil {
		return err
	}
	tx.committed(w)
	return nil
}

// committed takes account of what was written.
func (tx *transaction) committed(w *durable.Writes) {
	if tx.woke != nil {
		tx.wakes.advance(tx.woke)
	}
	tx.wakes.written(w)
}

// writeBook is the statements about what all workers share, and for those who
// watch. Events come last: their numbers are taken when nothing but the commit
// can fail.
func (tx *transaction) writeBook(w *durable.Writes) ([]call, error) {
	calls := append(tx.writePages(w), tx.writeLedger(w)...)
	if len(w.Posts) > 0 && !tx.posted {
		posts, err := letter(w.Posts)
		if err != nil {
			return nil, err
		}
		calls = append(calls, tx.call("addLetter", bytesArg(posts)))
	}
	if len(w.Events) > 0 {
		events, err := tx.addEvents(w)
		if err != nil {
			return nil, err
		}
		calls = append(calls, events)
	}
	return calls, nil
}

// writeInside is the statements about what happens inside running tasks.
func (tx *transaction) writeInside(w *durable.Writes) ([]call, error) {
	var calls []call
	if len(w.Beats) > 0 && len(w.Calls) == 0 {
		calls = append(calls, tx.writeBeats(w.Beats)...)
	}
	if len(w.Calls) > 0 { // a whole change: one task may be in both
		change, err := tx.change(union(w.Calls, w.Beats))
		if err != nil {
			return nil, err
		}
		calls = append(calls, change)
	}
	if len(w.Holds) > 0 && !tx.foreign { // the caller's transaction may be open for long
		holds := byID(w.Holds)
		calls = append(calls, tx.call("hold", idsOf(holds), versionsOf(holds), int8Arg(int64(len(holds)))))
	}
	if len(w.Nodes) > 0 {
		calls = append(calls, tx.addNodes(w.Nodes)...)
	}
	if len(w.Steps) > 0 {
		calls = append(calls, tx.addSteps(w.Steps))
	}
	return calls, nil
}

// union returns the records of both, each once.
func union(a, b []*durable.Record) []*durable.Record {
	all := append([]*durable.Record{}, a...)
	seen := map[pawl.ID]bool{}
	for _, r := range a {
		seen[r.ID] = true
	}
	for _, r := range b {
		if !seen[r.ID] {
			all = append(all, r)
		}
	}
	return all
}
