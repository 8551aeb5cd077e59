SELECT key, version, value FROM page WHERE version > ? ORDER BY version, key
