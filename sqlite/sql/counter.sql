SELECT value FROM counter WHERE name = ? AND state = 0
