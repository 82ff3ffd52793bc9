/** The owner of a customer at Stripe, and attaching methods to it. */

import { Stripe } from 'stripe';
import type { AttachAnswer } from '../../domain/ports.ts';
import { undefinedIfMissing, gatewayFault, type StripeOptions } from './client.ts';
import { declineCodes } from './decline-codes.ts';
import { methodOf } from './methods.ts';

/**
 * The Persona customer in its metadata, which Persona sets when it creates a customer at Stripe.
 * @returns `undefined`: the metadata names none, or the customer does not exist or was deleted
 * @throws gateway_unavailable, gateway_misconfigured
 */
export async function ownerOf(
  stripe: Stripe,
  gatewayCustomerRef: string,
  options: StripeOptions,
): Promise<string | undefined> {
  const customer = await undefinedIfMissing(stripe.customers.retrieve(gatewayCustomerRef), options);
  return customer?.deleted ? undefined : customer?.metadata?.customer_id;
}

/**
 * Attaches and reads back. A method that this customer already has counts as attached. The token in the result is the
 * one to store: Stripe's test methods (`pm_card_visa`) turn into a separate method when they are attached.
 * @throws gateway_unavailable, gateway_misconfigured
 */
export async function attachPaymentMethod(
  stripe: Stripe,
  input: { token: string; gateway_customer_ref: string; key: string },
  options: StripeOptions,
): Promise<AttachAnswer | { result: 'no_customer' }> {
  const { gateway_customer_ref: customer, key } = input;
  let token = input.token;
  let refusal: Stripe.errors.StripeError | undefined;
  try {
    token = (await stripe.paymentMethods.attach(token, { customer }, { idempotencyKey: key })).id;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeCardError) {
      return { result: 'refused', reason: 'declined', codes: declineCodes(error, error.payment_intent) };
    }
    if (isAboutCustomer(error)) return { result: 'no_customer' };
    if (!isAboutMethod(error)) throw gatewayFault(error, options);
    if (error.code === 'resource_missing') return notFound();
    refusal = error;
  }
  return readBack(stripe, token, customer, refusal, options);
}

async function readBack(
  stripe: Stripe,
  token: string,
  customer: string,
  refusal: Stripe.errors.StripeError | undefined,
  options: StripeOptions,
): Promise<AttachAnswer> {
  try {
    const method = methodOf(await stripe.paymentMethods.retrieve(token));
    if (method.gateway_customer_ref === customer) return { result: 'attached', method };
    const codes = { code: refusal?.code ?? 'payment_method_unexpected_state' };
    const reason = method.gateway_customer_ref === undefined ? 'declined' : 'other_customer';
    return { result: 'refused', reason, codes };
  } catch (error) {
    if (isAboutMethod(error) && error.code === 'resource_missing') return notFound();
    throw gatewayFault(error, options);
  }
}

function notFound(): AttachAnswer {
  return { result: 'refused', reason: 'not_found', codes: { code: 'resource_missing' } };
}

/** The refusal concerns the method, not the customer or the rest of the request. */
function isAboutMethod(error: unknown): error is Stripe.errors.StripeInvalidRequestError {
  return (
    error instanceof Stripe.errors.StripeInvalidRequestError &&
    (error.param === undefined || error.param === 'payment_method' || error.param === 'id')
  );
}

/** The customer does not exist, or was deleted. */
function isAboutCustomer(error: unknown): boolean {
  return (
    error instanceof Stripe.errors.StripeInvalidRequestError &&
    error.param === 'customer' &&
    error.code === 'resource_missing'
  );
}
