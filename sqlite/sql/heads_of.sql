SELECT head FROM status WHERE head IS NOT NULL AND id IN (?, ...)
