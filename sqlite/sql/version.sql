SELECT version FROM page ORDER BY version DESC LIMIT 1
