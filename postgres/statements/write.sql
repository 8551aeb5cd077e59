-- What transactions write. A row that was read is changed only if it is as it was
-- read: its xmin says so.

-- name: addPending
-- New tasks that have not ended, and a letter of them.
with task as (
  insert into pawl.task (id, run, seq, bin, added, queue, limits, operation, person, priority, max_attempts, identity, conversation, input, extra)
  select t.id, coalesce(t.run, t.id), t.seq, t.bin, $17, t.queue, t.limits, t.operation, t.person, t.priority, t.max_attempts,
    t.identity, t.conversation, t.input, t.extra
  from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::smallint[], $10::int[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bytea[])
    t (id, run, seq, bin, queue, limits, operation, person, priority, max_attempts, identity, conversation, input, extra)
), letter as (
  insert into pawl.inbox (id, posts) select nextval('pawl.letter'), $15 where $15 is not null
)
insert into pawl.live (id, run, seq, bin, state, wake, chars, max_tokens, output, identity, more)
select l.* from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $16::smallint[], $18::bigint[], $19::int[], $20::int[], $21::int[],
  $11::bytea[], $22::bytea[]) l

-- name: addTasks
insert into pawl.task (id, run, seq, bin, added, queue, limits, operation, person, priority, max_attempts, identity, conversation, input, extra)
select t.id, coalesce(t.run, t.id), t.seq, t.bin, t.added, t.queue, t.limits, t.operation, t.person, t.priority, t.max_attempts,
  t.identity, t.conversation, t.input, t.extra
from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[],
  $10::smallint[], $11::int[], $12::bytea[], $13::bytea[], $14::bytea[], $15::bytea[])
  t (id, run, seq, bin, added, queue, limits, operation, person, priority, max_attempts, identity, conversation, input, extra)

-- name: claim
with claimed as (
  update pawl.live l
  set state = 4, attempt = l.attempt + 1, worker = $1, started = $2, wake = $3, cost = c.cost, share = c.share, calls = c.calls
  from unnest($4::uuid[], $5::int[], $6::float8[], $7::float8[], $8::bytea[]) with ordinality c (id, attempt, cost, share, calls, n)
  join pawl.task t on t.id = c.id
  where l.id = c.id and l.state = 3 and l.attempt = c.attempt
  returning c.n, l.chars, l.max_tokens, l.output, l.more,
    t.added, t.max_attempts, t.identity, t.conversation, t.input, t.extra
), all_of_them as (select pawl.expect(count(*), $9) from claimed)
select c.* from all_of_them, claimed c

-- name: changeLive
with changed as (
  update pawl.live l
  set state = c.state, attempt = c.attempt, wake = c.wake, started = c.started, worker = c.worker,
    chars = c.chars, max_tokens = c.max_tokens, output = c.output, cost = c.cost, share = c.share,
    class = c.class, calls = c.calls, more = c.more
  from unnest($1::uuid[], $2::xid[], $3::smallint[], $4::int[], $5::bigint[], $6::bigint[], $7::text[], $8::int[], $9::int[], $10::int[],
    $11::float8[], $12::float8[], $13::text[], $14::bytea[], $15::bytea[])
    c (id, version, state, attempt, wake, started, worker, chars, max_tokens, output, cost, share, class, calls, more)
  where l.id = c.id and l.xmin = c.version
  returning 1
)
select pawl.expect(count(*), $16) from changed

-- name: beatLive
with beaten as (
  update pawl.live l set wake = c.wake
  from unnest($1::uuid[], $2::xid[], $3::bigint[]) c (id, version, wake)
  where l.id = c.id and l.xmin = c.version
  returning 1
)
select pawl.expect(count(*), $4) from beaten

-- name: end
with gone as (
  delete from pawl.live l using unnest($1::uuid[], $12::xid[]) c (id, version)
  where l.id = c.id and l.xmin = c.version
  returning 1
), ended as (
  insert into pawl.ended (id, state, ended, attempt, started, worker, class, fingerprint, identity, output, more)
  select * from unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::int[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::bytea[],
    $10::bytea[], $11::bytea[])
)
select pawl.expect(count(*), $13) from gone

-- name: addEnded
insert into pawl.ended (id, state, ended, attempt, started, worker, class, fingerprint, identity, output, more)
select * from unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::int[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::bytea[],
  $10::bytea[], $11::bytea[])

-- name: dropEnded
with gone as (
  delete from pawl.ended e using unnest($1::uuid[], $2::xid[]) c (id, version)
  where e.id = c.id and e.xmin = c.version
  returning 1
)
select pawl.expect(count(*), $3) from gone

-- name: reviveLive
insert into pawl.live (id, run, seq, bin, state, attempt, wake, started, worker, chars, max_tokens, output, class, identity, more)
select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::smallint[], $6::int[], $7::bigint[], $8::bigint[], $9::text[],
  $10::int[], $11::int[], $12::int[], $13::text[], $14::bytea[], $15::bytea[])

-- name: identities
update pawl.live l set identity = t.identity from pawl.task t where t.id = l.id and l.id = any($1::uuid[]) and t.identity is not null

-- name: newInput
update pawl.task t set input = c.input, identity = c.identity
from unnest($1::uuid[], $2::bytea[], $3::bytea[]) c (id, input, identity) where t.id = c.id

-- name: addSteps
insert into pawl.step (task, key, name, call, usage, head, at, took, attempt, result)
select c.task, c.key, c.name, c.call, case when c.usage <> '' then c.usage::bigint[] end, c.head, c.at, c.took, c.attempt, c.result
from unnest($1::uuid[], $2::text[], $3::text[], $4::bool[], $5::text[], $6::bytea[], $7::bigint[], $8::bigint[], $9::int[], $10::bytea[])
  with ordinality c (task, key, name, call, usage, head, at, took, attempt, result, n)
order by c.n

-- name: deleteTasks
-- The ends of conversations that tasks and their steps referred to, the tasks with
-- their steps gone.
with tasks as (
  delete from pawl.task t using unnest($1::uuid[]) c (id) where t.id = c.id returning t.conversation as head
), steps as (
  delete from pawl.step s where s.task = any($1::uuid[]) returning s.head
)
select distinct h.head from (select head from tasks union all select head from steps) h where h.head is not null

-- name: dropSteps
with gone as (delete from pawl.step s where s.task = any($1::uuid[]) returning s.head)
select distinct head from gone where head is not null

-- name: forget
select pawl.forget($1::bytea[])

-- name: addMessages
insert into pawl.message (content, body)
select * from unnest($1::bytea[], $2::bytea[]) on conflict do nothing

-- name: keepMessages
select pawl.expect(count(*), $2)
from (select from pawl.message m where m.content = any($1::bytea[]) order by m.content for key share) kept

-- name: addNodes
insert into pawl.node (hash, parent, content)
select * from unnest($1::bytea[], $2::bytea[], $3::bytea[]) on conflict do nothing

-- name: keepNodes
select pawl.expect(count(*), $2)
from (select from pawl.node n where n.hash = any($1::bytea[]) order by n.hash for key share) kept
