INSERT INTO node (hash, parent, content) VALUES (?, ?, ?) ON CONFLICT DO NOTHING
