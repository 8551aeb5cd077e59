SELECT status.id, status.identity, status.conversation, status.head, task.body
FROM status JOIN task ON task.seq = status.seq
WHERE status.id IN (?, ...)
