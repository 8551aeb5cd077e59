package sqlite

import (
	"database/sql"

	"github.com/pawlhq/pawl/internal/durable"
	"github.com/pawlhq/pawl/internal/ledger"
)

// ledgerMost is how many bytes of the ledger are read at a time, and the rest of an
// hour more.
const ledgerMost = 4 << 20

// Ledger implements [durable.View].
func (v *view) Ledger(from, to ledger.Hour, kinds ...durable.LedgerKind) ([]durable.LedgerPage, ledger.Hour, error) {
	var wanted int64 // a bit for each kind
	for _, k := range kinds {
		wanted |= 1 << k
	}
	var pages []durable.LedgerPage
	size, next := 0, to+1
	err := v.query(v.ctx, "ledger", func(rows *sql.Rows) error {
		var p durable.LedgerPage
		if err := rows.Scan(&p.Hour, &p.Kind, &p.Number, &p.Value); err != nil {
			return err
		}
		if size >= ledgerMost && p.Hour != pages[len(pages)-1].Hour {
			next = p.Hour
			return errEnough
		}
		pages = append(pages, p)
		size += len(p.Value)
		return nil
	}, from, to, wanted)
	return pages, next, err
}

// ledger writes pages of the ledger, after those that are dropped.
func (t *tx) ledger(w *durable.Writes) error {
	for _, d := range w.Drops {
		if err := t.exec(t.ctx, "drop_ledger", d.Kind, d.From, d.To); err != nil {
			return err
		}
	}
	for i := range w.Ledger {
		p := &w.Ledger[i]
		if p.Value == nil {
			if err := t.exec(t.ctx, "drop_ledger_page", p.Hour, p.Kind, p.Number); err != nil {
				return err
			}
			continue
		}
		if err := t.exec(t.ctx, "put_ledger", p.Hour, p.Kind, p.Number, p.Value); err != nil {
			return err
		}
	}
	return nil
}
