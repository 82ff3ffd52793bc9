// The customers with methods at the gateway that no wallet has, one page after the other.
CREATE INDEX customer_mismatch IF NOT EXISTS FOR (n:Customer) ON (n.gateway_mismatch, n.id);
// A removal changes no status of a compromised method, and so is not what last set it.
MATCH (p:PaymentMethod) WHERE p.status = 'compromised' AND p.removed_at IS NOT NULL
MATCH (c:Customer)-[:HAS_PAYMENT_METHOD]->(p)
MATCH (e:PersonaEvent {stream_id: c.id})
WHERE e.seq > 0 AND e.seq <= p.status_seq AND e.type = 'PaymentMethodStatusChanged'
  AND e.data CONTAINS '"payment_method_id":"' + p.id + '"'
WITH p, max(e.seq) AS seq
SET p.status_seq = seq;
