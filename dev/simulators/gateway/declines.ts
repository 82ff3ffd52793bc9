/** How a decline appears in the response to a charge request. */

import { type ErrorBody, GatewayError } from './errors.ts';
import { intentObject, methodObject } from './objects.ts';
import type { StepDeclineCodes } from './steps.ts';
import type { Charge, Decline, PaymentMethod } from './store.ts';

const MESSAGES: Record<string, string> = {
  authentication_required: 'Your card was declined. This transaction requires authentication.',
  expired_card: 'Your card has expired.',
  incorrect_cvc: "Your card's security code is incorrect.",
  insufficient_funds: 'Your card has insufficient funds.',
  processing_error: 'An error occurred while processing your card. Try again in a little bit.',
};

/** The decline requested by a step or test method; without codes it is Stripe's generic one. */
export function declineOf(requested: StepDeclineCodes): Decline {
  const { code, decline_code, advice_code, network_decline_code, network_advice_code } = requested;
  // Some of Stripe's declines have only a `code` (`expired_card`, `incorrect_cvc`, `processing_error`).
  const isCodeOnly = decline_code === undefined && code !== undefined && code !== 'card_declined';
  const names = isCodeOnly
    ? { code }
    : { code: code ?? 'card_declined', decline_code: decline_code ?? 'generic_decline' };
  const message = MESSAGES[decline_code ?? ''] ?? MESSAGES[names.code] ?? 'Your card was declined.';
  return {
    ...names,
    ...(advice_code && { advice_code }),
    ...(network_decline_code && { network_decline_code }),
    ...(network_advice_code && { network_advice_code }),
    message,
  };
}

export function authenticationDecline(requested: StepDeclineCodes): Decline {
  const code = 'authentication_required';
  return declineOf({ ...requested, code, decline_code: code });
}

/** 402. With a charge it also contains the payment's current state. */
export function declineError(
  decline: Decline,
  method: PaymentMethod,
  charge?: Charge,
  afterwards?: () => void,
): GatewayError {
  const { message, code, ...codes } = decline;
  const body: ErrorBody = {
    type: 'card_error',
    ...(charge && { charge: charge.id }),
    code,
    ...codes,
    doc_url: docUrl(code),
    message,
    ...(charge && { payment_intent: intentObject(charge.intent) }),
    payment_method: methodObject(method),
  };
  return new GatewayError(402, body, afterwards === undefined ? {} : { afterwards });
}

function docUrl(code: string): string {
  return `https://docs.stripe.com/error-codes/${code.replaceAll('_', '-')}`;
}
