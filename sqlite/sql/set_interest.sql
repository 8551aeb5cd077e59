INSERT INTO interest (watcher, types, until) VALUES (?, ?, ?)
ON CONFLICT (watcher) DO UPDATE SET types = excluded.types, until = excluded.until
