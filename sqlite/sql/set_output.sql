UPDATE status SET output = ? WHERE id = ?
