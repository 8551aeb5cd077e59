SELECT 1 FROM step WHERE task = (SELECT seq FROM status WHERE id = ?) AND key = ?
