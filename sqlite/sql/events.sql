SELECT first, count, events FROM event WHERE first >= ? AND first < ? ORDER BY first
