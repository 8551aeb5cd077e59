package sqlite

import (
	"database/sql"
	"fmt"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
)

// scanStatus reads the columns of a status in the order of held.sql, and then
// those of more.
func (v *view) scanStatus(rows *sql.Rows, more ...any) (*durable.Record, error) {
	var s struct {
		id, run, identity, conversation, head, rest sql.RawBytes
		fingerprint                                 sql.NullString
		wake, ended                                 sql.NullInt64
		state                                       int64
	}
	r := &durable.Record{}
	into := append(make([]any, 0, 16), &s.id, &r.Seq, &r.Bin, &s.run, &s.state, &s.wake, &s.ended,
		&s.identity, &s.conversation, &s.head, &s.fingerprint, &s.rest)
	if err := rows.Scan(append(into, more...)...); err != nil {
		return nil, err
	}
	copy(r.ID[:], s.id)
	if r.Run = r.ID; s.run != nil {
		copy(r.Run[:], s.run)
	}
	copy(r.Identity[:], s.identity)
	copy(r.Conversation[:], s.conversation)
	copy(r.Head[:], s.head)
	r.Fingerprint, r.Ended, r.Token = s.fingerprint.String, timeOf(s.ended.Int64), s.state
	var err error
	if r.State, err = stateOf(s.state); err != nil {
		return nil, fmt.Errorf("task %s: %w", r.ID, err)
	}
	if r.State == pawl.Running {
		r.LeaseUntil = timeOf(s.wake.Int64)
	}
	if err := unpackRest(fields(s.rest), r); err != nil {
		return nil, fmt.Errorf("task %s: %w", r.ID, err)
	}
	return r, nil
}

// name sets the names of records.
func (v *view) name(records []*durable.Record) error {
	for _, r := range records {
		b, err := v.names(r.Bin)
		if err != nil {
			return fmt.Errorf("task %s: %w", r.ID, err)
		}
		r.Queue, r.Limit, r.Priority, r.User, r.Operation = b.Queue, b.Limit, b.Priority, b.User, b.Operation
	}
	return nil
}

// addSteps sets the steps of records, without their results if bare.
func (v *view) addSteps(records []*durable.Record, bare bool) error {
	of := make(map[int64]*durable.Record, len(records))
	var seqs []any
	for _, r := range records {
		if r.MayHaveSteps() {
			of[r.Seq] = r
			seqs = append(seqs, r.Seq)
		}
	}
	name := "steps"
	if bare {
		name = "steps_bare"
	}
	return v.queryMany(v.ctx, name, seqs, func(rows *sql.Rows) error {
		var seq int64
		var s pawl.StepRow
		var head, body sql.RawBytes
		var result []byte
		err := rows.Scan(&seq, &s.Key, &head, &body, &result)
		if err != nil {
			return err
		}
		copy(s.Head[:], head)
		if err := unpackStep(fields(body), &s); err != nil {
			return err
		}
		if s.Result, err = durable.Unpack(result); err != nil {
			return err
		}
		of[seq].Steps = append(of[seq].Steps, s)
		return nil
	})
}

// complete makes records that were read for a claim whole, by their Seq, but for
// their steps.
func (v *view) complete(records map[int64]*durable.Record) error {
	all := make([]*durable.Record, 0, len(records))
	for _, r := range records {
		all = append(all, r)
	}
	return v.queryMany(v.ctx, "bodies", seqArgs(all), func(rows *sql.Rows) error {
		var seq int64
		var body []byte
		if err := rows.Scan(&seq, &body); err != nil {
			return err
		}
		return unpackBody(body, &records[seq].TaskRow)
	})
}
