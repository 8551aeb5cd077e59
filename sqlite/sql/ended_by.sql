SELECT count(*) FROM (SELECT 1 FROM status INDEXED BY status_ended WHERE ended <= ? LIMIT ?)
