// The charges in doubt, for the sweep.
CREATE INDEX charge_attempt_state IF NOT EXISTS FOR (n:ChargeAttempt) ON (n.state);
