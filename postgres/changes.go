package postgres

import (
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// guards are the ids of rows and the versions that were read, xmin.
type guards struct{ ids, versions *column }

func newGuards(n int) guards {
	return guards{newColumn(pgtype.UUIDOID, n, 16), newColumn(pgtype.XIDOID, n, 4)}
}

func (g guards) put(r *durable.Record) {
	g.ids.uuid(r.ID)
	g.versions.xid(r.Token)
}

// beat is the statement that prolongs leases.
func (tx *transaction) beat(records []*durable.Record) call {
	records = byID(records)
	rows, wakes := newGuards(len(records)), newColumn(pgtype.Int8OID, len(records), 8)
	for _, r := range records {
		rows.put(r)
		wakes.time(r.Wake())
	}
	return tx.call("beatLive", rows.ids.arg(), rows.versions.arg(), wakes.arg(), int8Arg(int64(len(records))))
}

// writeChanges is the statement about tasks that have not ended.
func (tx *transaction) writeChanges(w *durable.Writes) ([]call, error) {
	if len(w.Change) == 0 {
		return nil, nil
	}
	change, err := tx.change(w.Change)
	return []call{change}, err
}

func (tx *transaction) change(records []*durable.Record) (call, error) {
	records = byID(records)
	n := len(records)
	rows := newGuards(n)
	states, attempts := newColumn(pgtype.Int2OID, n, 2), newColumn(pgtype.Int4OID, n, 4)
	wakes, started, workers := newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.TextOID, n, 32)
	sizes := newSizes(n)
	costs, shares, classes := newColumn(pgtype.Float8OID, n, 8), newColumn(pgtype.Float8OID, n, 8), newColumn(pgtype.TextOID, n, 16)
	calls, mores := newColumn(pgtype.ByteaOID, n, 128), newColumn(pgtype.ByteaOID, n, 256)
	for _, r := range records {
		rows.put(r)
		states.int2(stateNumbers[r.State])
		attempts.int4(r.Attempt)
		wakes.time(r.Wake())
		started.time(r.Started)
		workers.name(r.Worker)
		sizes.put(r.Size)
		costs.float8(r.Cost)
		shares.float8(r.Share)
		classes.name(string(r.LastAttempt().Class))
		packed, err := packCalls(r.Calls)
		if err != nil {
			return call{}, err
		}
		calls.bytes(packed)
		more, err := packMore(&r.TaskRow)
		if err != nil {
			return call{}, err
		}
		mores.bytes(more)
	}
	return tx.call("changeLive", rows.ids.arg(), rows.versions.arg(), states.arg(), attempts.arg(), wakes.arg(), started.arg(), workers.arg(),
		sizes[0].arg(), sizes[1].arg(), sizes[2].arg(), costs.arg(), shares.arg(), classes.arg(), calls.arg(), mores.arg(), int8Arg(int64(n))), nil
}

// writeEnds is the statements that move tasks that have ended.
func (tx *transaction) writeEnds(w *durable.Writes) ([]call, error) {
	if len(w.End) == 0 {
		return nil, nil
	}
	records := byID(w.End)
	versions := newColumn(pgtype.XIDOID, len(records), 4)
	for _, r := range records {
		versions.xid(r.Token)
	}
	end, err := tx.addEnded("end", records, versions.arg(), int8Arg(int64(len(records))))
	return []call{end}, err
}

// addEnded is a statement that stores tasks that have ended, with more arguments.
func (tx *transaction) addEnded(name string, records []*durable.Record, more ...arg) (call, error) {
	n := len(records)
	ids, states, ended := newColumn(pgtype.UUIDOID, n, 16), newColumn(pgtype.Int2OID, n, 2), newColumn(pgtype.Int8OID, n, 8)
	attempts, started, workers := newColumn(pgtype.Int4OID, n, 4), newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.TextOID, n, 32)
	classes, fingerprints := newColumn(pgtype.TextOID, n, 16), newColumn(pgtype.TextOID, n, 16)
	identities, outputs, mores := newColumn(pgtype.ByteaOID, n, 32), newColumn(pgtype.ByteaOID, n, 256), newColumn(pgtype.ByteaOID, n, 256)
	for _, r := range records {
		ids.uuid(r.ID)
		states.int2(stateNumbers[r.State])
		ended.time(r.Ended)
		attempts.int4(r.Attempt)
		started.time(r.Started)
		workers.name(r.Worker)
		classes.name(string(r.LastAttempt().Class))
		fingerprints.name(r.Fingerprint)
		identity := r.Identity
		if r.State != pawl.Succeeded {
			identity = pawl.Hash{} // only a result can answer for another task
		}
		identities.hash(identity)
		outputs.packed(r.Output)
		packed, err := packMore(&r.TaskRow)
		if err != nil {
			return call{}, err
		}
		mores.bytes(packed)
	}
	return tx.call(name, append([]arg{ids.arg(), states.arg(), ended.arg(), attempts.arg(), started.arg(), workers.arg(), classes.arg(), fingerprints.arg(),
		identities.arg(), outputs.arg(), mores.arg()}, more...)...), nil
}

