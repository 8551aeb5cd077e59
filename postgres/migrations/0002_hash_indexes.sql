-- Indexes of hashes that are only ever looked up whole: of a third of the size.

drop index pawl.node_parent, pawl.node_content, pawl.step_head;
create index node_parent on pawl.node using hash (parent) with (fillfactor = 100) where parent is not null;
create index node_content on pawl.node using hash (content) with (fillfactor = 100);
create index step_head on pawl.step using hash (head) with (fillfactor = 100) where head is not null;
