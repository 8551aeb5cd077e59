select 'backend' as kind, a.pid::text as name,
  'user ' || coalesce(a.usename, '?') || ', application ' || coalesce(nullif(a.application_name, ''), '?')
    || coalesce(', from ' || host(a.client_addr), '') as who,
  extract(epoch from clock_timestamp() - a.xact_start)::bigint as seconds,
  left(regexp_replace(coalesce(a.query, ''), '\s+', ' ', 'g'), 120) as query
from pg_stat_activity a
where (a.backend_xmin is not null or a.backend_xid is not null)
  and a.xact_start < clock_timestamp() - make_interval(secs => $1::bigint)
  and a.pid <> pg_backend_pid() and coalesce(a.backend_type, '') not in ('autovacuum worker', 'walsender')
union all
select 'prepared', p.gid, 'user ' || p.owner || ', database ' || p.database,
  extract(epoch from clock_timestamp() - p.prepared)::bigint, ''
from pg_prepared_xacts p
where p.prepared < clock_timestamp() - make_interval(secs => $1::bigint)
union all
select 'slot', s.slot_name::text, coalesce(s.plugin, s.slot_type) || case when s.active then ', active' else ', inactive' end, 0, ''
from pg_replication_slots s
where greatest(age(s.xmin), age(s.catalog_xmin)) > 1000000 or (not s.active and (s.xmin is not null or s.catalog_xmin is not null))
order by 1, 4 desc
