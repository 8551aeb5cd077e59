package postgres

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// addMost is how many tasks one transaction adds: how far the sequence goes on.
const addMost = 1 << 20

// crowdedFor is how long identities are locked one by one after a bucket of them
// was held for long.
const crowdedFor = 10 * time.Second

// Adding implements [durable.Tx].
//
// That ids are new is not looked up at first: they nearly always are, and adding a
// task twice fails by its key. Then the transaction is tried again, and looks. It
// looks at once if a task could be found to be its own twin, or if nothing is added
// because whoever adds has lost its lease: then no key fails.
func (tx *transaction) Adding(a durable.Adding) (durable.Added, error) {
	if len(a.IDs) > addMost {
		return durable.Added{}, fmt.Errorf("postgres: add %d tasks at once; want %d or fewer", len(a.IDs), addMost)
	}
	known := durable.Added{Runs: map[pawl.ID]pawl.ID{}, Twins: map[pawl.Hash][]*durable.Twin{}, Heads: map[pawl.Hash]bool{}}
	if len(a.IDs) == 0 {
		return known, nil
	}
	calls := tx.lockIdentities(a.Identities)
	if tx.adding = !tx.begun; !tx.adding {
		calls = append(calls, tx.query("nextSeq", func(r *row) error { tx.seq = r.int8(); return nil }))
	}
	if tx.try > 0 || tx.foreign || a.By || len(a.Identities) > 0 {
		calls = append(calls, tx.query("storedTasks", func(r *row) error {
			id := r.uuid()
			known.Runs[id] = r.uuid()
			return nil
		}, idsArg(a.IDs)))
	}
	if len(a.Heads) > 0 {
		calls = append(calls, tx.query("storedHeads", func(r *row) error { known.Heads[r.hash()] = true; return nil }, hashesArg(a.Heads)))
	}
	if len(a.Identities) > 0 {
		calls = append(calls, tx.query("twins", func(r *row) error { return readTwin(r, known.Twins) }, hashesArg(a.Identities)))
	}
	err := tx.read(calls...)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == lockNotAvailable {
		tx.crowded.set(crowdedFor)
	}
	known.Seq = tx.seq
	return known, err
}

// readTwin reads a row of the statement twins.
func readTwin(r *row, twins map[pawl.Hash][]*durable.Twin) error {
	identity := r.hash()
	t := &durable.Twin{ID: r.uuid(), Run: r.uuid(), Seq: r.int8(), State: stateOf(r.int2())}
	if packed := r.next(); packed != nil {
		var row pawl.TaskRow
		if err := unpackMore(packed, &row); err != nil {
			return err
		}
		t.Cancelling = row.Cancelling
	}
	t.Ended = r.time()
	if !t.State.Ended() {
		t.Ended = time.Time{}
	}
	twins[identity] = append(twins[identity], t)
	return nil
}
