/** Stripe's webhooks: who sent them, and what they tell (specification: interfaces, `/webhooks/stripe`). */

import { Stripe } from 'stripe';
import { PersonaError } from '../../domain/errors.ts';
import type {
  DisputeNews,
  GatewayEvent,
  GatewayEvents,
  GatewayNews,
  MandateNews,
  MethodNews,
  RefundNews,
} from '../../domain/ports.ts';
import { declineCodes } from './decline-codes.ts';
import { refundedFor } from './refund.ts';

const TOLERANCE_SECONDS = 5 * 60;

type Read = (event: Stripe.Event) => GatewayEvent | undefined;

const HANDLED: Readonly<Record<string, Read>> = {
  'payment_intent.succeeded': payment('approved'),
  'payment_intent.payment_failed': payment('declined'),
  'payment_intent.processing': payment('pending'),
  'payment_intent.amount_capturable_updated': payment('pending'),
  'payment_intent.requires_action': payment('declined'),
  'payment_intent.canceled': payment('cancelled'),
  'payment_method.automatically_updated': methodNews,
  'payment_method.updated': methodNews,
  'payment_method.detached': methodNews,
  'mandate.updated': mandateNews,
  'charge.refunded': refundedCharge,
  'refund.updated': refundNews,
  'refund.failed': refundNews,
  'charge.dispute.created': disputeNews,
  'charge.dispute.updated': disputeNews,
  'charge.dispute.closed': disputeNews,
  'radar.early_fraud_warning.created': disputeNews,
};

/** @param secret the endpoint's signing secret (`whsec_…`) */
export function createStripeEvents(secret: string): GatewayEvents {
  return {
    read(body, signature) {
      const event = verified(body, signature, secret);
      return Object.hasOwn(HANDLED, event.type) ? HANDLED[event.type]?.(event) : undefined;
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

function payment(result: GatewayNews['result']): Read {
  return (event) => newsOf(event, event.data.object as Stripe.PaymentIntent, result);
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
    about: 'payment',
    event_id: event.id,
    result,
    codes: codesOf(event.type, intent),
    gateway_ref: intent.id,
    // Stripe's times are whole seconds: the last moment at which it may have been.
    ...(event.created > 0 && { occurred_at: new Date(event.created * 1000 + 999).toISOString() }),
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

function methodNews({ id: event_id, data }: Stripe.Event): MethodNews {
  return { about: 'payment_method', event_id, token: (data.object as Stripe.PaymentMethod).id };
}

function mandateNews({ id: event_id, data }: Stripe.Event): MandateNews | undefined {
  const { id: mandate_ref, payment_method } = data.object as Stripe.Mandate;
  const token = idOf(payment_method);
  return token === undefined ? undefined : { about: 'mandate', event_id, token, mandate_ref };
}

/** A charge without a payment was made by others, in a way that Persona never charges. */
function refundedCharge({ id: event_id, data }: Stripe.Event): RefundNews | undefined {
  const { id: charge_ref, payment_intent, metadata } = data.object as Stripe.Charge;
  const gateway_ref = idOf(payment_intent);
  if (gateway_ref === undefined) return undefined;
  const { payment_id } = metadata;
  return { about: 'refund', event_id, gateway_ref, charge_ref, ...(payment_id && { payment_id }) };
}

function refundNews({ id: event_id, data }: Stripe.Event): RefundNews | undefined {
  const refund = data.object as Stripe.Refund;
  const gateway_ref = idOf(refund.payment_intent);
  if (gateway_ref === undefined) return undefined;
  const charge_ref = idOf(refund.charge);
  return {
    about: 'refund',
    event_id,
    gateway_ref,
    ...(charge_ref && { charge_ref }),
    ...refundedFor(refund),
  };
}

function disputeNews({ id: event_id, type, data }: Stripe.Event): DisputeNews | undefined {
  const { id: dispute_ref, charge } = data.object as Stripe.Dispute | Stripe.Radar.EarlyFraudWarning;
  const charge_ref = idOf(charge);
  if (charge_ref === undefined) return undefined;
  const about = type.startsWith('radar.') ? 'fraud_warning' : 'dispute';
  return { about, event_id, dispute_ref, charge_ref };
}

function idOf(reference: string | { id: string } | null | undefined): string | undefined {
  return typeof reference === 'string' ? reference : reference?.id;
}
