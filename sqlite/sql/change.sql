UPDATE status
SET state = ?, wake = ?, ended = ?, head = ?, class = ?, fingerprint = ?, rest = ?, output = ?
WHERE id = ?
