DELETE FROM step WHERE task IN (?, ...)
