UPDATE status SET identity = ?, head = ? WHERE id = ?
