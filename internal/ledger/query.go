package ledger

import (
	"time"

	"github.com/pawlhq/pawl"
)

// Query sums what a filter selects by dimensions.
type Query struct {
	filter pawl.LedgerFilter
	by     dimensions
	sums   Sums
}

// dimensions says for each dimension whether it is one.
type dimensions struct{ hour, day, month, operation, queue, user, limit, model, run bool }

// NewQuery returns a query to which nothing was added.
func NewQuery(f pawl.LedgerFilter, by []pawl.Dimension) *Query {
	q := &Query{filter: f, sums: Sums{}}
	d := &q.by
	all := map[pawl.Dimension]*bool{
		pawl.ByHour: &d.hour, pawl.ByDay: &d.day, pawl.ByMonth: &d.month, pawl.ByOperation: &d.operation, pawl.ByQueue: &d.queue,
		pawl.ByUser: &d.user, pawl.ByLimit: &d.limit, pawl.ByModel: &d.model, pawl.ByRun: &d.run,
	}
	for _, dimension := range by {
		*all[dimension] = true // Check knows them all
	}
	return q
}

// NeedsEntries reports whether sums do not answer the query.
func (q *Query) NeedsEntries() bool { return q.by.run || !q.filter.Run.IsZero() }

// Add adds an entry of an hour, if the filter selects it.
func (q *Query) Add(h Hour, e *pawl.Entry) {
	if !Selects(&q.filter, e) || IsOpen(e) {
		return
	}
	k := keyOf(e)
	k.Run = e.Run
	q.sums.at(q.key(q.from(h), &k)).add(e)
}

// AddEntries adds packed entries of an hour.
func (q *Query) AddEntries(h Hour, packed []byte) error {
	for e, err := range Unpack(packed) {
		if err != nil {
			return err
		}
		q.Add(h, e)
	}
	return nil
}

// AddSums adds packed sums of an hour, or of a day by its first one.
func (q *Query) AddSums(h Hour, packed []byte) error {
	from := q.from(h)
	return q.sums.mergeInto(packed, &q.filter, func(k *pawl.UsageKey) pawl.UsageKey { return q.key(from, k) })
}

// key returns the key with nothing but what is asked for.
func (q *Query) key(from time.Time, k *pawl.UsageKey) pawl.UsageKey {
	out := pawl.UsageKey{From: from, Currency: k.Currency}
	if q.by.operation {
		out.Operation = k.Operation
	}
	if q.by.queue {
		out.Queue = k.Queue
	}
	if q.by.user {
		out.User = k.User
	}
	if q.by.limit {
		out.Limit = k.Limit
	}
	if q.by.model {
		out.Model = k.Model
	}
	if q.by.run {
		out.Run = k.Run
	}
	return out
}

func (q *Query) from(h Hour) time.Time {
	switch {
	case q.by.hour:
		return h.Start()
	case q.by.day:
		return h.Day().Start()
	case q.by.month:
		y, m, _ := h.Start().Date()
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}
}

// Rows returns the answer.
func (q *Query) Rows() []pawl.UsageRow {
	rows := make([]pawl.UsageRow, 0, len(q.sums))
	for _, r := range q.sums.sorted() {
		if answer := r.answer(); len(answer.Sums) > 0 {
			rows = append(rows, answer)
		}
	}
	return rows
}
