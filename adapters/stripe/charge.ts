/** What Stripe's answer to a charge means (specification: decline codes, 'What Stripe answers'). */

import { Stripe } from 'stripe';
import type { DeclineCodes } from '../../domain/decline/codes.ts';
import type { CancelledPayment, ChargeAnswer, ChargeOrder } from '../../domain/ports.ts';
import { declineCodes } from './decline-codes.ts';
import { TransportFault } from './transport.ts';

/** Our own set-up is at fault: the decline table knows this code as CONFIG. */
const CONFIG_CODE = 'gateway_config_error';
/** The method is gone at Stripe, or may be used no more. */
const GONE_CODES = ['resource_missing', 'payment_method_unexpected_state'];
/** Of a 400, and yet about this method and its customer alone; the decline table knows them. */
const METHOD_CODES = [
  'payment_intent_authentication_failure',
  'payment_intent_action_required',
  'payment_intent_mandate_invalid',
];
/** Our account, or this currency, does not take methods of this type: the others are none the worse for it. */
const TYPE_CODE = 'service_not_allowed';

/** Why a payment was cancelled: of these, whoever did it does not want the amount to be collected just like that. */
const DO_NOT_COLLECT_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer', 'void_invoice'];

/** `undefined`: it is not cancelled. */
export function cancellationOf(intent: Stripe.PaymentIntent): CancelledPayment | undefined {
  if (intent.status !== 'canceled') return undefined;
  const { id: gateway_ref, cancellation_reason: because } = intent;
  return { gateway_ref, ...(because !== null && DO_NOT_COLLECT_REASONS.includes(because) && { because }) };
}

/** A 2xx answer: what became of the payment by this very request. */
export function answerOfIntent(intent: Stripe.PaymentIntent): ChargeAnswer {
  const refs = refsOf(intent);
  switch (intent.status) {
    case 'succeeded':
      return { result: 'approved', ...refs };
    case 'processing':
      return { result: 'pending', ...refs };
    case 'requires_action':
      // Asked to fail instead; should a gateway wait for the customer all the same, nothing is charged.
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
      // Not captured, not confirmed, or a state that this version does not know: nobody says whether money moves.
      break;
  }
  return { result: 'unknown', gateway_ref: intent.id, reason: `the payment is ${intent.status}` };
}

/** Nothing is sent: Stripe has no such amount, and another one was not agreed to. */
export function unrepresentable({ amount, currency }: ChargeOrder): ChargeAnswer {
  return {
    result: 'declined',
    codes: misconfigured(`Stripe has no amount of ${amount} minor units of ${currency}`),
  };
}

/** Anything but a 2xx answer. Never throws. */
export function answerOfError(error: unknown, order: ChargeOrder): ChargeAnswer {
  const { token } = order;
  if (!(error instanceof Stripe.errors.StripeError)) return { result: 'unknown', reason: String(error) };
  if (error instanceof Stripe.errors.StripeConnectionError) return answerOfConnectionError(error);
  const status = error.statusCode ?? 0;
  const reason = `${status} ${error.code ?? error.rawType ?? ''}: ${error.message}`;
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

/** Without cards nothing works at all: that stays our own set-up's fault, and so does a parameter that is gone. */
function isAboutType({ param, code }: Stripe.errors.StripeError, order: ChargeOrder): boolean {
  return (
    order.payment_method_type !== 'card' &&
    param?.startsWith('payment_method_types') === true &&
    code !== 'payment_method_types_no_longer_supported'
  );
}

/** Is the gateway itself at fault: no answer, none that can be read, 5xx, or 429? Declines and refusals are answers. */
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
  return { result: 'unknown', reason: fault instanceof Error ? fault.message : error.message };
}

function answerOfDecline(error: Stripe.errors.StripeError, token: string): ChargeAnswer {
  const settled = settledAnswer(error.payment_intent, token);
  return settled ?? declined(error, declineCodes(error, error.payment_intent));
}

/** The payment is not what a charge needs: paid already, on its way, cancelled. */
function answerOfState(error: Stripe.errors.StripeError, token: string, reason: string): ChargeAnswer {
  const settled = settledAnswer(error.payment_intent, token);
  if (settled !== undefined) return settled;
  const cancelled = error.payment_intent && cancellationOf(error.payment_intent);
  return cancelled ? { result: 'not_sent', reason, cancelled } : unknown(error, reason);
}

/** Whatever else an answer says: a payment that succeeded is paid, and one that is processing may yet be. */
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
