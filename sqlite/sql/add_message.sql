INSERT INTO message (content, body) VALUES (?, ?) ON CONFLICT DO NOTHING
