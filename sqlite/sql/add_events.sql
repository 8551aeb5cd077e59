INSERT INTO event (first, count, at, events) VALUES (?, ?, ?, ?)
