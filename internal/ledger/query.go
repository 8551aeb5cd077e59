package ledger

import (
	"maps"
	"slices"
	"time"

	"github.com/pawlhq/pawl"
)

// Query sums what a filter selects by dimensions.
type Query struct {
	filter pawl.LedgerFilter
	by     map[pawl.Dimension]bool
	sums   Sums
}

// NewQuery returns a query to which nothing was added.
func NewQuery(f pawl.LedgerFilter, by []pawl.Dimension) *Query {
	q := &Query{filter: f, by: map[pawl.Dimension]bool{}, sums: Sums{}}
	for _, d := range by {
		q.by[d] = true
	}
	return q
}

// NeedsEntries reports whether sums do not answer the query.
func (q *Query) NeedsEntries() bool { return q.by[pawl.ByRun] || !q.filter.Run.IsZero() }

// Add adds an entry of an hour, if the filter selects it.
func (q *Query) Add(h Hour, e *pawl.Entry) {
	if !Selects(&q.filter, e) || IsOpen(e) {
		return
	}
	k := keyOf(e)
	k.Run = e.Run
	q.sums.at(q.key(h, k)).add(e)
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
	return q.sums.mergeInto(packed, &q.filter, func(k pawl.UsageKey) pawl.UsageKey { return q.key(h, k) })
}

// key returns the key with nothing but what is asked for.
func (q *Query) key(h Hour, k pawl.UsageKey) pawl.UsageKey {
	out := pawl.UsageKey{From: q.from(h), Currency: k.Currency}
	if q.by[pawl.ByOperation] {
		out.Operation = k.Operation
	}
	if q.by[pawl.ByQueue] {
		out.Queue = k.Queue
	}
	if q.by[pawl.ByUser] {
		out.User = k.User
	}
	if q.by[pawl.ByLimit] {
		out.Limit = k.Limit
	}
	if q.by[pawl.ByModel] {
		out.Model = k.Model
	}
	if q.by[pawl.ByRun] {
		out.Run = k.Run
	}
	return out
}

func (q *Query) from(h Hour) time.Time {
	switch {
	case q.by[pawl.ByHour]:
		return h.Start()
	case q.by[pawl.ByDay]:
		return h.Day().Start()
	case q.by[pawl.ByMonth]:
		y, m, _ := h.Start().Date()
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}
}

// Rows returns the answer.
func (q *Query) Rows() []pawl.UsageRow {
	rows := make([]pawl.UsageRow, 0, len(q.sums))
	for _, k := range slices.SortedFunc(maps.Keys(q.sums), compareKeys) {
		r := q.sums[k]
		maps.DeleteFunc(r.Sums, func(_ pawl.EntryKind, s pawl.Sum) bool { return s == pawl.Sum{} })
		if len(r.Sums) > 0 {
			rows = append(rows, r.UsageRow)
		}
	}
	return rows
}
