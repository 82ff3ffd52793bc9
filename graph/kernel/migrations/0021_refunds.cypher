// What was paid too much, and what was given back at the gateway: of one payment, of one customer.
CREATE CONSTRAINT overpayment_id IF NOT EXISTS FOR (n:Overpayment) REQUIRE n.id IS UNIQUE;
CREATE INDEX overpayment_payment IF NOT EXISTS FOR (n:Overpayment) ON (n.payment_id);
CREATE INDEX overpayment_customer IF NOT EXISTS FOR (n:Overpayment) ON (n.customer_id, n.key);
CREATE CONSTRAINT refund_id IF NOT EXISTS FOR (n:Refund) REQUIRE n.id IS UNIQUE;
CREATE INDEX refund_payment IF NOT EXISTS FOR (n:Refund) ON (n.payment_id);
CREATE INDEX refund_customer IF NOT EXISTS FOR (n:Refund) ON (n.customer_id);
// One customer after the other, in the order of events: each event does what its projection does.
MATCH (c:Customer)
WHERE NOT EXISTS { MATCH (x:Overpayment {customer_id: c.id}) WHERE x.key IS NOT NULL }
  AND NOT EXISTS { MATCH (:Refund {customer_id: c.id}) }
  AND EXISTS {
    MATCH (e:PersonaEvent {stream_id: c.id})
    WHERE e.seq > 0 AND e.type IN ['RecoveryOverpaid', 'RefundSent', 'RefundFailed']
  }
CALL (c) {
  SET c.locked = true
  REMOVE c.locked
  WITH c
  MATCH (e:PersonaEvent {stream_id: c.id})
  WHERE e.seq > 0 AND e.type IN ['RecoveryOverpaid', 'RefundRequested', 'RefundSent', 'RefundFailed']
  WITH c, e ORDER BY e.seq
  CALL (c, e) {
    WITH c, e, e.type AS type, split(split(e.data, '"payment_id":"')[1], '"')[0] AS payment_id,
      split(split(e.data, '"key":"')[1], '"')[0] AS key,
      split(split(e.data, '"refund_ref":"')[1], '"')[0] AS refund_ref,
      split(split(e.data, '"since":"')[1], '"')[0] AS since
    FOREACH (_ IN CASE type WHEN 'RecoveryOverpaid' THEN [1] ELSE [] END |
      MERGE (x:Overpayment {id: payment_id + '/' + key})
      ON CREATE SET x.payment_id = payment_id, x.customer_id = c.id, x.key = key, x.first_seq = e.seq, x.refund_tries = 0
      SET x.refund_owed = e.data CONTAINS '"refund":true')
    FOREACH (_ IN CASE WHEN refund_ref IS NULL THEN [] ELSE [1] END |
      MERGE (r:Refund {id: payment_id + '/' + refund_ref})
      ON CREATE SET r.refund_ref = refund_ref, r.payment_id = payment_id, r.customer_id = c.id, r.key = key
      SET r.sent_at = CASE type WHEN 'RefundSent' THEN e.recorded_at ELSE r.sent_at END,
        r.failed_at = CASE type WHEN 'RefundFailed' THEN e.recorded_at ELSE r.failed_at END,
        r.notification_id = CASE type WHEN 'RefundSent' THEN split(split(e.data, '"notice":"')[1], '"')[0] ELSE r.notification_id END)
    WITH e, type, key, payment_id, refund_ref, since
    MATCH (x:Overpayment {id: payment_id + '/' + key})
    WHERE type = 'RefundRequested' OR (type = 'RefundSent' AND NOT e.data CONTAINS '"part":true')
      OR (type = 'RefundFailed' AND since IS NOT NULL)
    SET x.refund_owed = x.refund_owed OR type = 'RefundRequested',
      x.refunded_by = CASE type WHEN 'RefundSent' THEN refund_ref WHEN 'RefundFailed' THEN null ELSE x.refunded_by END,
      x.refund_tries = coalesce(toInteger(split(split(e.data, '"n":')[1], ',')[0]), x.refund_tries),
      x.refund_failure = CASE type
        WHEN 'RefundFailed' THEN replace(split(split(e.data, '"reason":"')[1], '","refund_ref":')[0], '\\"', '"')
        ELSE x.refund_failure END,
      x.refund_failing_since = datetime(since),
      x.next_refund_at = datetime(split(split(e.data, '"next_at":"')[1], '"')[0])
  }
} IN TRANSACTIONS OF 100 ROWS;
