SELECT task, key, head, body, result FROM step WHERE task IN (?, ...) ORDER BY task, number
