package postgres

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/limit"
)

// Woken implements [durable.Tx].
func (tx *transaction) Woken(now time.Time, most int) ([]*durable.Record, time.Time, error) {
	if err := tx.ensure(); err != nil {
		return nil, time.Time{}, err
	}
	look := tx.wakes.plan(now)
	if tx.book && look.nothing(now, tx.nextDue) {
		return nil, earlier(tx.nextDue, look.nextLease), nil
	}
	found := map[pawl.ID]*durable.Record{}
	var records []*durable.Record
	each := func(r *row) error {
		rec, err := readLive(r)
		if err == nil {
			found[rec.ID] = rec
			records = append(records, rec)
		}
		return err
	}
	upTo, began := now.UnixMicro(), time.Now()
	var due, lease time.Time
	err := tx.read(
		tx.query("due", each, int8Arg(look.due), int8Arg(upTo), int8Arg(int64(most))),
		tx.query("lost", each, int8Arg(look.lease), int8Arg(upTo), int8Arg(int64(most))),
		tx.query("nextDue", func(r *row) error { due = r.time(); return nil }, int8Arg(upTo+1)),
		tx.query("nextLost", func(r *row) error { lease = r.time(); return nil }, int8Arg(upTo+1), textsArg(look.workers)),
	)
	if err != nil {
		return nil, time.Time{}, err
	}
	slices.SortStableFunc(records, func(a, b *durable.Record) int { return a.Wake().Compare(b.Wake()) })
	if len(records) < most {
		tx.woke = &woke{now: now, others: lease, all: look.all, took: time.Since(began)}
	} else {
		records = records[:most]
	}
	if err := tx.name(found); err != nil {
		return nil, time.Time{}, err
	}
	next := earlier(due, earlier(lease, tx.wakes.ownAfter(now)))
	return records, next, tx.wokenSteps(found)
}

// wokenSteps reads the steps of tasks that may have some: what the lost ones used counts.
func (tx *transaction) wokenSteps(found map[pawl.ID]*durable.Record) error {
	with := map[pawl.ID]*pawl.TaskRow{}
	for id, rec := range found {
		if rec.MayHaveSteps() {
			with[id] = &rec.TaskRow
		}
	}
	return tx.readSteps("stepNames", with)
}

// Heads implements [durable.Tx].
func (tx *transaction) Heads(asks []durable.HeadAsk) ([][]durable.Candidate, error) {
	found := make([][]durable.Candidate, len(asks))
	bins, firsts, mosts := newColumn(pgtype.Int8OID, len(asks), 8), newColumn(pgtype.Int8OID, len(asks), 8), newColumn(pgtype.Int8OID, len(asks), 8)
	for _, ask := range asks {
		bins.int8(ask.Bin)
		firsts.int8(ask.From)
		mosts.int8(int64(ask.Most))
	}
	heads := tx.query("heads", func(r *row) error {
		i := r.int8() - 1
		c := durable.Candidate{
			ID: r.uuid(), Run: r.uuid(), Seq: r.int8(), Attempt: r.int4(),
			Size: limit.Size{Chars: r.int4(), MaxTokens: r.int4(), Output: r.int4()},
		}
		found[i] = append(found[i], c)
		if more := r.bytes(); more != nil {
			if tx.mores == nil {
				tx.mores = map[pawl.ID][]byte{}
			}
			tx.mores[c.ID] = more
		}
		return nil
	}, bins.arg(), firsts.arg(), mosts.arg())
	return found, tx.read(heads)
}
