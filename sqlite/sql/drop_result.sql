DELETE FROM twin
WHERE identity = ?1 AND result = 1
  AND (SELECT (status.ended, status.seq) <= (?2, ?3) FROM status WHERE status.id = twin.id)
