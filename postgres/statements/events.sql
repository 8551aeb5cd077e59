-- Events, who watches them, and bells.

-- name: addEvents
insert into pawl.event (id, at, body)
select nextval('pawl.happened'), $1, e.body from (select body from unnest($2::bytea[]) with ordinality b (body, n) order by n) e

-- name: interest
insert into pawl.watcher (name, types, until)
values ($1, $2, (extract(epoch from clock_timestamp()) * 1000000)::bigint + $3)
on conflict (name) do update set types = excluded.types, until = excluded.until

-- name: dropInterest
delete from pawl.watcher
where name = $1 or until < (extract(epoch from clock_timestamp()) * 1000000)::bigint - 60000000

-- name: writers
-- Transactions under way that may have read who watches before now. Those of
-- callers, which tell their events in any case, are marked by a lock.
select distinct l.virtualtransaction from pg_locks l
where l.locktype = 'relation' and l.relation = 'pawl.watcher'::regclass and l.granted and l.pid <> pg_backend_pid()
  and l.database = (select d.oid from pg_database d where d.datname = current_database())
  and not exists (
    select from pg_locks m
    where m.locktype = 'advisory' and m.pid = l.pid and m.classid = $1::int::oid and m.objid = $2::int::oid
  )

-- name: lastEvent
select h.last_value, h.is_called, pg_snapshot_xmax(pg_current_snapshot())::text::bigint, d.events
from pawl.happened h, pawl.dropped d

-- name: events
select e.id, e.body from (
  (select v.id, v.body from pawl.event v where v.id > $1 order by v.id limit $2)
  union all
  (select v.id, v.body from unnest($3::bigint[], $4::bigint[]) g (first, last)
   cross join lateral (select w.id, w.body from pawl.event w where w.id between g.first and g.last) v)
) e order by e.id

-- name: eventState
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint, d.events
from pawl.dropped d

-- name: trimEvents
with old as (
  select e.id from pawl.event e where e.id > (select d.events from pawl.dropped d)
  and e.at < (extract(epoch from clock_timestamp()) * 1000000)::bigint - $1
  order by e.id limit $2
), gone as (
  delete from pawl.event e using old o where e.id = o.id returning e.id
)
update pawl.dropped d set events = greatest(d.events, g.last)
from (select max(id) as last from gone) g where g.last is not null

-- name: ring
select pg_notify($1, $2)
