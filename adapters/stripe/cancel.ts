/** Cancels a payment, whether Persona or another system created it. */

import { Stripe } from 'stripe';

/**
 * Stripe refuses to cancel a payment of a Checkout Session unless it is authorised and not captured: expiring the
 * session cancels it.
 */
export async function cancelPayment(
  stripe: Stripe,
  gatewayRef: string,
): Promise<'cancelled' | 'already_succeeded' | 'unknown'> {
  try {
    await stripe.paymentIntents.cancel(gatewayRef);
    return 'cancelled';
  } catch (error) {
    // The gateway does not respond: a read would wait just as long.
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

/** @returns whether the payment belonged to a session that could still be paid */
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
