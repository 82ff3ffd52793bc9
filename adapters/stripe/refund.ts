/** Refunds charges, and reads refunds. */

import { Stripe } from 'stripe';
import type { GatewayRefund, RefundAnswer } from '../../domain/ports.ts';
import { amountFromStripe } from './amounts.ts';
import { gatewayFault, MAX_PAGE_SIZE, messageOf, type StripeOptions } from './client.ts';

/**
 * Refunds the whole charge, or its remainder. Its refunds are listed first: an effective one of this attempt is not
 * repeated under another key. A charge that was refunded elsewhere counts as refunded.
 * @throws gateway_unavailable, gateway_misconfigured
 */
export async function refundCharge(
  stripe: Stripe,
  input: { charge_ref: string; key: string; payment_id: string; attempt_key: string },
  options: StripeOptions,
): Promise<RefundAnswer> {
  const { charge_ref: charge, key, payment_id, attempt_key } = input;
  try {
    const own = (await fetchRefunds(stripe, { charge })).filter(
      (refund) => refundMetadata(refund).attempt_key === attempt_key,
    );
    const before = effectiveRefund(own);
    if (before) return before;
    const refund = { charge, reason: 'duplicate', metadata: { payment_id, attempt_key } } as const;
    return answerOf(await stripe.refunds.create(refund, { idempotencyKey: key }));
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw gatewayFault(error, options);
    const refusal = {
      result: 'refused',
      reason: `${error.code ?? error.statusCode}: ${messageOf(error)}`,
    } as const;
    if (error.code !== 'charge_already_refunded') return refusal;
    return effectiveRefund(await listRefunds(stripe, { charge }, options)) ?? refusal;
  }
}

/** The effective one of these refunds, pending or succeeded; `undefined`: there is none. */
function effectiveRefund(refunds: readonly Stripe.Refund[]): RefundAnswer | undefined {
  const answers = refunds.map(answerOf);
  return (
    answers.find(({ result }) => result === 'pending') ?? answers.find(({ result }) => result === 'refunded')
  );
}

/**
 * All refunds of a payment, Persona's and external ones, oldest first.
 * @throws gateway_unavailable, gateway_misconfigured
 */
export async function refundsOf(
  stripe: Stripe,
  gatewayRef: string,
  options: StripeOptions,
): Promise<GatewayRefund[]> {
  const newestFirst = await listRefunds(stripe, { payment_intent: gatewayRef }, options);
  return newestFirst.reverse().map(toGatewayRefund);
}

type RefundFilter = { charge: string } | { payment_intent: string };

async function listRefunds(
  stripe: Stripe,
  filter: RefundFilter,
  options: StripeOptions,
): Promise<Stripe.Refund[]> {
  try {
    return await fetchRefunds(stripe, filter);
  } catch (error) {
    throw gatewayFault(error, options);
  }
}

async function fetchRefunds(stripe: Stripe, filter: RefundFilter): Promise<Stripe.Refund[]> {
  const refunds: Stripe.Refund[] = [];
  for await (const refund of stripe.refunds.list({ ...filter, limit: MAX_PAGE_SIZE })) refunds.push(refund);
  return refunds;
}

/** The payment and the attempt that one of Persona's refunds names. */
export function refundMetadata({ metadata }: Pick<Stripe.Refund, 'metadata'>): {
  payment_id?: string;
  attempt_key?: string;
} {
  const { payment_id, attempt_key } = metadata ?? {};
  return { ...(payment_id && { payment_id }), ...(attempt_key && { attempt_key }) };
}

export function toGatewayRefund(refund: Stripe.Refund): GatewayRefund {
  const { id: refund_ref, amount, currency, charge } = refund;
  const charge_ref = typeof charge === 'string' ? charge : charge?.id;
  const answer = answerOf(refund);
  const { attempt_key } = refundMetadata(refund);
  return {
    refund_ref,
    amount: amountFromStripe(amount, currency),
    currency: currency.toUpperCase(),
    ...(answer.result === 'refused' ? { state: 'failed', reason: answer.reason } : { state: answer.result }),
    ...(charge_ref && { charge_ref }),
    ...(attempt_key && { attempt_key }),
  };
}

function answerOf(refund: Stripe.Refund): RefundAnswer {
  const { id: refund_ref } = refund;
  switch (refund.status) {
    case 'succeeded':
      return { result: 'refunded', refund_ref };
    case 'failed':
    case 'canceled':
      return {
        result: 'refused',
        reason: `refund ${refund_ref} failed: ${refund.failure_reason ?? refund.status}`,
        refund_ref,
      };
    default:
      // `pending` or `requires_action`: accepted, but not completed yet.
      return { result: 'pending', refund_ref };
  }
}
