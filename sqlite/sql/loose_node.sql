SELECT parent, content FROM node
WHERE hash = ?1
  AND NOT EXISTS (SELECT 1 FROM status WHERE conversation = ?1)
  AND NOT EXISTS (SELECT 1 FROM status WHERE head = ?1)
  AND NOT EXISTS (SELECT 1 FROM step   WHERE head = ?1)
  AND NOT EXISTS (SELECT 1 FROM node   WHERE parent = ?1)
