-- What transactions read. Ids come sorted, so that rows are locked in their order.

-- name: storedTasks
select t.id, t.run from pawl.task t where t.id = any($1::uuid[])

-- name: storedHeads
select n.hash from pawl.node n where n.hash = any($1::bytea[]) order by n.hash for key share

-- name: twins
-- Of each identity: the tasks in flight, and the one that succeeded last.
select i.identity, x.id, coalesce(x.run, x.id), x.seq, x.state, x.more, 0::bigint
from unnest($1::bytea[]) i (identity)
cross join lateral (select l.* from pawl.live l where l.identity = i.identity) x
union all
select i.identity, x.id, x.run, x.seq, x.state, null, x.ended
from unnest($1::bytea[]) i (identity)
cross join lateral (
  select e.id, e.state, e.ended, t.run, t.seq
  from pawl.ended e join pawl.task t on t.id = e.id
  where e.identity = i.identity order by e.ended desc, t.seq desc limit 1
) x

-- name: held
select l.id, l.run, l.seq, l.bin, l.state, l.attempt, l.wake, l.started, l.worker, l.chars, l.max_tokens, l.output,
  l.cost, l.share, l.class, l.identity, l.calls, l.more, l.xmin
from unnest($1::uuid[]) i (id) join pawl.live l on l.id = i.id

-- name: heldLocked
select l.id, l.run, l.seq, l.bin, l.state, l.attempt, l.wake, l.started, l.worker, l.chars, l.max_tokens, l.output,
  l.cost, l.share, l.class, l.identity, l.calls, l.more, l.xmin
from unnest($1::uuid[]) i (id) join pawl.live l on l.id = i.id
for update of l

-- name: heldEnded
select e.id, t.run, t.seq, t.bin, e.state, e.attempt, e.ended, e.started, e.worker, e.class, e.fingerprint, e.more, e.xmin
from unnest($1::uuid[]) i (id) join pawl.ended e on e.id = i.id join pawl.task t on t.id = e.id

-- name: lockEnded
select from unnest($1::uuid[]) i (id) join pawl.ended e on e.id = i.id for update of e

-- name: inRuns
select t.id from pawl.task t where t.id = any($1::uuid[])
union
select t.id from pawl.task t where t.run = any($1::uuid[]) and t.run <> t.id

-- name: storedSteps
select i.n from unnest($1::uuid[], $2::text[]) with ordinality i (task, key, n)
join pawl.step s on s.task = i.task and s.key = i.key

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
select a.n, x.id, coalesce(x.run, x.id), x.seq, x.attempt, x.chars, x.max_tokens, x.output
from unnest($1::bigint[], $2::bigint[], $3::bigint[]) with ordinality a (bin, first, most, n)
cross join lateral (
  select l.id, l.run, l.seq, l.attempt, l.chars, l.max_tokens, l.output
  from pawl.live l where l.bin = a.bin and l.state = 3 and l.seq >= a.first
  order by l.seq limit a.most
) x

-- name: running
select l.id from pawl.live l where l.state = 4 and l.wake >= 0 and l.worker = $1

-- name: bins
select i.bin, t.queue, t.limits, t.operation, t.person, t.priority
from unnest($1::bigint[], $2::uuid[]) i (bin, id) join pawl.task t on t.id = i.id

-- name: steps
select s.task, s.key, s.name, s.call, s.usage, s.head, s.at, s.took, s.attempt, s.result
from pawl.step s where s.task = any($1::uuid[]) order by s.task, s.number

-- name: stepNames
select s.task, s.key, s.name, s.call, s.usage, s.head, s.at, s.took, s.attempt, null::bytea
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
  select n.hash, n.parent, n.content, c.depth + 1 from chain c join pawl.node n on n.hash = c.parent
)
select c.hash, c.parent, c.content, m.body
from chain c join pawl.message m on m.content = c.content
order by c.depth desc
