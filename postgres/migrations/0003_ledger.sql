-- The ledger of calls. Pages are read by the hour, all kinds of an hour together; what
-- a kind is, internal/durable says. Hours are counted from 1970 in UTC;
-- what is kept of near-duplicates has a part of their scope's hash in place of the hour.

create table pawl.ledger (
  hour   bigint not null,
  kind   smallint not null,
  number bigint not null,
  value  bytea not null,
  primary key (hour, kind, number)
);
alter table pawl.ledger alter column value set storage external;

-- Most rows are there for less than an hour.
alter table pawl.ledger set (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_threshold = -1);
