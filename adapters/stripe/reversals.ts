/** What a payment that has succeeded holds now. */

import type { Stripe } from 'stripe';
import type { ReversalReason } from '../../domain/ports.ts';
import { MAX_PAGE_SIZE } from './client.ts';

/** A payment with its newest charge: the one that succeeded, if any did. */
export function readWithCharge(stripe: Stripe, gatewayRef: string): Promise<Stripe.PaymentIntent> {
  return stripe.paymentIntents.retrieve(gatewayRef, { expand: ['latest_charge'] });
}

/**
 * Why the payment does not hold its whole amount. The charge says what was captured and refunded, but not how its
 * disputes stand: `disputed` stays true when one was won. A bank debit that is returned after it succeeded is a dispute.
 *
 * @param intent as `readWithCharge` gives it
 * @returns `undefined`: it has not succeeded, or holds everything
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

/** How a dispute may stand: an inquiry (`warning_…`) that was closed has withdrawn nothing. */
export type DisputeState = 'open' | 'lost' | 'won' | 'warning_closed';

const CLOSED_STATES: ReadonlyMap<string, DisputeState> = new Map([
  ['won', 'won'],
  ['lost', 'lost'],
  ['warning_closed', 'warning_closed'],
  // Refunded by an agreement between bank and network before it began.
  ['prevented', 'lost'],
]);

/** A status that this version does not know is not over. */
export function disputeState(status: string): DisputeState {
  return CLOSED_STATES.get(status) ?? 'open';
}
