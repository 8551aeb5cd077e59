UPDATE status SET twin = ? WHERE id = ?
