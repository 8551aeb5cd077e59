SELECT id, run FROM status WHERE id IN (?, ...)
