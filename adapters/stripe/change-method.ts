/** Updates and detaches an attached payment method. */

import { Stripe } from 'stripe';
import type { MethodUpdateAnswer } from '../../domain/ports.ts';
import { gatewayFault, type StripeOptions } from './client.ts';

/** @throws gateway_unavailable, gateway_misconfigured */
export async function updatePaymentMethod(
  stripe: Stripe,
  input: { token: string; expiry_month: number; expiry_year: number },
  options: StripeOptions,
): Promise<MethodUpdateAnswer> {
  const { token, expiry_month: exp_month, expiry_year: exp_year } = input;
  try {
    await stripe.paymentMethods.update(token, { card: { exp_month, exp_year } });
    return 'updated';
  } catch (error) {
    if (isAboutCard(error)) return 'refused';
    if (isNotAttached(error)) return 'not_attached';
    throw gatewayFault(error, options);
  }
}

/** @throws gateway_unavailable, gateway_misconfigured */
export async function detachPaymentMethod(
  stripe: Stripe,
  token: string,
  options: StripeOptions,
): Promise<'detached' | 'not_attached'> {
  try {
    await stripe.paymentMethods.detach(token);
    return 'detached';
  } catch (error) {
    if (isNotAttached(error)) return 'not_attached';
    throw gatewayFault(error, options);
  }
}

/** The expiry date is refused: a card error, or an invalid `card[exp_month]`. */
function isAboutCard(error: unknown): boolean {
  if (error instanceof Stripe.errors.StripeCardError) return true;
  return error instanceof Stripe.errors.StripeInvalidRequestError && /^(card\b|exp_)/.test(error.param ?? '');
}

/** Stripe refuses both for a method without a customer, naming at most the method; an unknown method is a 404. */
function isNotAttached(error: unknown): boolean {
  if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) return false;
  const { param, statusCode } = error;
  return statusCode === 404 || param === undefined || param === 'payment_method';
}
