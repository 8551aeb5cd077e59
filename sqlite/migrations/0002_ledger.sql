-- The ledger of calls. Pages are read by the hour, all kinds of an hour together; what
-- a kind is, internal/durable says.
CREATE TABLE ledger (
  hour   INTEGER NOT NULL, -- counted from 1970
  kind   INTEGER NOT NULL,
  number INTEGER NOT NULL,
  value  BLOB    NOT NULL,
  PRIMARY KEY (hour, kind, number)
) STRICT, WITHOUT ROWID;
