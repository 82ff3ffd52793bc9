import type { PaymentUpdate } from '../../domain/ports.ts';
import type { KnownPayment } from '../../domain/recovery/gateway-update.ts';
import { RECEIVED, receiptOf } from '../gateway-events.ts';
import type { Graph } from '../kernel/graph.ts';
import { findByHashes } from '../kernel/identity-locks.ts';
import { withoutNulls } from '../kernel/values.ts';

const FIND = `
  CALL () {
    MATCH (o:Obligation {payment_id: $payment_id}) RETURN o
    UNION
    MATCH (o:Obligation {gateway_ref: $gateway_ref}) RETURN o
    UNION
    MATCH (o:Obligation {reported_ref: $gateway_ref}) RETURN o
  }
  WITH o, CASE WHEN o.payment_id = $payment_id THEN 1 WHEN o.gateway_ref = $gateway_ref THEN 2 ELSE 3 END AS rank
  ORDER BY rank LIMIT 1
  OPTIONAL MATCH (c:Customer {id: o.customer_id})
  RETURN o {.payment_id, .customer_id, .state, .gateway_ref, .reported_ref, .settled_ref, gateway_customer_ref: c.gateway_customer_ref,
    attempts: COLLECT {
      MATCH (a:ChargeAttempt {payment_id: o.payment_id, source: 'recovery'})
      RETURN a {.key, .state, .class, .payment_method_id} ORDER BY a.claimed_at, a.key
    },
    payment_method_id: head(COLLECT {
      UNWIND $token_hashes AS token_hash
      MATCH (p:PaymentMethod {token_hash: token_hash}) RETURN p.id
    }),
    received: ${RECEIVED}
  } AS payment`;

/** `undefined`: the payment belongs to no obligation. */
export async function findKnownPayment(
  graph: Graph,
  update: PaymentUpdate,
): Promise<KnownPayment | undefined> {
  const { event_id, gateway_ref, payment_id = null, token } = update;
  const token_hashes = token === undefined ? [] : graph.blindIndex.hashes('token', token);
  const [row] = await findByHashes<{ payment: KnownPayment }>(
    graph,
    token_hashes,
    { cypher: FIND, parameters: { payment_id, gateway_ref, token_hashes, ...receiptOf(event_id) } },
    ([found]) => found === undefined || (found.payment.payment_method_id ?? null) !== null,
  );
  return row && withoutNulls(row.payment);
}
