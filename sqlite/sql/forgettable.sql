SELECT 1 FROM page WHERE value IS NULL AND version <= ? LIMIT 1
