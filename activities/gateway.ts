/** The activity that charges, and the one that resolves charges. */

import { cancellationSignal } from '@temporalio/activity';
import type { Policy } from '../domain/policy.ts';
import type { ChargeAnswer, ChargeOrder, GatewayPayment, PaymentGateway } from '../domain/ports.ts';
import { CLAIM_RESERVE_MS } from '../domain/recovery/claims.ts';
import { reuseExistingPayment, LOOK_BACK_MS } from '../domain/recovery/payment-creation.ts';
import type { Graph } from '../graph/index.ts';
import { getChargeOrder, getUnresolvedCharge } from '../graph/recovery/index.ts';
import type { GatewayActivities } from '../workflows/recover-payment.ts';

/** HTTP timeout of a charge; the activity's timeout is 45 s, the claim's 60 s. */
const CHARGE_TIMEOUT_MS = 30_000;
/** Together with the charge's timeout below the activity's 45 s. */
const LIST_TIMEOUT_MS = 10_000;
/** The gateway keeps an idempotency key for 24 hours: within this time a repeated request cannot be a second charge. */
const IDEMPOTENCY_KEY_TTL_MS = 23 * 3_600_000;

export interface GatewayDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  policy: Policy;
  /** Epoch milliseconds. */
  now: () => number;
}

export function createGatewayActivities({
  graph,
  gateway,
  policy,
  now,
}: GatewayDependencies): GatewayActivities {
  /** The obligation's own payments; a succeeded one is read again for reversals. */
  function refreshOwnPayments(
    payments: readonly GatewayPayment[],
    order: ChargeOrder,
  ): Promise<GatewayPayment[]> {
    const own = payments.filter(({ payment_id }) => payment_id === order.payment_id);
    return Promise.all(
      own.map(async (payment) =>
        payment.state === 'succeeded'
          ? ((await gateway.readPayment(payment.gateway_ref)) ?? payment)
          : payment,
      ),
    );
  }

  /** Charges the obligation's existing payment, if the gateway has one, instead of creating another. */
  async function findOrCharge(order: ChargeOrder): Promise<ChargeAnswer> {
    if (order.gateway_ref !== undefined) return send(gateway, order);
    const signal = AbortSignal.any([cancellationSignal(), AbortSignal.timeout(LIST_TIMEOUT_MS)]);
    let existing: ReturnType<typeof reuseExistingPayment>;
    try {
      const since = now() - LOOK_BACK_MS;
      const payments = await gateway.paymentsOf(order.gateway_customer_ref, since, { signal });
      existing = reuseExistingPayment(await refreshOwnPayments(payments, order), order);
    } catch (error) {
      return { result: 'not_sent', reason: `the customer's payments could not be read: ${messageOf(error)}` };
    }
    if (existing === undefined) return send(gateway, order);
    return 'confirm' in existing ? send(gateway, { ...order, gateway_ref: existing.confirm }) : existing;
  }

  return {
    async resolveCharge({ key, policy: recoveryPolicy, only_read = false }) {
      const { query, order, eligible } = await getUnresolvedCharge(graph, {
        key,
        policy: { ...policy, recovery: recoveryPolicy },
        now: now(),
      });
      const found = await gateway.findCharge(query, { signal: cancellationSignal() });
      if (found.result === 'not_charged') {
        const { cancelled } = found;
        const reason = 'the gateway has the payment, but no charge of this attempt';
        return { result: 'not_sent', reason, ...(cancelled && { cancelled }) };
      }
      const sendable = eligible && !only_read && now() - query.claimed_at <= IDEMPOTENCY_KEY_TTL_MS;
      if (found.result !== 'absent' || !sendable) return found;
      // The same request under the same key replays its result, or makes the one charge that the claim allows.
      const sent = await findOrCharge(order);
      // If it was not sent, that proves nothing about the first request, which may still arrive.
      return sent.result === 'not_sent' && !sent.cancelled ? found : sent;
    },

    async charge({ payment_id, key }) {
      let order: Awaited<ReturnType<typeof getChargeOrder>>;
      try {
        order = await getChargeOrder(graph, { key, payment_id });
      } catch (error) {
        return { result: 'not_sent', reason: `the order could not be read: ${messageOf(error)}` };
      }
      if (order.state !== 'in_flight') return recordedAnswer(order);
      if (order.forbidden !== undefined) return { result: 'not_sent', reason: order.forbidden };
      if (order.claim_deadline - now() < CLAIM_RESERVE_MS) {
        return { result: 'not_sent', reason: 'not enough of the claim was left to start the charge' };
      }
      return await findOrCharge(order.charge);
    },
  };
}

/**
 * The result of an attempt that is already recorded; nothing is sent. A run that was restored from a backup of Temporal
 * requests such a charge: that it is unresolved in the graph does not prove that it was never sent.
 */
function recordedAnswer({
  state,
  charge: { gateway_ref },
}: Pick<Awaited<ReturnType<typeof getChargeOrder>>, 'state' | 'charge'>): ChargeAnswer {
  const reason = `the attempt is already ${state}`;
  if (state === 'pending' && gateway_ref !== undefined) return { result: 'pending', gateway_ref };
  return state === 'pending' || state === 'unknown'
    ? { result: 'unknown', reason }
    : { result: 'not_sent', reason };
}

async function send(gateway: PaymentGateway, order: ChargeOrder): Promise<ChargeAnswer> {
  try {
    return await gateway.charge(order, { timeoutMs: CHARGE_TIMEOUT_MS, signal: cancellationSignal() });
  } catch (error) {
    // An error that the adapter does not classify may have occurred after the request was sent.
    return { result: 'unknown', reason: messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
