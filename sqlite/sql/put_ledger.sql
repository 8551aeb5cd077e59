INSERT INTO ledger (hour, kind, number, value) VALUES (?, ?, ?, ?)
ON CONFLICT (hour, kind, number) DO UPDATE SET value = excluded.value
