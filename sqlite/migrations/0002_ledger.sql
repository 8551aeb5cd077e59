-- The ledger of calls, by hours from 1970 on; and what is kept of near-duplicates, by
-- groups in place of hours. What kinds of pages there are, internal/durable says.
CREATE TABLE ledger (
  hour   INTEGER NOT NULL,
  kind   INTEGER NOT NULL,
  number INTEGER NOT NULL,
  value  BLOB    NOT NULL,
  PRIMARY KEY (hour, kind, number)
) STRICT, WITHOUT ROWID;
