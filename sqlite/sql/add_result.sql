INSERT INTO twin (identity, result, id) VALUES (?, 1, ?)
