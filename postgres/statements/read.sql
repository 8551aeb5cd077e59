-- What transactions read. Ids come sorted, so that rows are locked in their order.
--
-- A row is looked up with a lateral subquery that offset 0 keeps apart, and not
-- with a join: a plan that was made when a table was empty must not read all of it
-- when it is full.

-- name: storedTasks
select t.id, t.run from pawl.task t where t.id = any($1::uuid[])

-- name: storedHeads
select n.hash from pawl.node n where n.hash = any($1::bytea[]) order by n.hash for key share

-- name: twins
-- Of each identity: the tasks in flight, and the one that succeeded last.
select i.identity, x.id, coalesce(x.run, x.id), x.seq, x.state, x.more, 0::bigint
from unnest($1::bytea[]) i (identity)
cross join lateral (select l.* from pawl.live l where l.identity = i.identity offset 0) x
union all
select i.identity, x.id, x.run, x.seq, x.state, null, x.ended
from unnest($1::bytea[]) i (identity)
cross join lateral (
  select e.id, e.state, e.ended,
    (select t.run from pawl.task t where t.id = e.id) as run, (select t.seq from pawl.task t where t.id = e.id) as seq
  from pawl.ended e where e.identity = i.identity order by e.ended desc, seq desc limit 1
) x

-- name: held
select x.* from unnest($1::uuid[]) i (id)
cross join lateral (select l.id, l.run, l.seq, l.bin, l.state, l.attempt, l.wake, l.started, l.worker, l.chars, l.max_tokens, l.output,
  l.cost, l.share, l.class, l.identity, l.calls, l.more, l.xmin
  from pawl.live l where l.id = i.id offset 0) x

-- name: heldLocked
select x.* from unnest($1::uuid[]) i (id)
cross join lateral (select l.id, l.run, l.seq, l.bin, l.state, l.attempt, l.wake, l.started, l.worker, l.chars, l.max_tokens, l.output,
  l.cost, l.share, l.class, l.identity, l.calls, l.more, l.xmin
  from pawl.live l where l.id = i.id for update) x

-- name: heldEnded
select e.id, t.run, t.seq, t.bin, e.state, e.attempt, e.ended, e.started, e.worker, e.class, e.fingerprint, e.more, e.version
from unnest($1::uuid[]) i (id)
cross join lateral (select e.*, e.xmin as version from pawl.ended e where e.id = i.id offset 0) e
cross join lateral (select t.run, t.seq, t.bin from pawl.task t where t.id = i.id offset 0) t

-- name: lockEnded
select x.* from unnest($1::uuid[]) i (id)
cross join lateral (select from pawl.ended e where e.id = i.id for update) x

-- name: inRuns
select t.id from pawl.task t where t.id = any($1::uuid[])
union
select t.id from pawl.task t where t.run = any($1::uuid[]) and t.run <> t.id

-- name: storedSteps
select i.n from unnest($1::uuid[], $2::text[]) with ordinality i (task, key, n)
where exists (select from pawl.step s where s.task = i.task and s.key = i.key offset 0)

-- name: due
select l.id, l.run, l.seq, l.bin, l.state, l.attempt, l.wake, l.started, l.worker, l.chars, l.max_tokens, l.output,
  l.cost, l.share, l.class, l.identity, l.calls, l.more, l.xmin
from pawl.live l where l.state <> 4 and l.wake >= $1 and l.wake <= $2
order by l.wake limit $3
for update skip locked

-- name: lost
select l.id, l.run, l.seq, l.bin, l.state, l.attempt, l.wake, l.started, l.worker, l.chars, l.max_tokens, l.output,
  l.cost, l.share, l.class, l.identity, l.calls, l.more, l.xmin
from pawl.live l where l.state = 4 and l.wake >= $1 and l.wake <= $2
order by l.wake limit $3
for update skip locked

-- name: nextDue
select l.wake from pawl.live l where l.state <> 4 and l.wake >= $1 order by l.wake limit 1

-- name: nextLost
-- Of other processes' workers.
select l.wake from pawl.live l where l.state = 4 and l.wake >= $1 and l.worker <> all($2::text[]) order by l.wake limit 1

-- name: heads
select a.n, x.id, coalesce(x.run, x.id), x.seq, x.attempt, x.chars, x.max_tokens, x.output, x.more
from unnest($1::bigint[], $2::bigint[], $3::bigint[]) with ordinality a (bin, first, most, n)
cross join lateral (
  select l.id, l.run, l.seq, l.attempt, l.chars, l.max_tokens, l.output, l.more
  from pawl.live l where l.bin = a.bin and l.state = 3 and l.seq >= a.first
  order by l.seq limit a.most
) x

-- name: ahead
select x.n
from unnest($1::bigint[]) a (bin)
cross join lateral (
  select count(*) as n from pawl.live l where l.bin = a.bin and l.state = 3 and l.seq < $2
) x

-- name: running
select l.id from pawl.live l where l.state = 4 and l.wake >= 0 and l.worker = $1

-- name: payloads
select i.n, t.added, t.max_attempts, t.identity, t.conversation, t.input, t.extra
from unnest($1::uuid[]) with ordinality i (id, n)
cross join lateral (
  select t.added, t.max_attempts, t.identity, t.conversation, t.input, t.extra from pawl.task t where t.id = i.id offset 0
) t

-- name: bins
-- Of a task that waits elsewhere by now, nothing.
select i.bin, t.queue, t.limits, t.operation, t.person, t.priority
from unnest($1::bigint[], $2::uuid[]) i (bin, id)
cross join lateral (select t.queue, t.limits, t.operation, t.person, t.priority from pawl.task t where t.id = i.id and t.bin = i.bin offset 0) t

-- name: steps
select s.task, s.key, s.name, s.call, s.usage, s.head, s.at, s.took, s.attempt, s.model, s.cost, s.currency, s.result
from pawl.step s where s.task = any($1::uuid[]) order by s.task, s.number

-- name: stepNames
select s.task, s.key, s.name, s.call, s.usage, s.head, s.at, s.took, s.attempt, s.model, s.cost, s.currency, null::bytea
from pawl.step s where s.task = any($1::uuid[]) order by s.task, s.number

-- name: counts
select t.queue, x.state, count(*)
from (select l.id, l.state from pawl.live l union all select e.id, e.state from pawl.ended e) x
join pawl.task t on t.id = x.id
group by 1, 2

-- name: conversation
with recursive chain as (
  select n.hash, n.parent, n.content, 1 as depth from pawl.node n where n.hash = $1
  union all
  select n.hash, n.parent, n.content, c.depth + 1
  from chain c cross join lateral (select n.hash, n.parent, n.content from pawl.node n where n.hash = c.parent offset 0) n
)
select c.hash, c.parent, c.content, m.body
from chain c cross join lateral (select m.body from pawl.message m where m.content = c.content offset 0) m
order by c.depth desc
