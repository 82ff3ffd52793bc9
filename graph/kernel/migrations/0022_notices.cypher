// How each notice ended, and whose try to deliver it is under way.
CREATE CONSTRAINT notice_id IF NOT EXISTS FOR (n:Notice) REQUIRE n.notification_id IS UNIQUE;
CREATE INDEX notice_customer IF NOT EXISTS FOR (n:Notice) ON (n.customer_id, n.state);
MATCH (c:Customer)
WHERE NOT EXISTS { MATCH (n:Notice {customer_id: c.id}) WHERE n.state IS NOT NULL }
  AND EXISTS { MATCH (e:PersonaEvent {stream_id: c.id}) WHERE e.seq > 0 AND e.type IN ['NoticeSent', 'NoticeFailed'] }
CALL (c) {
  SET c.locked = true
  REMOVE c.locked
  WITH c
  MATCH (e:PersonaEvent {stream_id: c.id}) WHERE e.seq > 0 AND e.type IN ['NoticeSent', 'NoticeFailed']
  WITH c, e, split(e.data, '"reason":"')[1] AS reason ORDER BY e.seq
  CALL (c, e, reason) {
    MERGE (n:Notice {notification_id: split(split(e.data, '"notification_id":"')[1], '"')[0]})
    SET n.customer_id = c.id, n.template = split(split(e.data, '"template":"')[1], '"')[0],
      n.payment_id = split(split(e.data, '"payment_id":"')[1], '"')[0],
      n.case_id = split(split(e.data, '"case_id":"')[1], '"')[0],
      n.payment_method_id = split(split(e.data, '"payment_method_id":"')[1], '"')[0],
      n.channel = split(split(e.data, '"channel":"')[1], '"')[0],
      n.failure = replace(left(reason, size(reason) - 2), '\\"', '"'), n.ended_at = e.recorded_at,
      n.state = CASE
        WHEN e.type = 'NoticeSent' THEN 'sent'
        WHEN reason = 'the refund has failed"}' THEN 'withdrawn'
        ELSE 'failed' END
  }
} IN TRANSACTIONS OF 100 ROWS;
// A try that began and left no word: the receiver may have the notice.
MATCH (r:CommandReceipt {caller: 'notices'})
WHERE r.key STARTS WITH 'notice:' AND r.result CONTAINS '"try_id":"'
CALL (r) {
  MERGE (n:Notice {notification_id: substring(r.key, size('notice:'))})
  WITH r, n WHERE n.lease_holder IS NULL AND NOT coalesce(n.state, '') IN ['sent', 'failed']
  SET n.lease_holder = split(split(r.result, '"try_id":"')[1], '"')[0],
    n.leased_at = datetime({epochMillis: toInteger(split(split(r.result, '"began_at":')[1], '}')[0])})
} IN TRANSACTIONS OF 1000 ROWS;
