INSERT INTO page (key, version, value) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET version = excluded.version, value = excluded.value
