SELECT twin.identity, status.id, status.run, status.seq, status.state, status.ended, status.rest
FROM twin JOIN status ON status.id = twin.id
WHERE twin.identity IN (?, ...)
ORDER BY twin.identity, twin.result, status.seq
