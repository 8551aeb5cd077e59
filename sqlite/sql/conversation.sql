WITH RECURSIVE chain (depth, hash, parent, content) AS (
  SELECT 0, hash, parent, content FROM node WHERE hash = ?
  UNION ALL
  SELECT chain.depth + 1, node.hash, node.parent, node.content
  FROM chain JOIN node ON node.hash = chain.parent
)
SELECT chain.hash, chain.parent, chain.content, message.body
FROM chain JOIN message ON message.content = chain.content
ORDER BY chain.depth DESC
