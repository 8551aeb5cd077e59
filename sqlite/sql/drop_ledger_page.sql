DELETE FROM ledger WHERE hour = ? AND kind = ? AND number = ?
