UPDATE status SET state = ?, wake = ?, rest = ? WHERE id = ?
