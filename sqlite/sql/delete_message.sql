DELETE FROM message
WHERE content = ?1 AND NOT EXISTS (SELECT 1 FROM node WHERE content = ?1)
