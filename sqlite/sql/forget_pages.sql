DELETE FROM page WHERE value IS NULL AND version <= ?
