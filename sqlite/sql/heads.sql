SELECT id, seq, run, identity, conversation, head, rest
FROM status INDEXED BY status_pending
WHERE state = 3 AND bin = ? AND seq >= ? ORDER BY seq LIMIT ?
