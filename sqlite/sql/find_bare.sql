SELECT status.id, seq, bin, run, state, wake, ended, identity, conversation, head, fingerprint, rest, output
FROM (SELECT id AS found FROM /* which */ ORDER BY id LIMIT ?)
CROSS JOIN status ON status.id = found
ORDER BY found
