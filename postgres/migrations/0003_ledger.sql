-- The ledger of calls, by hours from 1970 on; and what is kept of near-duplicates, by
-- groups in place of hours. What kinds of pages there are, internal/durable says.

create table pawl.ledger (
  hour   bigint not null,
  kind   smallint not null,
  number bigint not null,
  value  bytea not null,
  primary key (hour, kind, number)
);
alter table pawl.ledger alter column value set storage external;

-- Pages of the hour that is not over come and go all the time.
alter table pawl.ledger set (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_threshold = -1);
