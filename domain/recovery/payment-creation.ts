/** Reuses an obligation's existing payment at the gateway instead of creating another (docs/reference/workflows.md, 'The cascade'). */

import type { ChargeAnswer, ChargeOrder, GatewayPayment } from '../ports.ts';
import { PAYMENT_NOT_OURS } from './status.ts';

/** How far back existing payments are searched: longer than any recovery lasts and any backup's age. */
export const LOOK_BACK_MS = 90 * 86_400_000;
/** How far the gateway's clock may lag behind Persona's. */
const CLOCK_SKEW_MS = 30_000;

/**
 * Handles a graph that was restored from a backup and lacks payments it created, and a creation whose response was lost.
 * @param payments the customer's payments of the last `LOOK_BACK_MS`
 * @returns the result if nothing has to be sent; or the payment to `confirm`; `undefined`: create one
 */
export function reuseExistingPayment(
  payments: readonly GatewayPayment[],
  order: ChargeOrder,
): ChargeAnswer | { confirm: string } | undefined {
  // No charge can succeed on a cancelled payment: those are considered only if there is no other.
  const own = payments.filter(
    ({ payment_id, state, reversal }) =>
      payment_id === order.payment_id &&
      state !== 'cancelled' &&
      !(order.collect_again && reversal !== undefined),
  );
  const known =
    own.find(({ state, reversal }) => state === 'succeeded' && reversal === undefined) ??
    own.find(({ state }) => state === 'succeeded') ??
    own.find(({ state }) => state === 'processing') ??
    own[0];
  if (known === undefined) return answerIfWithdrawn(payments, order);
  const { gateway_ref, charge_ref, token } = known;
  if (known.amount !== order.amount || known.currency !== order.currency) {
    const reason = `gateway payment ${gateway_ref} has this payment id with another amount or currency`;
    return { result: 'not_sent', reason, review: PAYMENT_NOT_OURS };
  }
  const refs = { gateway_ref, ...(charge_ref && { charge_ref }) };
  switch (known.state) {
    case 'succeeded': {
      const { reversal } = known;
      if (reversal !== undefined) {
        const reason = `payment ${gateway_ref} had succeeded before and is ${reversal}`;
        return { result: 'not_sent', reason, cancelled: { gateway_ref, reversal } };
      }
      const other = token !== undefined && token !== order.token;
      return { result: 'approved', ...refs, ...(other && { charged_token: token }) };
    }
    case 'processing':
      return { result: 'pending', ...refs };
    default:
      return { confirm: gateway_ref };
  }
}

/** An unknown payment was cancelled with a reason that forbids collecting the amount: an operator decides. */
function answerIfWithdrawn(
  payments: readonly GatewayPayment[],
  order: ChargeOrder,
): ChargeAnswer | undefined {
  const since = (order.opened_at ?? Infinity) - CLOCK_SKEW_MS;
  const found = payments.find(
    (one) => one.payment_id === order.payment_id && one.withdrawn && one.withdrawn.created_at >= since,
  );
  if (found?.withdrawn === undefined || order.collect_again) return undefined;
  const { gateway_ref } = found;
  const { because } = found.withdrawn;
  const reason = `payment ${gateway_ref} was cancelled as ${because}`;
  return { result: 'not_sent', reason, cancelled: { gateway_ref, because } };
}
