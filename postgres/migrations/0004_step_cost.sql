-- What the call of a step did cost: null where its model has no price, and in rows that
-- are older than this.
alter table pawl.step add column model text, add column cost bigint, add column currency text;
