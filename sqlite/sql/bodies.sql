SELECT seq, body FROM task WHERE seq IN (?, ...)
