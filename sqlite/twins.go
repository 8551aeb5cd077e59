package sqlite

import (
	"cmp"
	"database/sql"
	"encoding/binary"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// A new task may be the twin of those of its identity that are in flight, and of
// the one that succeeded last. They are found by the first bytes of the identity,
// in an index that nothing has to be written to when a task is claimed or ends: who
// is no twin any more is taken out when the next task of the identity is added.

// twinArg is a status's twin: NULL for a task that no other can be a twin of.
func twinArg(r *durable.Record) any {
	if r.Identity.IsZero() || r.State == pawl.Dead || r.State == pawl.Cancelled {
		return nil
	}
	return twinOf(&r.Identity)
}

func twinOf(identity *pawl.Hash) int64 { return int64(binary.BigEndian.Uint64(identity[:8])) }

// twins finds the twins of identities, and who is one no more.
func (t *tx) twins(identities []pawl.Hash, twins map[pawl.Hash][]*durable.Twin) error {
	asked := make(map[pawl.Hash]bool, len(identities))
	args := make([]any, len(identities))
	for i := range identities {
		asked[identities[i]] = true
		args[i] = twinOf(&identities[i])
	}
	results := map[pawl.Hash]*durable.Twin{}
	t.stale = map[pawl.Hash][]pawl.ID{}
	err := t.queryMany(t.ctx, "twins", args, func(rows *sql.Rows) error {
		r, err := t.scanStatus(rows)
		if err != nil || !asked[r.Identity] {
			return err
		}
		twin := &durable.Twin{ID: r.ID, Run: r.Run, Seq: r.Seq, State: r.State, Cancelling: r.Cancelling, Ended: r.Ended}
		switch last := results[r.Identity]; {
		case !r.State.Ended():
			twins[r.Identity] = append(twins[r.Identity], twin)
		case r.State == pawl.Succeeded && last == nil:
			results[r.Identity] = twin
		case r.State == pawl.Succeeded && isLater(twin, last):
			results[r.Identity] = twin
			t.stale[r.Identity] = append(t.stale[r.Identity], last.ID)
		default:
			t.stale[r.Identity] = append(t.stale[r.Identity], r.ID)
		}
		return nil
	})
	for identity, result := range results {
		twins[identity] = append(twins[identity], result)
	}
	return err
}

// isLater reports whether a succeeded after b, or was added after it if they ended
// at the same time.
func isLater(a, b *durable.Twin) bool {
	return cmp.Or(a.Ended.Compare(b.Ended), cmp.Compare(a.Seq, b.Seq)) > 0
}

// prune takes out who is a twin no more, once for each identity.
func (t *tx) prune(identity *pawl.Hash) error {
	for _, id := range t.stale[*identity] {
		if err := t.exec(t.ctx, "set_twin", nil, id[:]); err != nil {
			return err
		}
	}
	delete(t.stale, *identity)
	return nil
}

// forgetResult has no older result take the place of the last one, which is
// deleted.
func (t *tx) forgetResult(r *durable.Record) error {
	if r.Identity.IsZero() || r.State != pawl.Succeeded {
		return nil
	}
	return t.exec(t.ctx, "forget_results", twinOf(&r.Identity), r.Identity[:], micros(r.Ended), r.Seq)
}
