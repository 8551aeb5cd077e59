-- The tables of the queue; see the package's documentation for what each is for.
-- The schema is named pawl here, and as the URL says in the database.
-- Times are microseconds since 1970 in UTC. Packed values begin with a byte that says how.

create sequence pawl.seq increment 1048576;

create function pawl.expect(matched bigint, wanted bigint) returns void
language plpgsql as $$
begin
  if matched <> wanted then
    raise exception 'pawl: % of % rows are as they were read', matched, wanted using errcode = '40001';
  end if;
end $$;

create table pawl.task (
  id           uuid primary key,
  run          uuid not null,
  seq          bigint not null,
  bin          bigint not null,
  added        bigint not null,
  queue        text not null,
  limits       text not null,
  operation    text not null,
  person       text not null,
  priority     smallint not null,
  max_attempts integer not null,
  identity     bytea,
  conversation bytea,
  input        bytea,
  extra        bytea
);
create index task_run on pawl.task (run) where run <> id;
create index task_conversation on pawl.task (conversation) where conversation is not null;
alter table pawl.task alter column input set storage external;
alter table pawl.task alter column extra set storage external;

create table pawl.live (
  id         uuid primary key,
  run        uuid,
  seq        bigint not null,
  bin        bigint not null,
  state      smallint not null,
  attempt    integer not null default 0,
  wake       bigint,
  started    bigint,
  worker     text,
  chars      integer not null,
  max_tokens integer not null,
  output     integer not null,
  cost       float8,
  share      float8,
  class      text,
  identity   bytea,
  calls      bytea,
  more       bytea
);
create index live_pending on pawl.live (bin, seq) where state = 3;
create index live_due on pawl.live (wake) where state <> 4 and wake is not null;
create index live_lease on pawl.live (wake) where state = 4;
create index live_identity on pawl.live (identity) where identity is not null;

create table pawl.ended (
  id          uuid primary key,
  state       smallint not null,
  ended       bigint not null,
  attempt     integer not null,
  started     bigint,
  worker      text,
  class       text,
  fingerprint text,
  identity    bytea,
  output      bytea,
  more        bytea
);
create index ended_dead on pawl.ended (id) where state = 6;
create index ended_when on pawl.ended using brin (ended) with (autosummarize = on);
create index ended_identity on pawl.ended (identity, ended) where identity is not null;
alter table pawl.ended alter column output set storage external;
alter table pawl.ended alter column more set storage external;

create table pawl.step (
  task    uuid not null,
  key     text not null,
  number  bigint generated always as identity,
  name    text not null,
  call    boolean not null,
  usage   bigint[],
  head    bytea,
  at      bigint not null,
  took    bigint not null,
  attempt integer not null,
  result  bytea,
  primary key (task, key)
);
create index step_head on pawl.step (head) where head is not null;
alter table pawl.step alter column result set storage external;

create table pawl.node (
  hash    bytea primary key,
  parent  bytea,
  content bytea not null
);
create index node_parent on pawl.node (parent) where parent is not null;
create index node_content on pawl.node (content);

create table pawl.message (
  content bytea primary key,
  body    bytea not null
);
alter table pawl.message alter column body set storage external;

-- Removes the nodes of conversations that nothing refers to any more, from their
-- ends on, and then their messages.
create function pawl.forget(heads bytea[]) returns void
language plpgsql as $$
declare
  parents bytea[];
  contents bytea[];
  orphans bytea[] := '{}';
begin
  while heads <> '{}' loop
    perform from pawl.node where hash = any(heads) order by hash for update;
    with gone as (
      delete from pawl.node n
      where n.hash = any(heads)
        and not exists (select from pawl.node c where c.parent = n.hash)
        and not exists (select from pawl.task t where t.conversation = n.hash)
        and not exists (select from pawl.step s where s.head = n.hash)
      returning n.parent, n.content
    )
    select coalesce(array_agg(distinct parent) filter (where parent is not null), '{}'), coalesce(array_agg(distinct content), '{}')
    into parents, contents
    from gone;
    orphans := orphans || contents;
    heads := parents;
  end loop;
  perform from pawl.message where content = any(orphans) order by content for update;
  delete from pawl.message m
  where m.content = any(orphans)
    and not exists (select from pawl.node n where n.content = m.content);
end $$;

create table pawl.page (
  key     text not null,
  version bigint not null,
  value   bytea,
  primary key (key, version)
);
create index page_version on pawl.page (version);

create sequence pawl.letter;

create table pawl.inbox (
  id    bigint primary key,
  posts bytea not null
);

create sequence pawl.happened;

create table pawl.event (
  id   bigint primary key,
  at   bigint not null,
  body bytea not null
);

create table pawl.dropped (
  events bigint not null
);
insert into pawl.dropped values (0);

create table pawl.watcher (
  name  text primary key,
  types integer not null,
  until bigint not null
);

-- What is written and removed all the time is cleaned up early, and at full speed.
alter table pawl.live set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.2, autovacuum_analyze_threshold = 5000);
alter table pawl.inbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_threshold = -1);
alter table pawl.page set (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_threshold = -1);
alter table pawl.event set (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_threshold = -1);
alter table pawl.watcher set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100);
alter table pawl.task set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 1);
alter table pawl.ended set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 1);
alter table pawl.step set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 1);
