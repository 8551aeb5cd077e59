package sqlite

import (
	"database/sql"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// delete removes ended tasks with all that is theirs.
func (t *tx) delete(w *durable.Writes, d deltas) error {
	if len(w.Delete) == 0 {
		return nil
	}
	loose, err := t.heads(w.Delete)
	if err != nil {
		return err
	}
	emptied := map[int64]int{}
	for _, r := range w.Delete {
		loose.add(r.Conversation)
		loose.add(r.Head)
		emptied[r.Bin]++
		d[place{r.Queue, r.Token}]--
		if err := t.forgetResult(r); err != nil {
			return err
		}
	}
	seqs := seqArgs(w.Delete)
	for name, args := range map[string][]any{"delete_steps": seqs, "delete_task": seqs, "delete_status": recordArgs(w.Delete)} {
		if err := t.execMany(t.ctx, name, 1, args); err != nil {
			return err
		}
	}
	if err := t.empty(emptied); err != nil {
		return err
	}
	return t.sweep(loose)
}

// loose are nodes that perhaps nothing refers to any more.
type loose map[pawl.Hash]struct{}

func (l loose) add(h pawl.Hash) {
	if !h.IsZero() {
		l[h] = struct{}{}
	}
}

func (l loose) scan(rows *sql.Rows) error {
	var raw sql.RawBytes
	err := rows.Scan(&raw)
	var h pawl.Hash
	copy(h[:], raw)
	l.add(h)
	return err
}

// heads returns the nodes that the steps of tasks refer to.
func (t *tx) heads(records []*durable.Record) (loose, error) {
	l := loose{}
	return l, t.queryMany(t.ctx, "step_heads", seqArgs(records), l.scan)
}

// sweep removes nodes that nothing refers to, then what they alone referred to:
// their message, and the node before them.
func (t *tx) sweep(l loose) error {
	for len(l) > 0 {
		before := loose{}
		for hash := range l {
			parent, err := t.sweepNode(hash)
			if err != nil {
				return err
			}
			before.add(parent)
		}
		l = before
	}
	return nil
}

// sweepNode removes a node if it is loose, and returns the node before it.
func (t *tx) sweepNode(hash pawl.Hash) (parent pawl.Hash, err error) {
	var content []byte
	err = t.query(t.ctx, "loose_node", func(rows *sql.Rows) error {
		var raw sql.RawBytes
		err := rows.Scan(&raw, &content)
		copy(parent[:], raw)
		return err
	}, hash[:])
	if err != nil || content == nil {
		return pawl.Hash{}, err
	}
	if err := t.exec(t.ctx, "delete_node", hash[:]); err != nil {
		return pawl.Hash{}, err
	}
	return parent, t.exec(t.ctx, "delete_message", content)
}
