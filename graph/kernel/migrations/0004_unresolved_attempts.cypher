// The charges in doubt, for the sweep.
CREATE INDEX charge_attempt_state IF NOT EXISTS FOR (n:ChargeAttempt) ON (n.state);
// Whose payment at the gateway it is.
CREATE INDEX obligation_gateway_ref IF NOT EXISTS FOR (n:Obligation) ON (n.gateway_ref);
