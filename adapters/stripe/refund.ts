/** Gives a charge back. */

import { Stripe } from 'stripe';
import type { RefundAnswer } from '../../domain/ports.ts';
import { gatewayFault, type StripeOptions } from './client.ts';

/**
 * The whole charge, or what is left of it. A charge that was refunded before, by whomever, is refunded.
 * @throws gateway_unavailable, gateway_misconfigured
 */
export async function refundCharge(
  stripe: Stripe,
  { charge_ref: charge, key }: { charge_ref: string; key: string },
  options: StripeOptions,
): Promise<RefundAnswer> {
  try {
    const refund = { charge, reason: 'duplicate' } as const;
    return answerOf(await stripe.refunds.create(refund, { idempotencyKey: key }));
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw gatewayFault(error, options);
    const refusal = {
      result: 'refused',
      reason: `${error.code ?? error.statusCode}: ${error.message}`,
    } as const;
    return error.code === 'charge_already_refunded'
      ? ((await refundsOf(stripe, charge, options)) ?? refusal)
      : refusal;
  }
}

/** What became of the charge's refunds; `undefined`: there is none that stands. */
async function refundsOf(
  stripe: Stripe,
  charge: string,
  options: StripeOptions,
): Promise<RefundAnswer | undefined> {
  try {
    const answers: RefundAnswer[] = [];
    for await (const refund of stripe.refunds.list({ charge, limit: 100 })) answers.push(answerOf(refund));
    return (
      answers.find(({ result }) => result === 'pending') ??
      answers.find(({ result }) => result === 'refunded')
    );
  } catch (error) {
    throw gatewayFault(error, options);
  }
}

function answerOf(refund: Stripe.Refund): RefundAnswer {
  switch (refund.status) {
    case 'succeeded':
      return { result: 'refunded', refund_ref: refund.id };
    case 'failed':
    case 'canceled':
      return {
        result: 'refused',
        reason: `the refund ${refund.id} ${refund.failure_reason ?? refund.status}`,
      };
    default:
      // `pending`, or `requires_action`: accepted, and not through yet.
      return { result: 'pending', refund_ref: refund.id };
  }
}
