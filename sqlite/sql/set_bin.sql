UPDATE status SET bin = ? WHERE id = ?
