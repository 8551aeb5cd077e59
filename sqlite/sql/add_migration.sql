INSERT INTO migration (number, name, checksum, applied) VALUES (?, ?, ?, ?)
