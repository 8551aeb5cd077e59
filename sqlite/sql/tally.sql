INSERT INTO tally (queue, state, tasks) VALUES (?, ?, ?)
ON CONFLICT (queue, state) DO UPDATE SET tasks = tasks + excluded.tasks
