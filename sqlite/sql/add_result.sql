INSERT INTO twin (identity, result, id)
SELECT ?1, 1, ?2 WHERE NOT EXISTS (SELECT 1 FROM twin WHERE identity = ?1 AND result = 1)
