-- The book and its inbox.

-- name: version
select coalesce(max(p.version), 0) from pawl.page p

-- name: pages
select p.key, p.version, p.value from pawl.page p where p.version > $1 and (p.value is not null or $1 > 0) order by p.version

-- name: letters
select i.id, i.posts from pawl.inbox i where i.id > $1 order by i.id

-- name: addLetter
insert into pawl.inbox (id, posts) values (nextval('pawl.letter'), $1)

-- name: turnPages
-- Removes letters that were entered and pages as they were, and writes pages.
with entered as (
  delete from pawl.inbox where id = any($1::bigint[])
), old as (
  delete from pawl.page p where p.ctid = any(array(
    select x.ctid from unnest($2::text[], $3::bigint[]) o (key, version)
    cross join lateral (select p.ctid from pawl.page p where p.key = o.key and p.version = o.version offset 0) x
  ))
)
insert into pawl.page (key, version, value) select p.key, $6, p.value from unnest($4::text[], $5::bytea[]) p (key, value)

-- name: purgePages
delete from pawl.page where value is null and version < $1
