/** Interprets Stripe's response to a charge (docs/reference/decline-codes.md, 'Stripe's responses'). */

import { Stripe } from 'stripe';
import type { DeclineCodes } from '../../domain/decline/codes.ts';
import type { CancelledPayment, ChargeAnswer, ChargeOrder } from '../../domain/ports.ts';
import { messageOf } from './client.ts';
import { declineCodes } from './decline-codes.ts';
import { TransportFault } from './transport.ts';

/** A fault of our own configuration: the decline table classifies this code as CONFIG. */
const CONFIG_CODE = 'gateway_config_error';
/** The method no longer exists at Stripe, or can no longer be used. */
const GONE_CODES = ['resource_missing', 'payment_method_unexpected_state'];
/** Codes of a 400 that concern only this method and its customer; the decline table classifies them. */
const METHOD_CODES = [
  'payment_intent_authentication_failure',
  'payment_intent_action_required',
  'payment_intent_mandate_invalid',
];
/** Our account, or this currency, does not support methods of this type; other types are unaffected. */
const TYPE_CODE = 'service_not_allowed';

/** Cancellation reasons after which the amount must not simply be collected by another payment. */
const DO_NOT_COLLECT_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer', 'void_invoice'];

/** `undefined`: the payment is not cancelled. */
export function cancellationOf(intent: Stripe.PaymentIntent): CancelledPayment | undefined {
  if (intent.status !== 'canceled') return undefined;
  const { id: gateway_ref, cancellation_reason: because } = intent;
  return { gateway_ref, ...(because !== null && DO_NOT_COLLECT_REASONS.includes(because) && { because }) };
}

/** A 2xx response: what this request did to the payment. */
export function answerOfIntent(intent: Stripe.PaymentIntent): ChargeAnswer {
  const refs = refsOf(intent);
  switch (intent.status) {
    case 'succeeded':
      return { result: 'approved', ...refs };
    case 'processing':
      return { result: 'pending', ...refs };
    case 'requires_action':
      // The request asks for a failure instead; if a gateway waits for the customer anyway, nothing is charged.
      return {
        result: 'declined',
        ...refs,
        codes: { code: 'authentication_required', decline_code: 'authentication_required' },
      };
    case 'requires_payment_method':
      if (intent.last_payment_error == null) break;
      return { result: 'declined', ...refs, codes: declineCodes(intent.last_payment_error, intent) };
    case 'canceled':
      return { result: 'declined', ...refs, codes: misconfigured('the payment is cancelled') };
    default:
      // Not captured, not confirmed, or a state unknown to this version: whether money moves is not known.
      break;
  }
  return { result: 'unknown', gateway_ref: intent.id, reason: `the payment is ${intent.status}` };
}

/** Nothing is sent: Stripe cannot represent the amount, and no other amount was agreed to. */
export function unrepresentable({ amount, currency }: ChargeOrder): ChargeAnswer {
  return {
    result: 'declined',
    codes: misconfigured(`Stripe cannot represent an amount of ${amount} minor units of ${currency}`),
  };
}

/** Any outcome other than a 2xx response. Never throws. */
export function answerOfError(error: unknown, order: ChargeOrder): ChargeAnswer {
  const { token } = order;
  if (!(error instanceof Stripe.errors.StripeError)) return { result: 'unknown', reason: String(error) };
  if (error instanceof Stripe.errors.StripeConnectionError) return answerOfConnectionError(error);
  const status = error.statusCode ?? 0;
  const reason = `${status} ${error.code ?? error.rawType ?? ''}: ${messageOf(error)}`;
  if (error.code === 'lock_timeout' || error.rawType === 'idempotency_error') return unknown(error, reason);
  if (error instanceof Stripe.errors.StripeRateLimitError) return notSent(error, reason);
  if (error.code === 'payment_intent_unexpected_state') return answerOfState(error, token, reason);
  if (status === 402) return answerOfDecline(error, token);
  if (error.param === 'payment_method' && GONE_CODES.includes(error.code ?? '')) {
    return declined(error, { code: 'resource_missing' });
  }
  if (status === 400 && METHOD_CODES.includes(error.code ?? '')) {
    return declined(error, declineCodes(error, error.payment_intent));
  }
  if (status === 400 && isAboutType(error, order)) return declined(error, { code: TYPE_CODE, reason });
  if ([400, 401, 403, 404].includes(status)) return declined(error, misconfigured(reason));
  return unknown(error, reason);
}

