/** Cancels a payment, of Persona's or of others. */

import { Stripe } from 'stripe';

/**
 * A payment of a Checkout Session cannot be cancelled but for one that is authorised and not captured: Stripe asks to
 * expire the session, which cancels it.
 */
export async function cancelPayment(
  stripe: Stripe,
  gatewayRef: string,
): Promise<'cancelled' | 'already_succeeded' | 'unknown'> {
  try {
    await stripe.paymentIntents.cancel(gatewayRef);
    return 'cancelled';
  } catch (error) {
    // The gateway does not answer: reading would wait as long again.
    if (error instanceof Stripe.errors.StripeConnectionError) return 'unknown';
  }
  try {
    const { status } = await stripe.paymentIntents.retrieve(gatewayRef);
    const mayBePaid = status.startsWith('requires_') && status !== 'requires_capture';
    if (!mayBePaid || !(await expireSession(stripe, gatewayRef))) return stateOf(status);
    return stateOf((await stripe.paymentIntents.retrieve(gatewayRef)).status);
  } catch {
    return 'unknown';
  }
}

/** @returns whether the payment belongs to a session that could still be paid */
async function expireSession(stripe: Stripe, payment_intent: string): Promise<boolean> {
  const { data } = await stripe.checkout.sessions.list({ payment_intent, limit: 1 });
  const [session] = data;
  if (session?.status !== 'open') return false;
  await stripe.checkout.sessions.expire(session.id);
  return true;
}

function stateOf(status: Stripe.PaymentIntent.Status): 'cancelled' | 'already_succeeded' | 'unknown' {
  if (status === 'canceled') return 'cancelled';
  return status === 'succeeded' ? 'already_succeeded' : 'unknown';
}
