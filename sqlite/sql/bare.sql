SELECT id, seq, bin, run, state, wake, ended, identity, conversation, head, fingerprint, rest, output
FROM status WHERE id IN (?, ...) ORDER BY id
