CREATE TABLE IF NOT EXISTS migration (
  number   INTEGER PRIMARY KEY,
  name     TEXT    NOT NULL,
  checksum TEXT    NOT NULL,
  applied  INTEGER NOT NULL
) STRICT
