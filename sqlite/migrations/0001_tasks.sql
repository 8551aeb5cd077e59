-- The names of a place where tasks wait. Its number is a hash of them, so that a
-- status has one number in place of five names.
CREATE TABLE bin (
  number    INTEGER PRIMARY KEY,
  queue     TEXT    NOT NULL,
  limits    TEXT    NOT NULL,
  priority  INTEGER NOT NULL,
  user      TEXT    NOT NULL,
  operation TEXT    NOT NULL,
  tasks     INTEGER NOT NULL -- how many there are, ended ones included; at 0 the row goes
) STRICT;

-- What a task was given. Written once, but for a retry with another input.
CREATE TABLE task (
  seq  INTEGER PRIMARY KEY,
  body BLOB -- here and below NULL if all that it holds is zero
) STRICT;

-- Where a task stands: all that changes.
CREATE TABLE status (
  id           BLOB    NOT NULL PRIMARY KEY,
  seq          INTEGER NOT NULL,
  bin          INTEGER NOT NULL,
  run          BLOB,             -- NULL if it is the first of its run
  state        INTEGER NOT NULL, -- 1 blocked, 2 scheduled, 3 pending, 4 running, 5 succeeded, 6 dead, 7 cancelled
  wake         INTEGER,          -- when something becomes of it by itself; of a running one, the end of its lease
  ended        INTEGER,
  identity     BLOB,
  twin         INTEGER,          -- the first 8 bytes of identity; NULL if no new task can be a twin of this one
  conversation BLOB,
  head         BLOB,
  class        TEXT,             -- of the last attempt
  fingerprint  TEXT,             -- of a dead letter
  rest         BLOB,             -- attempts and all that is never searched
  output       BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX status_pending      ON status (bin, seq)        WHERE state = 3;
CREATE INDEX status_wake         ON status (wake)            WHERE wake IS NOT NULL;
CREATE INDEX status_ended        ON status (ended)           WHERE ended IS NOT NULL;
CREATE INDEX status_dead         ON status (fingerprint, id) WHERE state = 6;
CREATE INDEX status_run          ON status (run)             WHERE run IS NOT NULL;
CREATE INDEX status_twin         ON status (twin)            WHERE twin IS NOT NULL;
CREATE INDEX status_conversation ON status (conversation)    WHERE conversation IS NOT NULL;
CREATE INDEX status_head         ON status (head)            WHERE head IS NOT NULL;

-- Stored results of running tasks, in the order of number.
CREATE TABLE step (
  number INTEGER PRIMARY KEY,
  task   INTEGER NOT NULL, -- its seq
  key    TEXT    NOT NULL,
  head   BLOB,
  body   BLOB,
  result BLOB
) STRICT;

CREATE UNIQUE INDEX step_key  ON step (task, key);
CREATE        INDEX step_head ON step (head) WHERE head IS NOT NULL;

-- Conversations: each node is a message in its place, each message is stored once.
CREATE TABLE node (
  hash    BLOB NOT NULL PRIMARY KEY,
  parent  BLOB,              -- NULL for the first message
  content BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX node_parent  ON node (parent) WHERE parent IS NOT NULL;
CREATE INDEX node_content ON node (content);

CREATE TABLE message (
  number  INTEGER PRIMARY KEY,
  content BLOB NOT NULL UNIQUE,
  body    BLOB NOT NULL
) STRICT;

-- How many tasks of a queue are in a state; and, as of state 0, numbers that only
-- grow. In one table, because each page that a transaction changes costs.
CREATE TABLE counter (
  name  TEXT    NOT NULL,
  state INTEGER NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (name, state)
) STRICT, WITHOUT ROWID;

INSERT INTO counter VALUES
  ('seq',     0, 1), -- of the next task
  ('deleted', 0, 0); -- the version up to which deleted pages are forgotten

-- The book, and the letters that are to be entered into it.
CREATE TABLE page (
  key     TEXT    NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  value   BLOB               -- NULL once it is deleted
) STRICT, WITHOUT ROWID;

CREATE INDEX page_version ON page (version);
CREATE INDEX page_deleted ON page (version) WHERE value IS NULL;

CREATE TABLE letter (
  number INTEGER PRIMARY KEY,
  posts  BLOB NOT NULL
) STRICT;

-- What happened, for those who watch, and who they are.
CREATE TABLE event (
  first  INTEGER PRIMARY KEY, -- the position of its first event
  count  INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  events BLOB    NOT NULL
) STRICT;

INSERT INTO event VALUES (0, 1, 0, x'5b5d');

CREATE TABLE interest (
  watcher TEXT    NOT NULL PRIMARY KEY,
  types   INTEGER NOT NULL,
  until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
