package ledger

import (
	"time"

	"github.com/pawlhq/pawl"
)

// Query sums what a filter selects by dimensions.
type Query struct {
	filter pawl.LedgerFilter
	by     fieldSet
	time   pawl.Dimension // that From is the start of; "" for none
	cells  cells
}

// NewQuery returns a query to which nothing was added. [Check] allows what it is asked.
func NewQuery(f pawl.LedgerFilter, by []pawl.Dimension) *Query {
	q := &Query{filter: f, by: fieldSet{fieldCurrency: true}}
	for _, d := range by {
		switch d {
		case pawl.ByOperation:
			q.by[fieldOperation] = true
		case pawl.ByQueue:
			q.by[fieldQueue] = true
		case pawl.ByUser:
			q.by[fieldUser] = true
		case pawl.ByLimit:
			q.by[fieldLimit] = true
		case pawl.ByModel:
			q.by[fieldModel] = true
		case pawl.ByRun:
			q.by[fieldRun] = true
		case pawl.ByHour, pawl.ByDay, pawl.ByMonth:
			q.time = d
		}
	}
	return q
}

// NeedsEntries reports whether sums do not answer the query.
func (q *Query) NeedsEntries() bool { return q.by[fieldRun] || !q.filter.Run.IsZero() }

// Add adds an entry of an hour, if the filter selects it.
func (q *Query) Add(h Hour, e *pawl.Entry) {
	if Selects(&q.filter, e) {
		q.cells.addEntry(q.from(h), e, &q.by)
	}
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
	return q.cells.merge(q.from(h), packed, &q.filter, &q.by)
}

// from returns the first hour of the time that h is in.
func (q *Query) from(h Hour) Hour {
	switch q.time {
	case pawl.ByHour:
		return h
	case pawl.ByDay:
		return h.Day()
	case pawl.ByMonth:
		y, m, _ := h.Start().Date()
		return HourOf(time.Date(y, m, 1, 0, 0, 0, 0, time.UTC))
	}
	return 0
}

// Rows returns the answer.
func (q *Query) Rows() []pawl.UsageRow {
	rows := make([]pawl.UsageRow, 0, len(q.cells.all))
	for cells := range q.cells.rows {
		row := pawl.UsageRow{UsageKey: q.cells.usageKey(cells[0])}
		if q.time != "" {
			row.From = Hour(cells[0].key[fieldFrom]).Start()
		}
		if addCells(&row, cells); len(row.Sums) > 0 {
			rows = append(rows, row)
		}
	}
	return rows
}

// addCells adds the cells of a row, without the kinds that amount to nothing.
func addCells(row *pawl.UsageRow, cells []*cell) {
	row.Sums = make(map[pawl.EntryKind]pawl.Sum, len(cells))
	for _, c := range cells {
		if c.Sum != (pawl.Sum{}) {
			row.Sums[c.kind()] = c.Sum
		}
		row.Unpriced = row.Unpriced.Plus(c.unpriced(row.Currency))
		if kind := c.kind(); kind == pawl.EntryAnswered || kind == pawl.EntryUnknown {
			row.Again += c.again // of these alone it may have been paid twice
		}
		row.Waited += c.waited
		row.CacheSaved += c.cacheSaved
	}
}
