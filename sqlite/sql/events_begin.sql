SELECT first FROM event ORDER BY first LIMIT 1
