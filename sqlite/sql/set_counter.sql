UPDATE counter SET value = ? WHERE name = ? AND state = 0
