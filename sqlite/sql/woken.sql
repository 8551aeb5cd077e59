SELECT id, seq, bin, run, state, wake, ended, identity, conversation, head, fingerprint, rest
FROM status WHERE wake <= ? ORDER BY wake LIMIT ?
