-- How transactions begin and end.

-- name: begin
begin isolation level read committed read write

-- name: beginReading
begin isolation level repeatable read read only

-- name: commit
commit

-- name: savepoint
savepoint pawl

-- name: release
release savepoint pawl

-- name: undo
rollback to savepoint pawl

-- name: settings
-- What holds for one transaction, where the session is not ours to set.
select set_config('lock_timeout', '10s', true), set_config('idle_in_transaction_session_timeout', '30s', true),
  set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true),
  set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)

-- name: planFreely
-- Reads over many rows are planned as usual.
select set_config('plan_cache_mode', 'auto', true), set_config('enable_seqscan', 'on', true),
  set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)

-- name: environment
-- The clock, and the types of events that somebody watches.
select (extract(epoch from c.at) * 1000000)::bigint,
  coalesce((select bit_or(w.types) from pawl.watcher w where w.until > (extract(epoch from c.at) * 1000000)::bigint), 0)
from (select clock_timestamp() as at offset 0) c

-- name: environmentAdding
-- The environment, and numbers for new tasks.
select (extract(epoch from c.at) * 1000000)::bigint,
  coalesce((select bit_or(w.types) from pawl.watcher w where w.until > (extract(epoch from c.at) * 1000000)::bigint), 0),
  nextval('pawl.seq')
from (select clock_timestamp() as at offset 0) c

-- name: environmentBook
-- The environment, the book's version, and when the first of the waiting tasks wakes.
select (extract(epoch from c.at) * 1000000)::bigint,
  coalesce((select bit_or(w.types) from pawl.watcher w where w.until > (extract(epoch from c.at) * 1000000)::bigint), 0),
  coalesce((select max(p.version) from pawl.page p), 0),
  (select l.wake from pawl.live l where l.state <> 4 and l.wake >= $1 order by l.wake limit 1)
from (select clock_timestamp() as at offset 0) c

-- name: nextSeq
select nextval('pawl.seq')

-- name: lock
select pg_advisory_xact_lock($1, $2)

-- name: lockShared
select pg_advisory_xact_lock_shared($1, $2)

-- name: lockEach
select pg_advisory_xact_lock($1, b) from unnest($2::int[]) b

-- name: lockEachShared
select pg_advisory_xact_lock_shared($1, b) from unnest($2::int[]) b

-- name: impatient
select set_config('lock_timeout', '250ms', true)

-- name: patient
select set_config('lock_timeout', '10s', true)

-- name: notDurable
select set_config('synchronous_commit', 'off', true)

-- name: settingsNow
select name, setting from pg_settings
where name in ('server_version', 'fsync', 'full_page_writes', 'synchronous_commit', 'autovacuum')
