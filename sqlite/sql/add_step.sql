INSERT INTO step (task, key, head, body, result)
VALUES ((SELECT seq FROM status WHERE id = ?), ?, ?, ?, ?)
