// Notices that customers have not got yet: the sweep looks for them.
CREATE INDEX obligation_notices_due IF NOT EXISTS FOR (n:Obligation) ON (n.notices_due);
