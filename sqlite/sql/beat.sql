UPDATE status SET wake = ? WHERE id = ?
