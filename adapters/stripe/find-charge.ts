/** Resolves an attempt whose response was lost, by reading only (docs/reference/interfaces.md, 'Finding a charge'). */

import type { Stripe } from 'stripe';
import type { ChargeQuery, FoundCharge } from '../../domain/ports.ts';
import { reversalOf, readWithCharge } from './reversals.ts';
import { cancellationOf } from './charge.ts';
import { gatewayFault, MAX_PAGE_SIZE, type StripeOptions, stripeClient } from './client.ts';
import { codesOfCharge, declineCodes } from './decline-codes.ts';
import { chargeTransport } from './transport.ts';

/** Without a reference, payments are searched from this long before the claim. */
const SEARCH_BEFORE_CLAIM_MS = 5 * 60_000;
/** How far Stripe's clock may lag behind ours; less than the minute between two attempts with one method. */
const CLOCK_SKEW_MS = 30_000;

/**
 * Reads lists instead of the search API, which lags by a minute or more.
 * @throws gateway_unavailable, gateway_misconfigured (also for a reference unknown to this account)
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
 * The obligation's payment among the customer's. Another system may have collected it as well: a payment with the
 * attempt's own method takes precedence, or the attempt would adopt the external payment and its own would never be
 * resolved. Cancelled payments date from before the obligation was reopened and are skipped, except one created since
 * the claim whose cancellation reason says that it must not be collected.
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
    const reversal = await reversalOf(stripe, intent);
    const answer = approved(gateway_ref, latest, idOf(intent.payment_method), query.token);
    return { ...answer, ...(reversal && { reversal }) };
  }
  if (intent.status === 'processing' || intent.status === 'requires_capture') {
    return { result: 'pending', gateway_ref, ...(latest && { charge_ref: latest }) };
  }

  const charges: Stripe.Charge[] = [];
  const newestFirst = stripe.charges.list({ payment_intent: gateway_ref, limit: MAX_PAGE_SIZE });
  for await (const charge of newestFirst) charges.push(charge);
  // The payment may have changed since it was read.
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
 * A charge does not name its request, so it is matched to the attempt by method and time: the first one since the
 * claim or, if Stripe's clock lags behind ours, the last one shortly before it.
 */
function chargeOfAttempt(
  newestFirst: readonly Stripe.Charge[],
  { token, claimed_at }: ChargeQuery,
): Stripe.Charge | undefined {
  const ofMethod = newestFirst.filter((charge) => charge.payment_method === token);
  // Stripe's times are in whole seconds.
  const since = ofMethod.filter((charge) => charge.created >= Math.floor(claimed_at / 1000));
  return since.at(-1) ?? ofMethod.find((charge) => charge.created * 1000 >= claimed_at - CLOCK_SKEW_MS);
}

/** A card that requires authentication can be refused before a charge exists: then only the payment shows it. */
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
