// How far a replay into this graph is: one at a time.
CREATE CONSTRAINT replay_id IF NOT EXISTS FOR (n:Replay) REQUIRE n.id IS UNIQUE;
