/** Verifies and reads Stripe's webhooks (docs/reference/interfaces.md, 'Webhooks'). */

import { Stripe } from 'stripe';
import { PersonaError } from '../../domain/errors.ts';
import type {
  DisputeUpdate,
  GatewayUpdate,
  WebhookReader,
  PaymentUpdate,
  MandateUpdate,
  MethodUpdate,
  RefundUpdate,
} from '../../domain/ports.ts';
import { declineCodes } from './decline-codes.ts';
import { refundMetadata } from './refund.ts';

const TOLERANCE_SECONDS = 5 * 60;

type EventReader = (event: Stripe.Event) => GatewayUpdate | undefined;

const EVENT_READERS: Readonly<Record<string, EventReader>> = {
  'payment_intent.succeeded': paymentReader('approved'),
  'payment_intent.payment_failed': paymentReader('declined'),
  'payment_intent.processing': paymentReader('pending'),
  'payment_intent.amount_capturable_updated': paymentReader('pending'),
  'payment_intent.requires_action': paymentReader('declined'),
  'payment_intent.canceled': paymentReader('cancelled'),
  'payment_method.automatically_updated': methodUpdate,
  'payment_method.updated': methodUpdate,
  'payment_method.detached': methodUpdate,
  'mandate.updated': mandateUpdate,
  'charge.refunded': chargeRefundUpdate,
  'refund.updated': refundUpdate,
  'refund.failed': refundUpdate,
  'charge.dispute.created': disputeUpdate,
  'charge.dispute.updated': disputeUpdate,
  'charge.dispute.closed': disputeUpdate,
  'radar.early_fraud_warning.created': disputeUpdate,
};

/** @param secret the endpoint's signing secret (`whsec_…`) */
export function createStripeEvents(secret: string): WebhookReader {
  return {
    read(body, signature) {
      const event = verifyEvent(body, signature, secret);
      return Object.hasOwn(EVENT_READERS, event.type) ? EVENT_READERS[event.type]?.(event) : undefined;
    },
  };
}

function verifyEvent(body: Uint8Array, signature: string | undefined, secret: string): Stripe.Event {
  if (signature === undefined)
    throw new PersonaError('signature_refused', 'The Stripe-Signature header is missing');
  try {
    const event = Stripe.webhooks.constructEvent(body, signature, secret, TOLERANCE_SECONDS);
    if (typeof event?.type !== 'string') throw new TypeError('it has no type');
    return event;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeSignatureVerificationError) {
      const reason = error.message.split('\n')[0];
      const hint = "STRIPE_WEBHOOK_SECRET must be this endpoint's signing secret";
      throw new PersonaError('signature_refused', `${reason} (${hint})`, { cause: error });
    }
    throw new PersonaError('malformed_request', 'The body is not a Stripe event', { cause: error });
  }
}

function paymentReader(result: PaymentUpdate['result']): EventReader {
  return (event) => paymentUpdate(event, event.data.object as Stripe.PaymentIntent, result);
}

function paymentUpdate(
  event: Stripe.Event,
  intent: Stripe.PaymentIntent,
  result: PaymentUpdate['result'],
): PaymentUpdate {
  const error = intent.last_payment_error;
  const customer = idOf(intent.customer);
  const token = idOf(intent.payment_method) ?? error?.payment_method?.id;
  return {
    about: 'payment',
    event_id: event.id,
    result,
    codes: codesOf(event.type, intent),
    gateway_ref: intent.id,
    // Stripe's times are in whole seconds: take the latest possible moment.
    ...(event.created > 0 && { occurred_at: new Date(event.created * 1000 + 999).toISOString() }),
    ...(customer && { gateway_customer_ref: customer }),
    ...(intent.metadata.payment_id && { payment_id: intent.metadata.payment_id }),
    ...(event.request?.idempotency_key && { request_key: event.request.idempotency_key }),
    ...(token && { token }),
  };
}

function codesOf(type: string, intent: Stripe.PaymentIntent): PaymentUpdate['codes'] {
  const code = 'authentication_required';
  if (type === 'payment_intent.requires_action') return { code, decline_code: code };
  if (type !== 'payment_intent.payment_failed' || intent.last_payment_error == null) return {};
  return declineCodes(intent.last_payment_error, intent);
}

function methodUpdate({ id: event_id, data }: Stripe.Event): MethodUpdate {
  return { about: 'payment_method', event_id, token: (data.object as Stripe.PaymentMethod).id };
}

function mandateUpdate({ id: event_id, data }: Stripe.Event): MandateUpdate | undefined {
  const { id: mandate_ref, payment_method } = data.object as Stripe.Mandate;
  const token = idOf(payment_method);
  return token === undefined ? undefined : { about: 'mandate', event_id, token, mandate_ref };
}

/** A charge without a payment is external: Persona never charges that way. */
function chargeRefundUpdate({ id: event_id, data }: Stripe.Event): RefundUpdate | undefined {
  const { id: charge_ref, payment_intent, metadata } = data.object as Stripe.Charge;
  const gateway_ref = idOf(payment_intent);
  if (gateway_ref === undefined) return undefined;
  const { payment_id } = metadata;
  return { about: 'refund', event_id, gateway_ref, charge_ref, ...(payment_id && { payment_id }) };
}

function refundUpdate({ id: event_id, data }: Stripe.Event): RefundUpdate | undefined {
  const refund = data.object as Stripe.Refund;
  const gateway_ref = idOf(refund.payment_intent);
  if (gateway_ref === undefined) return undefined;
  const charge_ref = idOf(refund.charge);
  return {
    about: 'refund',
    event_id,
    gateway_ref,
    ...(charge_ref && { charge_ref }),
    ...refundMetadata(refund),
  };
}

function disputeUpdate({ id: event_id, type, data }: Stripe.Event): DisputeUpdate | undefined {
  const { id: dispute_ref, charge } = data.object as Stripe.Dispute | Stripe.Radar.EarlyFraudWarning;
  const charge_ref = idOf(charge);
  if (charge_ref === undefined) return undefined;
  const about = type.startsWith('radar.') ? 'fraud_warning' : 'dispute';
  return { about, event_id, dispute_ref, charge_ref };
}

function idOf(reference: string | { id: string } | null | undefined): string | undefined {
  return typeof reference === 'string' ? reference : reference?.id;
}
