// How long a receipt is kept depends on its kind; the oldest of each are found first. Those of before count as long-lived.
MATCH (r:CommandReceipt) WHERE r.kind IS NULL
CALL (r) { SET r.kind = 'event' } IN TRANSACTIONS OF 10000 ROWS;
CREATE INDEX command_receipt_age IF NOT EXISTS FOR (n:CommandReceipt) ON (n.kind, n.at);