/** An account that does not support cards is a fault of our own configuration, and so is a parameter that was removed. */
function isAboutType({ param, code }: Stripe.errors.StripeError, order: ChargeOrder): boolean {
  return (
    order.payment_method_type !== 'card' &&
    param?.startsWith('payment_method_types') === true &&
    code !== 'payment_method_types_no_longer_supported'
  );
}

/** True if the gateway itself failed: no response, an unreadable one, 5xx or 429. Declines and refusals do not count. */
export function isGatewayFailure(error: unknown): boolean {
  if (!(error instanceof Stripe.errors.StripeError)) return false;
  const { statusCode = 0 } = error;
  const unreadable = error instanceof Stripe.errors.StripeAPIError;
  return (
    unreadable ||
    error instanceof Stripe.errors.StripeConnectionError ||
    statusCode === 429 ||
    statusCode >= 500
  );
}

function answerOfConnectionError(error: Stripe.errors.StripeConnectionError): ChargeAnswer {
  const fault: unknown = error.detail;
  if (fault instanceof TransportFault && !fault.sent) return { result: 'not_sent', reason: fault.message };
  return { result: 'unknown', reason: fault instanceof Error ? fault.message : messageOf(error) };
}

function answerOfDecline(error: Stripe.errors.StripeError, token: string): ChargeAnswer {
  const settled = settledAnswer(error.payment_intent, token);
  return settled ?? declined(error, declineCodes(error, error.payment_intent));
}

/** The payment cannot be charged: it has succeeded, is processing, or is cancelled. */
function answerOfState(error: Stripe.errors.StripeError, token: string, reason: string): ChargeAnswer {
  const settled = settledAnswer(error.payment_intent, token);
  if (settled !== undefined) return settled;
  const cancelled = error.payment_intent && cancellationOf(error.payment_intent);
  return cancelled ? { result: 'not_sent', reason, cancelled } : unknown(error, reason);
}

/** Takes precedence over the rest of the response: a succeeded payment is paid, a processing one may still be. */
function settledAnswer(intent: Stripe.PaymentIntent | undefined, token: string): ChargeAnswer | undefined {
  if (intent?.status === 'processing') return { result: 'pending', ...refsOf(intent) };
  if (intent?.status !== 'succeeded') return undefined;
  const method = idOf(intent.payment_method);
  const other = method !== undefined && method !== token;
  return { result: 'approved', ...refsOf(intent), ...(other && { charged_token: method }) };
}

function declined(error: Stripe.errors.StripeError, codes: DeclineCodes): ChargeAnswer {
  const intent = error.payment_intent;
  const refs = intent === undefined ? {} : { gateway_ref: intent.id };
  const charge_ref = error.charge ?? idOf(intent?.latest_charge ?? null);
  return { result: 'declined', ...refs, ...(charge_ref && { charge_ref }), codes };
}

function unknown(error: Stripe.errors.StripeError, reason: string): ChargeAnswer {
  const intent = error.payment_intent;
  return { result: 'unknown', ...(intent && { gateway_ref: intent.id }), reason };
}

function notSent(error: Stripe.errors.StripeError, reason: string): ChargeAnswer {
  const seconds = Number(error.headers?.['retry-after']);
  return { result: 'not_sent', reason, ...(seconds > 0 && { retry_after_ms: seconds * 1000 }) };
}

function misconfigured(reason: string): DeclineCodes {
  return { code: CONFIG_CODE, reason };
}

function refsOf(intent: Stripe.PaymentIntent): { gateway_ref: string; charge_ref?: string } {
  const charge_ref = idOf(intent.latest_charge);
  return { gateway_ref: intent.id, ...(charge_ref && { charge_ref }) };
}

function idOf(reference: string | { id: string } | null): string | undefined {
  return typeof reference === 'string' ? reference : reference?.id;
}
