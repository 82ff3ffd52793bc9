import type { RefundUpdate } from '../../domain/ports.ts';
import { settledPaymentKey } from '../../domain/workflow-contracts.ts';
import { RECEIVED, receiptOf } from '../gateway-events.ts';
import type { Graph } from '../graph.ts';

/** The obligation that a refund belongs to. */
export interface KnownRefund {
  payment_id: string;
  customer_id: string;
  /** Whether this event was processed before. */
  received: boolean;
}

// A payment id alone proves nothing, because others use the same gateway: it must be the obligation's own payment, or a
// charge or a refund of one of its attempts.
const FIND = `
  CALL () {
    MATCH (o:Obligation {gateway_ref: $gateway_ref}) RETURN o
    UNION
    MATCH (o:Obligation {payment_id: $payment_id})
    WHERE $attempt_key = $settled_key OR EXISTS {
      MATCH (a:ChargeAttempt {payment_id: $payment_id, source: 'recovery'})
      WHERE a.gateway_ref = $charge_ref OR a.key = $attempt_key
    }
    RETURN o
  }
  RETURN o.payment_id AS payment_id, o.customer_id AS customer_id, ${RECEIVED} AS received
  LIMIT 1`;

/** `undefined`: it is neither a charge nor a refund of Persona's. */
export async function findKnownRefund(graph: Graph, update: RefundUpdate): Promise<KnownRefund | undefined> {
  const { event_id, gateway_ref, payment_id = null, charge_ref = null, attempt_key = null } = update;
  const [row] = await graph.read<KnownRefund>(FIND, {
    gateway_ref,
    payment_id,
    charge_ref,
    attempt_key,
    settled_key: settledPaymentKey(gateway_ref),
    ...receiptOf(event_id),
  });
  return row;
}
