/** Reversals: whether a succeeded payment still holds its amount. */

import type { Stripe } from 'stripe';
import type { ReversalReason } from '../../domain/ports.ts';
import { MAX_PAGE_SIZE } from './client.ts';

/** A payment with its latest charge, which is the one that succeeded, if any did. */
export function readWithCharge(stripe: Stripe, gatewayRef: string): Promise<Stripe.PaymentIntent> {
  return stripe.paymentIntents.retrieve(gatewayRef, { expand: ['latest_charge'] });
}

/**
 * Why the payment does not hold its whole amount. The charge shows what was captured and refunded, but not the state of
 * its disputes: `disputed` stays true when one was won. A bank debit returned after it succeeded is a dispute.
 *
 * @param intent as returned by `readWithCharge`
 * @returns `undefined`: it has not succeeded, or holds its whole amount
 * @throws Stripe.errors.StripeError
 */
export async function reversalOf(
  stripe: Stripe,
  intent: Stripe.PaymentIntent,
): Promise<ReversalReason | undefined> {
  if (intent.status !== 'succeeded') return undefined;
  const { latest_charge: charge, amount, amount_received } = intent;
  if (charge !== null && typeof charge !== 'string' && charge.amount_refunded > 0) return 'refunded';
  if (amount_received < amount) return 'partly_captured';
  for await (const { status } of stripe.disputes.list({ payment_intent: intent.id, limit: MAX_PAGE_SIZE })) {
    if (disputeState(status) === 'open' || disputeState(status) === 'lost') return 'disputed';
  }
  return undefined;
}

/** The states of a dispute. A closed inquiry (`warning_…`) has withdrawn nothing. */
export type DisputeState = 'open' | 'lost' | 'won' | 'warning_closed';

const CLOSED_STATES: ReadonlyMap<string, DisputeState> = new Map([
  ['won', 'won'],
  ['lost', 'lost'],
  ['warning_closed', 'warning_closed'],
  // Refunded by an agreement between bank and network before it was opened.
  ['prevented', 'lost'],
]);

/** A status unknown to this version counts as open. */
export function disputeState(status: string): DisputeState {
  return CLOSED_STATES.get(status) ?? 'open';
}
