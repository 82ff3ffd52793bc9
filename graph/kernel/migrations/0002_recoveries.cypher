// The attempts of one obligation, of one customer, of one method.
CREATE INDEX charge_attempt_payment IF NOT EXISTS FOR (n:ChargeAttempt) ON (n.payment_id);
CREATE INDEX charge_attempt_customer IF NOT EXISTS FOR (n:ChargeAttempt) ON (n.customer_id, n.state);
CREATE INDEX charge_attempt_method IF NOT EXISTS FOR (n:ChargeAttempt) ON (n.payment_method_id);
