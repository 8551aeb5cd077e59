SELECT task, key, head, body, NULL FROM step WHERE task IN (?, ...) ORDER BY task, number
