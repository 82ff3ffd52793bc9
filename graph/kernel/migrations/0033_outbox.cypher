// The relay reads unpublished events stream by stream, each in its order, without sorting them.
CREATE INDEX unpublished_in_order IF NOT EXISTS FOR (n:Unpublished) ON (n.stream_id, n.seq);
