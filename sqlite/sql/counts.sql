SELECT name, state, value FROM counter WHERE state > 0
