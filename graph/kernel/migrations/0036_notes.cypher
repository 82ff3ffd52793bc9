// What customers have noted about their events.
CREATE CONSTRAINT note_id IF NOT EXISTS FOR (n:Note) REQUIRE n.note_id IS UNIQUE;
CREATE INDEX note_about IF NOT EXISTS FOR (n:Note) ON (n.customer_id, n.about_seq);
