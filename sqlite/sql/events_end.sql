SELECT first + count FROM event ORDER BY first DESC LIMIT 1
