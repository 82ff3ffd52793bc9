/** The activities that refund second successes. Each may run twice, and concurrently, and refunds once. */

import type { PaymentGateway } from '../domain/ports.ts';
import { settledPaymentKey } from '../domain/workflow-contracts.ts';
import type { Graph } from '../graph/index.ts';
import {
  getDueRefunds,
  getObligation,
  getRecovery,
  getNextRefund,
  recordRefund,
  requestRefunds,
} from '../graph/recovery/index.ts';
import type { RefundActivities } from '../workflows/refund-payment.ts';
import { headerOf, activityIdempotencyKey } from './command-header.ts';
import { matchesObligation } from './recovery.ts';

/** The prefix of the key of an external payment. */
const SETTLED_KEY_PREFIX = settledPaymentKey('');

export interface RefundDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createRefundActivities({ graph, gateway, now }: RefundDependencies): RefundActivities {
  const occurredAt = () => ({ occurredAt: new Date(now()).toISOString() });

  /** The charge of an external payment, if it is at Persona's gateway and matches the obligation. */
  async function findExternalCharge(paymentId: string, gatewayRef: string): Promise<string | undefined> {
    const obligation = await getObligation(graph, paymentId);
    const payment = await gateway.readPayment(gatewayRef);
    return payment?.state === 'succeeded' && matchesObligation(obligation, payment)
      ? payment.charge_ref
      : undefined;
  }

  return {
    async dueRefunds({ payment_id, by }) {
      if (!by) return getDueRefunds(graph, { payment_id, now: now() });
      const header = headerOf(activityIdempotencyKey(`request-refunds:${payment_id}`), {
        ...occurredAt(),
        actor: by.actor,
      });
      return requestRefunds(graph, header, { payment_id });
    },

    async refundCharge({ payment_id, key }) {
      const order = await getNextRefund(graph, { payment_id, key, now: now() });
      if (!('n' in order)) return order;
      const charge_ref = key.startsWith(SETTLED_KEY_PREFIX)
        ? await findExternalCharge(payment_id, key.slice(SETTLED_KEY_PREFIX.length))
        : (await getRecovery(graph, payment_id))?.attempts.find((one) => one.key === key)?.gateway_ref;
      const header = headerOf(activityIdempotencyKey(`refund:${key}:${order.n}`), occurredAt());
      const end = { payment_id, key, n: order.n, now: now() };
      if (charge_ref === undefined) {
        const refused = 'the gateway has no charge of this payment';
        return recordRefund(graph, header, { ...end, result: { refused, final: true } });
      }
      // The gateway replays a refusal for a day: each attempt has its own key.
      const refundRequest = { charge_ref, key: `refund:${key}:${order.n}`, payment_id, attempt_key: key };
      const answer = await gateway.refundCharge(refundRequest);
      const { refund_ref } = answer;
      const result =
        answer.result === 'refused'
          ? { refused: answer.reason, ...(refund_ref && { refund_ref }) }
          : { refund_ref: answer.refund_ref };
      return recordRefund(graph, header, { ...end, result });
    },
  };
}
