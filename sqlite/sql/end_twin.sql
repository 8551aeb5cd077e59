DELETE FROM twin WHERE identity = ? AND result = 0 AND id = ?
