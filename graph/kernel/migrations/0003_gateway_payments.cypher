// Whose payment the gateway speaks of.
CREATE INDEX obligation_gateway_ref IF NOT EXISTS FOR (n:Obligation) ON (n.gateway_ref);
CREATE INDEX obligation_reported_ref IF NOT EXISTS FOR (n:Obligation) ON (n.reported_ref);
