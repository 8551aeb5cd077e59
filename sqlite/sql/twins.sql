SELECT id, seq, bin, run, state, wake, ended, identity, conversation, head, fingerprint, rest
FROM status INDEXED BY status_twin WHERE twin IN (?, ...)
