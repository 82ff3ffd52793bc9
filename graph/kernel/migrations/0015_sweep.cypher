// The sweep walks what is owed, and what is in doubt, state by state and in the order of the payments' ids.
CREATE INDEX obligation_of_state IF NOT EXISTS FOR (n:Obligation) ON (n.state, n.payment_id);
CREATE INDEX charge_attempt_of_state IF NOT EXISTS FOR (n:ChargeAttempt) ON (n.state, n.payment_id);
