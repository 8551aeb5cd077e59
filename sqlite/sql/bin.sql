SELECT queue, limits, priority, user, operation FROM bin WHERE number = ?
