SELECT status.id, status.seq, bin, run, state, wake, ended, identity, conversation, head, fingerprint, rest, output, body
FROM (SELECT id AS found FROM /* which */ ORDER BY id LIMIT ?)
CROSS JOIN status ON status.id = found
CROSS JOIN task ON task.seq = status.seq
ORDER BY found
