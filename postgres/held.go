package postgres

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// Rows are read without locks, and changed only if they are as they were read:
// see the statements of writes. A transaction that failed by that is tried again
// with the rows locked, in the order of their ids.

// sorted returns ids in order, each once.
func sorted(ids []pawl.ID) []pawl.ID {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, compareIDs)
	return slices.Compact(ids)
}

func compareIDs(a, b pawl.ID) int { return bytes.Compare(a[:], b[:]) }

// lock says whether and how rows are locked as they are read.
type lock int

const (
	lockNone lock = iota
	lockLive
	lockAll
)

// Held implements [durable.Tx]. What is asked for after the transaction's first read is
// above all the parents of what ends in it: everybody who ends one of their branches
// changes them, so that it is better to wait for the row than to fail by it.
func (tx *transaction) Held(ids []pawl.ID, steps []durable.StepKey) ([]*durable.Record, []bool, error) {
	stored := make([]bool, len(steps))
	var also []call
	if len(steps) > 0 {
		also = append(also, tx.stored(steps, stored))
	}
	how := lockNone
	switch {
	case tx.try > 0 || len(steps) > 0:
		how = lockAll
	case tx.begun && !tx.foreign:
		how = lockLive
	}
	found, err := tx.tasks(ids, how, also...)
	if err != nil {
		return nil, nil, err
	}
	records := make([]*durable.Record, len(ids))
	for i, id := range ids {
		records[i] = found[id]
	}
	return records, stored, nil
}

// stored asks which steps there are.
func (tx *transaction) stored(steps []durable.StepKey, stored []bool) call {
	tasks, keys := newColumn(pgtype.UUIDOID, len(steps), 16), newColumn(pgtype.TextOID, len(steps), 64)
	for _, s := range steps {
		tasks.uuid(s.Task)
		keys.text(s.Key)
	}
	return tx.query("storedSteps", func(r *row) error {
		stored[r.int8()-1] = true
		return nil
	}, tasks.arg(), keys.arg())
}

// tasks reads tasks without payload. Those that are found in live are not looked
// for among the ended ones: nearly all are.
func (tx *transaction) tasks(ids []pawl.ID, how lock, also ...call) (map[pawl.ID]*durable.Record, error) {
	ids = sorted(ids)
	found := make(map[pawl.ID]*durable.Record, len(ids))
	name := "held"
	if how != lockNone {
		name = "heldLocked"
	}
	live := tx.query(name, collect(found, readLive), idsArg(ids))
	if err := tx.read(append([]call{live}, also...)...); err != nil {
		return nil, err
	}
	var missing []pawl.ID
	for _, id := range ids {
		if found[id] == nil {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		var calls []call
		if how == lockAll {
			calls = append(calls, tx.call("lockEnded", idsArg(missing)))
		}
		calls = append(calls, tx.query("heldEnded", collect(found, readEnded), idsArg(missing)))
		if err := tx.read(calls...); err != nil {
			return nil, err
		}
	}
	return found, tx.name(found)
}

func collect(into map[pawl.ID]*durable.Record, read func(*row) (*durable.Record, error)) func(*row) error {
	return func(r *row) error {
		rec, err := read(r)
		if err == nil {
			into[rec.ID] = rec
		}
		return err
	}
}

// name sets the parts of the tasks' bins, and reads those that are not known.
func (tx *transaction) name(found map[pawl.ID]*durable.Record) error {
	known, missing := map[int64]durable.Bin{}, 0
	numbers, ids := newColumn(pgtype.Int8OID, 0, 8), newColumn(pgtype.UUIDOID, 0, 16)
	for _, rec := range found {
		bin, ok := known[rec.Bin]
		if !ok {
			if bin, ok = tx.bins.get(rec.Bin); !ok {
				numbers.int8(rec.Bin)
				ids.uuid(rec.ID)
				missing++
			}
			known[rec.Bin] = bin
		}
		setBin(&rec.TaskRow, bin)
	}
	if numbers.n == 0 {
		return nil
	}
	read := tx.query("bins", func(r *row) error {
		number := r.int8()
		known[number] = durable.Bin{Queue: r.text(), Limit: r.text(), Operation: r.text(), User: r.text(), Priority: pawl.Priority(r.int2())}
		tx.bins.put(number, known[number])
		missing--
		return nil
	}, numbers.arg(), ids.arg())
	if err := tx.read(read); err != nil {
		return err
	}
	if missing > 0 {
		return fmt.Errorf("a task has moved since it was read: %w", durable.ErrConflict)
	}
	for _, rec := range found {
		setBin(&rec.TaskRow, known[rec.Bin])
	}
	return nil
}

// Run implements [durable.Tx].
func (tx *transaction) Run(runs []pawl.ID) ([]*durable.Record, error) {
	var ids []pawl.ID
	members := tx.query("inRuns", func(r *row) error {
		ids = append(ids, r.uuid())
		return nil
	}, idsArg(sorted(runs)))
	if err := tx.read(members); err != nil {
		return nil, err
	}
	how := lockNone
	if tx.try > 0 && !tx.foreign {
		how = lockAll
	}
	found, err := tx.tasks(ids, how)
	if err != nil {
		return nil, err
	}
	return bySeq(found), nil
}

func bySeq(found map[pawl.ID]*durable.Record) []*durable.Record {
	records := make([]*durable.Record, 0, len(found))
	for _, rec := range found {
		records = append(records, rec)
	}
	slices.SortFunc(records, func(a, b *durable.Record) int {
		switch {
		case a.Seq < b.Seq:
			return -1
		case a.Seq > b.Seq:
			return 1
		}
		return 0
	})
	return records
}

// Running implements [durable.Tx].
func (tx *transaction) Running(worker string) ([]*durable.Record, error) {
	var ids []pawl.ID
	running := tx.query("running", func(r *row) error {
		ids = append(ids, r.uuid())
		return nil
	}, textArg(worker))
	if err := tx.read(running); err != nil || len(ids) == 0 {
		return nil, err
	}
	return tx.find(pawl.Filter{IDs: ids, States: []pawl.State{pawl.Running}, Steps: true}, tx.now)
}

// readSteps sets the steps of tasks.
func (tx *transaction) readSteps(name string, tasks map[pawl.ID]*pawl.TaskRow) error {
	if len(tasks) == 0 {
		return nil
	}
	ids := make([]pawl.ID, 0, len(tasks))
	for id := range tasks {
		ids = append(ids, id)
	}
	return tx.read(tx.steps(name, tasks, ids))
}

func (tx *transaction) steps(name string, tasks map[pawl.ID]*pawl.TaskRow, ids []pawl.ID) call {
	return tx.query(name, func(r *row) error {
		id := r.uuid()
		step, err := readStep(r)
		if t := tasks[id]; t != nil {
			t.Steps = append(t.Steps, step)
		}
		return err
	}, idsArg(sorted(ids)))
}
