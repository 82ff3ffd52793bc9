/** Finds out what became of an attempt whose answer was lost, by reading alone (specification: interfaces, `findCharge`). */

import type { Stripe } from 'stripe';
import type { ChargeQuery, FoundCharge } from '../../domain/ports.ts';
import { reversalOf, readWithCharge } from './reversals.ts';
import { cancellationOf } from './charge.ts';
import { gatewayFault, MAX_PAGE_SIZE, type StripeOptions, stripeClient } from './client.ts';
import { codesOfCharge, declineCodes } from './decline-codes.ts';
import { chargeTransport } from './transport.ts';

/** A payment without a reference is looked for from this long before its claim on. */
const SEARCH_BEFORE_CLAIM_MS = 5 * 60_000;
/** How far Stripe's clock may be behind ours; less than the minute that lies between two attempts with one method. */
const CLOCK_SKEW_MS = 30_000;

/**
 * Reads lists, never the search API: it lags by a minute and more.
 * @throws gateway_unavailable, gateway_misconfigured (also for a reference that this account does not know)
 */
export async function findCharge(
  query: ChargeQuery,
  options: StripeOptions,
  signal?: AbortSignal,
): Promise<FoundCharge> {
  const stripe = stripeClient(options, chargeTransport(signal));
  try {
    const intent =
      query.gateway_ref === undefined
        ? await intentOf(stripe, query)
        : await readWithCharge(stripe, query.gateway_ref);
    return intent === undefined ? { result: 'absent' } : await outcomeOf(stripe, intent, query);
  } catch (error) {
    throw gatewayFault(error, options);
  }
}

/**
 * The obligation's payment among the customer's. Others may have collected it as well: what the attempt's own method paid is
 * asked about before what theirs did, or the attempt would take their payment for its own, and its own would never be known.
 * Cancelled ones belong to a time before the obligation was reopened; but one that was created since the claim, and of
 * which its canceller said that it is not to be collected, is the answer.
 */
async function intentOf(stripe: Stripe, query: ChargeQuery): Promise<Stripe.PaymentIntent | undefined> {
  const own: Stripe.PaymentIntent[] = [];
  const newestFirst = stripe.paymentIntents.list({
    customer: query.gateway_customer_ref,
    created: { gte: Math.floor((query.claimed_at - SEARCH_BEFORE_CLAIM_MS) / 1000) },
    limit: MAX_PAGE_SIZE,
    expand: ['data.latest_charge'],
  });
  for await (const intent of newestFirst) {
    if (intent.metadata.payment_id !== query.payment_id) continue;
    if (intent.status !== 'canceled' || wasWithdrawn(intent, query)) own.push(intent);
  }
  const succeededOrProcessing = own.filter(({ status }) => status === 'succeeded' || status === 'processing');
  return (
    succeededOrProcessing.find((intent) => idOf(intent.payment_method) === query.token) ??
    succeededOrProcessing[0] ??
    own.find(({ status }) => status !== 'canceled') ??
    own[0]
  );
}

function wasWithdrawn(intent: Stripe.PaymentIntent, { claimed_at }: ChargeQuery): boolean {
  const isCreatedSinceClaim = intent.created * 1000 >= claimed_at - CLOCK_SKEW_MS;
  return isCreatedSinceClaim && cancellationOf(intent)?.because !== undefined;
}

async function outcomeOf(
  stripe: Stripe,
  intent: Stripe.PaymentIntent,
  query: ChargeQuery,
): Promise<FoundCharge> {
  const gateway_ref = intent.id;
  const latest = idOf(intent.latest_charge);
  if (intent.status === 'succeeded') {
    const came_back = await reversalOf(stripe, intent);
    const answer = approved(gateway_ref, latest, idOf(intent.payment_method), query.token);
    return { ...answer, ...(came_back && { came_back }) };
  }
  if (intent.status === 'processing' || intent.status === 'requires_capture') {
    return { result: 'pending', gateway_ref, ...(latest && { charge_ref: latest }) };
  }

  const charges: Stripe.Charge[] = [];
  const newestFirst = stripe.charges.list({ payment_intent: gateway_ref, limit: MAX_PAGE_SIZE });
  for await (const charge of newestFirst) charges.push(charge);
  // The payment may have moved on since it was read.
  const paid = charges.find(({ status }) => status === 'succeeded');
  if (paid !== undefined) return approved(gateway_ref, paid.id, paid.payment_method, query.token);
  const pending = charges.find(({ status }) => status === 'pending');
  if (pending !== undefined) return { result: 'pending', gateway_ref, charge_ref: pending.id };

  const own = chargeOfAttempt(charges, query);
  if (own !== undefined) {
    return { result: 'declined', gateway_ref, charge_ref: own.id, codes: codesOfCharge(own, intent) };
  }
  const cancelled = cancellationOf(intent);
  return (
    refusedWithoutCharge(intent, query) ?? {
      result: 'not_charged',
      gateway_ref,
      ...(cancelled && { cancelled }),
    }
  );
}

function approved(
  gateway_ref: string,
  charge_ref: string | undefined,
  method: string | null | undefined,
  token: string,
): Extract<FoundCharge, { result: 'approved' }> {
  const other = method != null && method !== token;
  return {
    result: 'approved',
    gateway_ref,
    ...(charge_ref && { charge_ref }),
    ...(other && { charged_token: method }),
  };
}

/**
 * A charge does not name its request: it is the attempt's by its method and its time. The first one since the claim,
 * or, where Stripe's clock is behind ours, the last one shortly before.
 */
function chargeOfAttempt(
  newestFirst: readonly Stripe.Charge[],
  { token, claimed_at }: ChargeQuery,
): Stripe.Charge | undefined {
  const ofMethod = newestFirst.filter((charge) => charge.payment_method === token);
  // Stripe's times are whole seconds.
  const since = ofMethod.filter((charge) => charge.created >= Math.floor(claimed_at / 1000));
  return since.at(-1) ?? ofMethod.find((charge) => charge.created * 1000 >= claimed_at - CLOCK_SKEW_MS);
}

/** A card that wants its holder can be refused before there is a charge: then only the payment tells. */
function refusedWithoutCharge(intent: Stripe.PaymentIntent, { token }: ChargeQuery): FoundCharge | undefined {
  const { id: gateway_ref, last_payment_error: error } = intent;
  if (error != null && error.charge === undefined && error.payment_method?.id === token) {
    return { result: 'declined', gateway_ref, codes: declineCodes(error, intent) };
  }
  if (intent.status !== 'requires_action' || idOf(intent.payment_method) !== token) return undefined;
  const code = 'authentication_required';
  return { result: 'declined', gateway_ref, codes: { code, decline_code: code } };
}

function idOf(reference: string | { id: string } | null): string | undefined {
  return typeof reference === 'string' ? reference : reference?.id;
}
