// The relay's own node: while it has a time of its beginning, every event waits for the relay.
CREATE CONSTRAINT relay_id IF NOT EXISTS FOR (n:Relay) REQUIRE n.id IS UNIQUE;
// Nothing drains them yet: the relay that comes begins with the log itself.
MATCH (e:Unpublished)
CALL (e) { REMOVE e:Unpublished } IN TRANSACTIONS OF 10000 ROWS;
