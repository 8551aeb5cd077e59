package sqlite

import (
	"bytes"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// tx implements [durable.Tx]. Its methods only read; write does the rest. It holds the file's one right to write, so what it
// reads stays true to the end.
type tx struct {
	view
	seen  map[pawl.ID]*durable.Record // candidates, as a claim will need them
	stale map[pawl.Hash][]pawl.ID     // tasks that are twins no more, by identity
}

// Interest implements [durable.Tx].
func (t *tx) Interest() (durable.Types, error) {
	now, err := t.Now()
	if err != nil {
		return 0, err
	}
	var union durable.Types
	err = t.query(t.ctx, "interest", func(rows *sql.Rows) error {
		var types durable.Types
		var until int64
		err := rows.Scan(&types, &until)
		if until > micros(now) {
			union |= types
		}
		return err
	})
	return union, err
}

// Adding implements [durable.Tx].
func (t *tx) Adding(a durable.Adding) (durable.Added, error) {
	known := durable.Added{Runs: map[pawl.ID]pawl.ID{}, Twins: map[pawl.Hash][]*durable.Twin{}, Heads: map[pawl.Hash]bool{}}
	if len(a.IDs) == 0 {
		return known, nil
	}
	seq, _, err := t.number(t.ctx, "counter", "seq")
	if err != nil {
		return known, err
	}
	known.Seq = seq
	if err := t.knownIDs(a.IDs, known.Runs); err != nil {
		return known, err
	}
	if err := t.twins(a.Identities, known.Twins); err != nil {
		return known, err
	}
	return known, t.queryMany(t.ctx, "known_heads", hashArgs(a.Heads), func(rows *sql.Rows) error {
		var raw sql.RawBytes
		err := rows.Scan(&raw)
		var h pawl.Hash
		copy(h[:], raw)
		known.Heads[h] = true
		return err
	})
}

// knownIDs finds ids that are stored. As ids sort by the time they were made,
// those of new tasks are nearly always above all that are stored.
func (t *tx) knownIDs(ids []pawl.ID, runs map[pawl.ID]pawl.ID) error {
	var last []byte
	err := t.query(t.ctx, "last_id", func(rows *sql.Rows) error { return rows.Scan(&last) })
	if err != nil {
		return err
	}
	var args []any
	for i := range ids {
		if bytes.Compare(ids[i][:], last) <= 0 {
			args = append(args, ids[i][:])
		}
	}
	return t.queryMany(t.ctx, "known_ids", args, func(rows *sql.Rows) error {
		var id, run sql.RawBytes
		err := rows.Scan(&id, &run)
		of := idOf(id)
		if runs[of] = of; run != nil {
			runs[of] = idOf(run)
		}
		return err
	})
}

// Held implements [durable.Tx].
func (t *tx) Held(ids []pawl.ID, steps []durable.StepKey) ([]*durable.Record, []bool, error) {
	found := make(map[pawl.ID]*durable.Record, len(ids))
	args := make([]any, 0, len(ids))
	for i := range ids {
		if _, again := found[ids[i]]; !again {
			found[ids[i]] = nil
			args = append(args, ids[i][:])
		}
	}
	held, err := t.statuses("held", args)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range held {
		found[r.ID] = r
	}
	records := make([]*durable.Record, len(ids))
	for i, id := range ids {
		records[i] = found[id]
	}
	stored, err := t.stored(steps)
	return records, stored, err
}

func (t *tx) stored(steps []durable.StepKey) ([]bool, error) {
	stored := make([]bool, len(steps))
	for i := range steps {
		_, ok, err := t.number(t.ctx, "has_step", steps[i].Task[:], steps[i].Key)
		if err != nil {
			return nil, err
		}
		stored[i] = ok
	}
	return stored, nil
}

// statuses returns records without payload.
func (v *view) statuses(name string, args []any) ([]*durable.Record, error) {
	var records []*durable.Record
	err := v.queryMany(v.ctx, name, args, func(rows *sql.Rows) error {
		r, err := v.scanStatus(rows)
		records = append(records, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return records, v.name(records)
}

// Run implements [durable.Tx]. A run's first task is not filed under it.
func (t *tx) Run(runs []pawl.ID) ([]*durable.Record, error) {
	first, err := t.statuses("held", idArgs(runs))
	if err != nil {
		return nil, err
	}
	others, err := t.statuses("run", idArgs(runs))
	if err != nil {
		return nil, err
	}
	for _, r := range first {
		if r.Run == r.ID { // else it is a task that somebody took for a run
			others = append(others, r)
		}
	}
	slices.SortFunc(others, func(a, b *durable.Record) int { return int(a.Seq - b.Seq) })
	return slices.CompactFunc(others, func(a, b *durable.Record) bool { return a.ID == b.ID }), nil
}

// Woken implements [durable.Tx].
func (t *tx) Woken(now time.Time, most int) ([]*durable.Record, time.Time, error) {
	first, found, err := t.number(t.ctx, "first_wake")
	if err != nil || !found || first > micros(now) {
		return nil, timeOf(first), err // nearly always
	}
	var woken []*durable.Record
	var next time.Time
	err = t.query(t.ctx, "woken", func(rows *sql.Rows) error {
		r, err := t.scanStatus(rows)
		if err != nil {
			return err
		}
		if wake := r.Wake(); wake.After(now) || len(woken) == most {
			next = wake
			return errEnough
		}
		woken = append(woken, r)
		return nil
	}, most+1)
	if err == nil {
		err = t.name(woken)
	}
	if err == nil && len(woken) > 0 {
		err = t.addSteps(woken, true)
	}
	return woken, next, err
}

// Heads implements [durable.Tx].
func (t *tx) Heads(asks []durable.HeadAsk) ([][]durable.Candidate, error) {
	if t.seen == nil {
		t.seen = map[pawl.ID]*durable.Record{}
	}
	heads := make([][]durable.Candidate, len(asks))
	for i, ask := range asks {
		err := t.query(t.ctx, "heads", func(rows *sql.Rows) error {
			r, err := scanHead(rows)
			t.seen[r.ID] = r
			heads[i] = append(heads[i], durable.Candidate{ID: r.ID, Run: r.Run, Seq: r.Seq, Attempt: r.Attempt, Size: r.Size})
			return err
		}, ask.Bin, ask.From, ask.Most)
		if err != nil {
			return nil, err
		}
	}
	return heads, nil
}

func scanHead(rows *sql.Rows) (*durable.Record, error) {
	var id, run, identity, conversation, head, rest sql.RawBytes
	r := &durable.Record{}
	if err := rows.Scan(&id, &r.Seq, &run, &identity, &conversation, &head, &rest); err != nil {
		return r, err
	}
	copy(r.Identity[:], identity)
	copy(r.Conversation[:], conversation)
	copy(r.Head[:], head)
	r.State = pawl.Pending
	copy(r.ID[:], id)
	if r.Run = r.ID; run != nil {
		copy(r.Run[:], run)
	}
	if err := unpackRest(fields(rest), r); err != nil {
		return r, fmt.Errorf("task %s: %w", r.ID, err)
	}
	return r, nil
}

// Running implements [durable.Tx]. Few tasks run at a time, so that all are looked at.
func (t *tx) Running(worker string) ([]*durable.Record, error) {
	running, err := t.Pick(pawl.Filter{States: []pawl.State{pawl.Running}}, time.Time{})
	if err != nil {
		return nil, err
	}
	running = slices.DeleteFunc(running, func(r *durable.Record) bool { return r.Worker != worker })
	return running, t.addSteps(running, false)
}

// Pick implements [durable.Tx].
func (t *tx) Pick(f pawl.Filter, now time.Time) ([]*durable.Record, error) {
	f.Steps = false
	return t.Find(f, now)
}

func idOf(b []byte) (id pawl.ID) {
	copy(id[:], b)
	return id
}

func idArgs(ids []pawl.ID) []any {
	args := make([]any, len(ids))
	for i := range ids {
		args[i] = ids[i][:]
	}
	return args
}

func hashArgs(hashes []pawl.Hash) []any {
	args := make([]any, len(hashes))
	for i := range hashes {
		args[i] = hashes[i][:]
	}
	return args
}
