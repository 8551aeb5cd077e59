DELETE FROM status WHERE id IN (?, ...)
