UPDATE status SET twin = NULL
WHERE twin = ?1 AND identity = ?2 AND state = 5
  AND NOT EXISTS (
    SELECT 1 FROM status INDEXED BY status_twin
    WHERE twin = ?1 AND identity = ?2 AND state = 5 AND (ended, seq) > (?3, ?4)
  )
