INSERT INTO letter (posts) VALUES (?)
