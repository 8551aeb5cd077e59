SELECT DISTINCT head FROM step WHERE head IS NOT NULL AND task IN (?, ...)
