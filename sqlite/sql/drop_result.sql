DELETE FROM twin WHERE identity = ? AND result = 1
