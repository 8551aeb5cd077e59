-- Indexes of hashes that are only ever looked up whole: of a third of the size.

drop index pawl.node_parent, pawl.node_content, pawl.step_head;
create index node_parent on pawl.node using hash (parent) where parent is not null;
create index node_content on pawl.node using hash (content);
create index step_head on pawl.step using hash (head) where head is not null;
