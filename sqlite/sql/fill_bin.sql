INSERT INTO bin (number, queue, limits, priority, user, operation, tasks)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (number) DO UPDATE SET tasks = tasks + excluded.tasks
