/** Whose a customer at Stripe is, and what is attached to it. */

import { Stripe } from 'stripe';
import type { AttachAnswer } from '../../domain/ports.ts';
import { undefinedIfMissing, gatewayFault, type StripeOptions } from './client.ts';
import { declineCodes } from './decline-codes.ts';
import { methodOf } from './methods.ts';

/**
 * By its metadata, where Persona writes whom it creates a customer for.
 * @returns `undefined`: they name nobody, or nobody is there, or is there any more
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
 * Attaches and reads back. A method that this customer has already is attached. The token in the answer is the one to
 * keep: Stripe's test methods (`pm_card_visa`) become a method of their own when they are attached.
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

/** Refused for the method's sake, not for the customer's or for how we asked. */
function isAboutMethod(error: unknown): error is Stripe.errors.StripeInvalidRequestError {
  return (
    error instanceof Stripe.errors.StripeInvalidRequestError &&
    (error.param === undefined || error.param === 'payment_method' || error.param === 'id')
  );
}

/** There is no such customer, or none any more. */
function isAboutCustomer(error: unknown): boolean {
  return (
    error instanceof Stripe.errors.StripeInvalidRequestError &&
    error.param === 'customer' &&
    error.code === 'resource_missing'
  );
}
