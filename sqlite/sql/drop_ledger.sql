DELETE FROM ledger WHERE kind = ? AND hour BETWEEN ? AND ?