// writeRevived is the statements that bring back dead or cancelled tasks.
func (tx *transaction) writeRevived(w *durable.Writes) ([]call, error) {
	if len(w.Revive) == 0 {
		return nil, nil
	}
	records := byID(w.Revive)
	n := len(records)
	rows := newGuards(n)
	runs, seqs, bins := newColumn(pgtype.UUIDOID, n, 16), newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.Int8OID, n, 8)
	states, attempts := newColumn(pgtype.Int2OID, n, 2), newColumn(pgtype.Int4OID, n, 4)
	wakes, started, workers := newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.TextOID, n, 32)
	sizes := newSizes(n)
	classes, identities, mores := newColumn(pgtype.TextOID, n, 16), newColumn(pgtype.ByteaOID, n, 32), newColumn(pgtype.ByteaOID, n, 256)
	for _, r := range records {
		rows.put(r)
		runs.run(r)
		seqs.int8(r.Seq)
		bins.int8(r.Bin)
		states.int2(stateNumbers[r.State])
		attempts.int4(r.Attempt)
		wakes.time(r.Wake())
		started.time(r.Started)
		workers.name(r.Worker)
		sizes.put(r.Size)
		classes.name(string(r.LastAttempt().Class))
		identities.hash(r.Identity)
		more, err := packMore(&r.TaskRow)
		if err != nil {
			return nil, err
		}
		mores.bytes(more)
	}
	calls := []call{
		tx.call("dropEnded", rows.ids.arg(), rows.versions.arg(), int8Arg(int64(n))),
		tx.call("reviveLive", rows.ids.arg(), runs.arg(), seqs.arg(), bins.arg(), states.arg(), attempts.arg(), wakes.arg(), started.arg(), workers.arg(),
			sizes[0].arg(), sizes[1].arg(), sizes[2].arg(), classes.arg(), identities.arg(), mores.arg()),
	}
	if w.Input {
		inputs := newColumn(pgtype.ByteaOID, n, inputSize(records))
		for _, r := range records {
			inputs.packed(r.Input)
		}
		calls = append(calls, tx.call("newInput", rows.ids.arg(), inputs.arg(), identities.arg()))
		dropped, err := tx.forgetAfter("dropSteps", rows.ids.arg())
		return append(calls, dropped...), err
	}
	return calls, nil
}

// writeDeleted is the statements that remove ended tasks.
func (tx *transaction) writeDeleted(w *durable.Writes) ([]call, error) {
	if len(w.Delete) == 0 {
		return nil, nil
	}
	records := byID(w.Delete)
	rows := newGuards(len(records))
	for _, r := range records {
		rows.put(r)
	}
	calls := []call{tx.call("dropEnded", rows.ids.arg(), rows.versions.arg(), int8Arg(int64(len(records))))}
	deleted, err := tx.forgetAfter("deleteTasks", rows.ids.arg())
	return append(calls, deleted...), err
}

// forgetAfter runs a statement that removes tasks or steps, and returns those that
// remove the messages that nothing refers to any more.
func (tx *transaction) forgetAfter(name string, ids arg) ([]call, error) {
	var heads []pawl.Hash
	err := tx.read(tx.query(name, func(r *row) error {
		heads = append(heads, r.hash())
		return nil
	}, ids))
	if err != nil || len(heads) == 0 {
		return nil, err
	}
	return []call{tx.call("forget", hashesArg(heads))}, nil
}
