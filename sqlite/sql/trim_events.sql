DELETE FROM event
WHERE first IN (SELECT first FROM event ORDER BY first LIMIT 2) AND (at < ?1 OR first < ?2) AND first < ?3
