-- The ledger of calls, and what is kept of near-duplicates.

-- name: ledger
-- Whole hours, until they have some bytes together.
with recursive read as (
  select $1::bigint - 1 as hour, 0::bigint as bytes
  union all
  select n.hour, r.bytes + n.bytes from read r cross join lateral (
    select f.hour, (select sum(octet_length(l.value)) from pawl.ledger l where l.hour = f.hour and l.kind = any($3::smallint[])) as bytes
    from (
      select l.hour from pawl.ledger l where l.hour > r.hour and l.hour <= $2 and l.kind = any($3::smallint[]) order by l.hour limit 1
    ) f
  ) n
  where r.bytes < $4
)
select l.hour, l.kind, l.number, l.value from read r cross join lateral (
  select l.hour, l.kind, l.number, l.value from pawl.ledger l where l.hour = r.hour and l.kind = any($3::smallint[]) offset 0
) l
where r.hour >= $1 order by l.hour, l.kind, l.number

-- name: dropLedger
delete from pawl.ledger where hour between $2 and $3 and kind = $1

-- name: dropLedgerPages
delete from pawl.ledger l where l.ctid = any(array(
  select x.ctid from unnest($1::bigint[], $2::smallint[], $3::bigint[]) o (hour, kind, number)
  cross join lateral (select p.ctid from pawl.ledger p where p.hour = o.hour and p.kind = o.kind and p.number = o.number offset 0) x
))

-- name: putLedger
insert into pawl.ledger (hour, kind, number, value)
select * from unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bytea[])
on conflict (hour, kind, number) do update set value = excluded.value
