SELECT COUNT(*) FROM status INDEXED BY status_pending
WHERE state = 3 AND bin = ? AND seq < ?
