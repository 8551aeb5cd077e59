UPDATE bin SET tasks = tasks - ? WHERE number = ?
