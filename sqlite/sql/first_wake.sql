SELECT wake FROM status INDEXED BY status_wake WHERE wake IS NOT NULL ORDER BY wake LIMIT 1
