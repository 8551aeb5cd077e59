-- What transactions write. A row that was read is changed only if it is as it was
-- read: its xmin says so. That it is one of those that were read will do: a change
-- since then has a later one.
--
-- Rows are found by the primary key alone, in the order of the ids: with any(), or,
-- where each has values of its own, as the conflict of an insertion. A join could
-- be planned the wrong way round. What is inserted then, of a row that is gone, has
-- no seq, and fails.

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
  insert into pawl.live as l (id, seq, bin, state, attempt, wake, started, worker, chars, max_tokens, output, cost, share, calls)
  select c.id, 0, 0, 4, c.attempt + 1, $3, $2, $1, 0, 0, 0, c.cost, c.share, c.calls
  from unnest($4::uuid[], $5::int[], $6::float8[], $7::float8[], $8::bytea[]) c (id, attempt, cost, share, calls)
  on conflict (id) do update
  set state = 4, attempt = excluded.attempt, worker = excluded.worker, started = excluded.started, wake = excluded.wake,
    cost = excluded.cost, share = excluded.share, calls = excluded.calls
  where l.state = 3 and l.attempt = excluded.attempt - 1
  returning l.seq
)
select pawl.expect(count(*), $9) from claimed where seq <> 0

-- name: changeLive
with changed as (
  insert into pawl.live as l (id, seq, bin, state, attempt, wake, started, worker, chars, max_tokens, output, cost, share, class, calls, more)
  select c.id, 0, c.bin, c.state, c.attempt, c.wake, c.started, c.worker, c.chars, c.max_tokens, c.output, c.cost, c.share, c.class, c.calls, c.more
  from unnest($1::uuid[], $3::smallint[], $4::int[], $5::bigint[], $6::bigint[], $7::text[], $8::int[], $9::int[], $10::int[],
    $11::float8[], $12::float8[], $13::text[], $14::bytea[], $15::bytea[], $17::bigint[])
    c (id, state, attempt, wake, started, worker, chars, max_tokens, output, cost, share, class, calls, more, bin)
  on conflict (id) do update
  set bin = excluded.bin, state = excluded.state, attempt = excluded.attempt, wake = excluded.wake, started = excluded.started, worker = excluded.worker,
    chars = excluded.chars, max_tokens = excluded.max_tokens, output = excluded.output, cost = excluded.cost, share = excluded.share,
    class = excluded.class, calls = excluded.calls, more = excluded.more
  where l.xmin = any($2::xid[])
  returning l.seq
)
select pawl.expect(count(*), $16) from changed where seq <> 0

-- name: moveTasks
-- What another operation has of tasks that it goes on with. Their rows in live are
-- changed before, so that nobody else changes these.
with moved as (
  insert into pawl.task as t (id, run, seq, bin, added, queue, limits, operation, person, priority, max_attempts)
  select m.id, m.id, 0, m.bin, 0, m.queue, m.limits, m.operation, '', 0, m.max_attempts
  from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[]) m (id, bin, queue, limits, operation, max_attempts)
  on conflict (id) do update
  set bin = excluded.bin, queue = excluded.queue, limits = excluded.limits, operation = excluded.operation, max_attempts = excluded.max_attempts
  returning t.seq
)
select pawl.expect(count(*), $7) from moved where seq <> 0

-- name: beat
with beaten as (
  update pawl.live l set wake = $3 where l.id = any($1::uuid[]) and l.xmin = any($2::xid[]) returning 1
)
select pawl.expect(count(*), $4) from beaten

-- name: hold
-- The rows get another version, so that whoever has read them fails.
with held as (
  update pawl.live l set wake = l.wake where l.id = any($1::uuid[]) and l.xmin = any($2::xid[]) returning 1
)
select pawl.expect(count(*), $3) from held

-- name: end
with gone as (
  delete from pawl.live l where l.id = any($1::uuid[]) and l.xmin = any($12::xid[]) returning 1
), ended as (
  insert into pawl.ended (id, state, ended, attempt, started, worker, class, fingerprint, identity, output, more)
  select * from unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::int[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::bytea[],
    $10::bytea[], $11::bytea[])
)
select pawl.expect(count(*), $13) from gone

-- name: changeEnded
with changed as (
  insert into pawl.ended as e (id, state, ended, attempt, more)
  select c.id, 0, 0, 0, c.more from unnest($1::uuid[], $3::bytea[]) c (id, more)
  on conflict (id) do update set more = excluded.more where e.xmin = any($2::xid[])
  returning e.state
)
select pawl.expect(count(*), $4) from changed where state <> 0

-- name: addEnded
insert into pawl.ended (id, state, ended, attempt, started, worker, class, fingerprint, identity, output, more)
select * from unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::int[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::bytea[],
  $10::bytea[], $11::bytea[])

-- name: dropEnded
with gone as (
  delete from pawl.ended e where e.id = any($1::uuid[]) and e.xmin = any($2::xid[]) returning 1
)
select pawl.expect(count(*), $3) from gone

-- name: reviveLive
insert into pawl.live (id, run, seq, bin, state, attempt, wake, started, worker, chars, max_tokens, output, class, identity, more)
select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::smallint[], $6::int[], $7::bigint[], $8::bigint[], $9::text[],
  $10::int[], $11::int[], $12::int[], $13::text[], $14::bytea[], $15::bytea[])

-- name: newInput
update pawl.task t set input = $2, identity = $3 where t.id = any($1::uuid[])

-- name: addSteps
insert into pawl.step (task, key, name, call, usage, head, at, took, attempt, model, cost, currency, result)
select c.task, c.key, c.name, c.call, case when c.usage <> '' then c.usage::bigint[] end, c.head, c.at, c.took, c.attempt,
  c.model, nullif(c.cost, 0), c.currency, c.result
from unnest($1::uuid[], $2::text[], $3::text[], $4::bool[], $5::text[], $6::bytea[], $7::bigint[], $8::bigint[], $9::int[],
    $10::text[], $11::bigint[], $12::text[], $13::bytea[])
  with ordinality c (task, key, name, call, usage, head, at, took, attempt, model, cost, currency, result, n)
order by c.n

-- name: deleteTasks
-- The ends of conversations that tasks and their steps referred to, the tasks with
-- their steps gone.
with tasks as (
  delete from pawl.task t where t.id = any($1::uuid[]) returning t.conversation as head
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
