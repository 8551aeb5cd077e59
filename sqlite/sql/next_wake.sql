SELECT wake FROM status WHERE wake > ? ORDER BY wake LIMIT 1
