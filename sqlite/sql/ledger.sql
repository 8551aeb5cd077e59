SELECT hour, kind, number, value FROM ledger
WHERE hour BETWEEN ? AND ? AND (1 << kind) & ? ORDER BY hour, kind, number
