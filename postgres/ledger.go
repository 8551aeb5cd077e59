package postgres

import (
	"cmp"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/ledger"
)

// ledgerMost is how many bytes of the ledger are read at a time, and the rest of an
// hour more.
const ledgerMost = 4 << 20

// Ledger implements [durable.View].
func (tx *transaction) Ledger(from, to ledger.Hour, kinds ...durable.LedgerKind) ([]durable.LedgerPage, ledger.Hour, error) {
	wanted := newColumn(pgtype.Int2OID, len(kinds), 2)
	for _, k := range kinds {
		wanted.int2(int16(k))
	}
	var pages []durable.LedgerPage
	size, next := 0, to+1
	err := tx.read(tx.query("ledger", func(r *row) error {
		p := durable.LedgerPage{Hour: ledger.Hour(r.int8()), Kind: durable.LedgerKind(r.int2()), Number: r.int8(), Value: r.bytes()}
		pages = append(pages, p)
		size += len(p.Value)
		return nil
	}, int8Arg(int64(from)), int8Arg(int64(to)), wanted.arg(), int8Arg(ledgerMost)))
	if err != nil {
		return nil, 0, err
	}
	if size >= ledgerMost {
		next = pages[len(pages)-1].Hour + 1
	}
	return pages, next, nil
}

// writeLedger is the statements that drop pages of the ledger, and then write some.
func (tx *transaction) writeLedger(w *durable.Writes) []call {
	var calls []call
	for _, d := range w.Drops {
		calls = append(calls, tx.call("dropLedger", int2Arg(int16(d.Kind)), int8Arg(int64(d.From)), int8Arg(int64(d.To))))
	}
	if len(w.Ledger) == 0 {
		return calls
	}
	gone, put := newLedgerColumns(len(w.Ledger)), newLedgerColumns(len(w.Ledger))
	for _, p := range lastOfEach(w.Ledger) {
		if p.Value == nil {
			gone.add(p)
		} else {
			put.add(p)
		}
	}
	if gone.n > 0 {
		calls = append(calls, tx.call("dropLedgerPages", gone.hours.arg(), gone.kinds.arg(), gone.numbers.arg()))
	}
	if put.n > 0 {
		calls = append(calls, tx.call("putLedger", put.hours.arg(), put.kinds.arg(), put.numbers.arg(), put.values.arg()))
	}
	return calls
}

// lastOfEach returns pages by their keys, of each the last one. Who writes the same
// ones at the same time locks them in the same order.
func lastOfEach(pages []durable.LedgerPage) []*durable.LedgerPage {
	all := make([]*durable.LedgerPage, len(pages))
	for i := range pages {
		all[len(pages)-1-i] = &pages[i]
	}
	slices.SortStableFunc(all, compareKeys)
	return slices.CompactFunc(all, func(a, b *durable.LedgerPage) bool { return compareKeys(a, b) == 0 })
}

func compareKeys(a, b *durable.LedgerPage) int {
	return cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Number, b.Number))
}

// ledgerColumns is pages as columns.
type ledgerColumns struct {
	n                             int
	hours, kinds, numbers, values *column
}

func newLedgerColumns(n int) *ledgerColumns {
	return &ledgerColumns{
		hours: newColumn(pgtype.Int8OID, n, 8), kinds: newColumn(pgtype.Int2OID, n, 2),
		numbers: newColumn(pgtype.Int8OID, n, 8), values: newColumn(pgtype.ByteaOID, n, 1024),
	}
}

func (c *ledgerColumns) add(p *durable.LedgerPage) {
	c.n++
	c.hours.int8(int64(p.Hour))
	c.kinds.int2(int16(p.Kind))
	c.numbers.int8(p.Number)
	c.values.bytes(p.Value)
}
