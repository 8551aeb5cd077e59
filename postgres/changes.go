package postgres

import (
	"slices"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// idsOf returns the ids of rows.
func idsOf(records []*durable.Record) arg {
	c := newColumn(pgtype.UUIDOID, len(records), 16)
	for _, r := range records {
		c.uuid(r.ID)
	}
	return c.arg()
}

// versionsOf returns the versions that were read of rows, their xmin, each once:
// what was claimed together has one.
func versionsOf(records []*durable.Record) arg {
	c, seen := newColumn(pgtype.XIDOID, 1, 4), map[int64]bool{}
	for _, r := range records {
		if !seen[r.Token] {
			seen[r.Token] = true
			c.xid(r.Token)
		}
	}
	return c.arg()
}

// writeBeats is the statements that prolong leases, one for each end.
func (tx *transaction) writeBeats(records []*durable.Record) []call {
	var calls []call
	for records = byID(records); len(records) > 0; {
		until := records[0].LeaseUntil
		var together, others []*durable.Record
		for _, r := range records {
			if r.LeaseUntil.Equal(until) {
				together = append(together, r)
			} else {
				others = append(others, r)
			}
		}
		calls = append(calls, tx.call("beat", idsOf(together), versionsOf(together), int8Arg(micro(until)), int8Arg(int64(len(together)))))
		records = others
	}
	return calls
}

// writeChanges is the statement about tasks that have not ended.
func (tx *transaction) writeChanges(w *durable.Writes) ([]call, error) {
	if len(w.Change) == 0 {
		return nil, nil
	}
	change, err := tx.change(w.Change)
	calls := []call{change}
	if len(w.Moves) > 0 {
		calls = append(calls, tx.move(w.Moves))
	}
	return calls, err
}

// move is the statement about tasks that another operation goes on with.
func (tx *transaction) move(moves []durable.Move) call {
	records := make([]*durable.Record, len(moves))
	for i, m := range moves {
		records[i] = m.Record
	}
	records = byID(records)
	n := len(records)
	bins, mosts := newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.Int4OID, n, 4)
	queues, limits, operations := newColumn(pgtype.TextOID, n, 16), newColumn(pgtype.TextOID, n, 16), newColumn(pgtype.TextOID, n, 16)
	for _, r := range records {
		bins.int8(r.Bin)
		queues.text(r.Queue)
		limits.text(r.Limit)
		operations.text(r.Operation)
		mosts.int4(r.MaxAttempts)
	}
	return tx.call("moveTasks", idsOf(records), bins.arg(), queues.arg(), limits.arg(), operations.arg(), mosts.arg(), int8Arg(int64(n)))
}

func (tx *transaction) change(records []*durable.Record) (call, error) {
	records = byID(records)
	n := len(records)
	bins, states, attempts := newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.Int2OID, n, 2), newColumn(pgtype.Int4OID, n, 4)
	wakes, started, workers := newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.TextOID, n, 32)
	sizes := newSizes(n)
	costs, shares, classes := newColumn(pgtype.Float8OID, n, 8), newColumn(pgtype.Float8OID, n, 8), newColumn(pgtype.TextOID, n, 16)
	calls, mores := newColumn(pgtype.ByteaOID, n, 128), newColumn(pgtype.ByteaOID, n, 256)
	for _, r := range records {
		bins.int8(r.Bin)
		states.int2(stateNumbers[r.State])
		attempts.int4(r.Attempt)
		wakes.time(r.Wake())
		started.time(r.Started)
		workers.name(r.Worker)
		sizes.put(r.Size)
		costs.float8(r.Cost)
		shares.float8(r.Share)
		classes.name(string(r.LastAttempt().Class))
		calls.bytes(durable.PackCalls(r.Calls))
		more, err := packMore(&r.TaskRow)
		if err != nil {
			return call{}, err
		}
		mores.bytes(more)
	}
	return tx.call("changeLive", idsOf(records), versionsOf(records), states.arg(), attempts.arg(), wakes.arg(), started.arg(), workers.arg(),
		sizes[0].arg(), sizes[1].arg(), sizes[2].arg(), costs.arg(), shares.arg(), classes.arg(), calls.arg(), mores.arg(), int8Arg(int64(n)), bins.arg()), nil
}

// writeEnds is the statements that move tasks that have ended, and change those that
// had before.
func (tx *transaction) writeEnds(w *durable.Writes) ([]call, error) {
	var now, before []*durable.Record
	for _, r := range byID(w.End) {
		if r.Token&endedToken == 0 {
			now = append(now, r)
		} else {
			before = append(before, r)
		}
	}
	var calls []call
	if len(before) > 0 {
		mores := newColumn(pgtype.ByteaOID, len(before), 256)
		for _, r := range before {
			more, err := packMore(&r.TaskRow)
			if err != nil {
				return nil, err
			}
			mores.bytes(more)
		}
		calls = append(calls, tx.call("changeEnded", idsOf(before), versionsOf(before), mores.arg(), int8Arg(int64(len(before)))))
	}
	for part := range slices.Chunk(now, partRows) {
		end := tx.call("end")
		end.late = func() ([]arg, error) {
			args, err := endedArgs(part)
			return append(args, versionsOf(part), int8Arg(int64(len(part)))), err
		}
		calls = append(calls, end)
	}
	return calls, nil
}

// endedArgs is the arguments of the statement that stores tasks that have ended.
func endedArgs(records []*durable.Record) ([]arg, error) {
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
			return nil, err
		}
		mores.bytes(packed)
	}
	return []arg{ids.arg(), states.arg(), ended.arg(), attempts.arg(), started.arg(), workers.arg(), classes.arg(), fingerprints.arg(),
		identities.arg(), outputs.arg(), mores.arg()}, nil
}

// writeRevived is the statements that bring back dead or cancelled tasks.
func (tx *transaction) writeRevived(w *durable.Writes) ([]call, error) {
	if len(w.Revive) == 0 {
		return nil, nil
	}
	records := byID(w.Revive)
	n := len(records)
	runs, seqs, bins := newColumn(pgtype.UUIDOID, n, 16), newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.Int8OID, n, 8)
	states, attempts := newColumn(pgtype.Int2OID, n, 2), newColumn(pgtype.Int4OID, n, 4)
	wakes, started, workers := newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.Int8OID, n, 8), newColumn(pgtype.TextOID, n, 32)
	sizes := newSizes(n)
	classes, identities, mores := newColumn(pgtype.TextOID, n, 16), newColumn(pgtype.ByteaOID, n, 32), newColumn(pgtype.ByteaOID, n, 256)
	for _, r := range records {
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
	ids := idsOf(records)
	calls := []call{
		tx.call("dropEnded", ids, versionsOf(records), int8Arg(int64(n))),
		tx.call("reviveLive", ids, runs.arg(), seqs.arg(), bins.arg(), states.arg(), attempts.arg(), wakes.arg(), started.arg(), workers.arg(),
			sizes[0].arg(), sizes[1].arg(), sizes[2].arg(), classes.arg(), identities.arg(), mores.arg()),
	}
	if w.Input {
		first := records[0]
		var identity []byte // none is null
		if !first.Identity.IsZero() {
			identity = first.Identity[:]
		}
		calls = append(calls, tx.call("newInput", ids, bytesArg(durable.Pack(first.Input)), bytesArg(identity)))
		dropped, err := tx.forgetAfter("dropSteps", ids)
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
	ids := idsOf(records)
	calls := []call{tx.call("dropEnded", ids, versionsOf(records), int8Arg(int64(len(records))))}
	deleted, err := tx.forgetAfter("deleteTasks", ids)
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
