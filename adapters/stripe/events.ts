/** Stripe's webhooks: who sent them, and what they tell (specification: interfaces, `/webhooks/stripe`). */

import { Stripe } from 'stripe';
import { PersonaError } from '../../domain/errors.ts';
import type { GatewayEvents, GatewayNews } from '../../domain/ports.ts';
import { declineCodes } from './decline-codes.ts';

const TOLERANCE_SECONDS = 5 * 60;

const HANDLED: Readonly<Record<string, GatewayNews['result']>> = {
  'payment_intent.succeeded': 'approved',
  'payment_intent.payment_failed': 'declined',
  'payment_intent.processing': 'pending',
  'payment_intent.requires_action': 'declined',
  'payment_intent.canceled': 'cancelled',
};

/** @param secret the endpoint's signing secret (`whsec_…`) */
export function createStripeEvents(secret: string): GatewayEvents {
  return {
    read(body, signature) {
      const event = verified(body, signature, secret);
      const result = Object.hasOwn(HANDLED, event.type) ? HANDLED[event.type] : undefined;
      return result && newsOf(event, event.data.object as Stripe.PaymentIntent, result);
    },
  };
}

function verified(body: Uint8Array, signature: string | undefined, secret: string): Stripe.Event {
  if (signature === undefined) throw new PersonaError('signature_refused', 'There is no Stripe-Signature');
  try {
    const event = Stripe.webhooks.constructEvent(body, signature, secret, TOLERANCE_SECONDS);
    if (typeof event?.type !== 'string') throw new TypeError('it has no type');
    return event;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeSignatureVerificationError) {
      const reason = error.message.split('\n')[0];
      const hint = "STRIPE_WEBHOOK_SECRET must be this endpoint's";
      throw new PersonaError('signature_refused', `${reason} (${hint})`, { cause: error });
    }
    throw new PersonaError('malformed_request', 'The body is not an event of Stripe', { cause: error });
  }
}

function newsOf(
  event: Stripe.Event,
  intent: Stripe.PaymentIntent,
  result: GatewayNews['result'],
): GatewayNews {
  const error = intent.last_payment_error;
  const customer = idOf(intent.customer);
  const token = idOf(intent.payment_method) ?? error?.payment_method?.id;
  return {
    event_id: event.id,
    result,
    codes: codesOf(event.type, intent),
    gateway_ref: intent.id,
    ...(customer && { gateway_customer_ref: customer }),
    ...(intent.metadata.payment_id && { payment_id: intent.metadata.payment_id }),
    ...(event.request?.idempotency_key && { request_key: event.request.idempotency_key }),
    ...(token && { token }),
  };
}

function codesOf(type: string, intent: Stripe.PaymentIntent): GatewayNews['codes'] {
  const code = 'authentication_required';
  if (type === 'payment_intent.requires_action') return { code, decline_code: code };
  if (type !== 'payment_intent.payment_failed' || intent.last_payment_error == null) return {};
  return declineCodes(intent.last_payment_error, intent);
}

function idOf(reference: string | { id: string } | null): string | undefined {
  return typeof reference === 'string' ? reference : reference?.id;
}
