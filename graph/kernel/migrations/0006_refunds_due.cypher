// Second successes that nobody has given back yet: the sweep looks for them.
CREATE INDEX obligation_refunds_due IF NOT EXISTS FOR (n:Obligation) ON (n.refunds_due);
