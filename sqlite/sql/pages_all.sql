SELECT key, version, value FROM page WHERE value IS NOT NULL ORDER BY key
