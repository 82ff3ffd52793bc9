// What waits for a person for the same reason, one page after the other in the order of payments.
CREATE INDEX obligation_review IF NOT EXISTS FOR (n:Obligation) ON (n.state, n.rule, n.payment_id);
