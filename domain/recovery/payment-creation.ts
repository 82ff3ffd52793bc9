/** What the gateway has of an obligation whose payment is about to be created (specification: workflows 2). */

import type { ChargeAnswer, ChargeOrder, GatewayPayment } from '../ports.ts';
import { PAYMENT_NOT_OURS } from './status.ts';

/** How far back a payment is looked for: longer than any recovery lasts, and than any backup is old. */
export const LOOK_BACK_MS = 90 * 86_400_000;
/** How far the gateway's clock may be behind ours. */
const CLOCK_SKEW_MS = 30_000;

/**
 * A graph that was restored from a backup does not know what it created, and a creation whose answer was lost may turn up
 * late. @param payments the customer's, of the last `SEARCH_BEFORE_CLAIM_MS`
 * @returns the answer, without anything being sent; or the payment to `confirm`; `undefined`: create one
 */
export function reuseExistingPayment(
  payments: readonly GatewayPayment[],
  order: ChargeOrder,
): ChargeAnswer | { confirm: string } | undefined {
  // The gateway lets nothing succeed on a cancelled one any more: they are looked at where there is no other.
  const own = payments.filter(
    ({ payment_id, state, came_back }) =>
      payment_id === order.payment_id &&
      state !== 'cancelled' &&
      !(order.collect_again && came_back !== undefined),
  );
  const known =
    own.find(({ state, came_back }) => state === 'succeeded' && came_back === undefined) ??
    own.find(({ state }) => state === 'succeeded') ??
    own.find(({ state }) => state === 'processing') ??
    own[0];
  if (known === undefined) return answerIfWithdrawn(payments, order);
  const { gateway_ref, charge_ref, token } = known;
  if (known.amount !== order.amount || known.currency !== order.currency) {
    const reason = `payment ${gateway_ref} is known at the gateway under this name with another amount`;
    return { result: 'not_sent', reason, review: PAYMENT_NOT_OURS };
  }
  const refs = { gateway_ref, ...(charge_ref && { charge_ref }) };
  switch (known.state) {
    case 'succeeded': {
      const { came_back } = known;
      if (came_back !== undefined) {
        const reason = `payment ${gateway_ref} had succeeded before, and is ${came_back}`;
        return { result: 'not_sent', reason, cancelled: { gateway_ref, came_back } };
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

/** Nobody knew of this payment, and somebody has said of it that the amount is not to be collected: a person decides. */
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
