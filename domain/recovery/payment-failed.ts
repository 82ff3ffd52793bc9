/** Validation of other agents' reports about a payment (docs/reference/interfaces.md, 'PaymentFailed'; docs/reference/graph.md, `Obligation`). */

import type { FieldReader, ValidationFailure, TextRule } from '../validation.ts';
import { validateMessage, EXTERNAL_ID, PAYMENT_ID, omitUndefined } from '../validation.ts';
import { isCurrency } from '../money.ts';
import { NETWORKS } from '../payment-method.ts';
import type { PaymentFailed, PaymentSettled, ReportedCodes } from './messages.ts';

const CODE: TextRule = {
  max: 64,
  pattern: /^[^\p{Cc}\p{Cs}]+$/u,
  requirement: 'not contain control characters',
};
const CURRENCY: TextRule = { max: 3, pattern: /^[A-Za-z]{3}$/, requirement: 'be an ISO 4217 currency code' };
/** Free text of a network or a gateway. */
const REASON: TextRule = { max: 1000 };
/** Shown to the customer. */
const DESCRIPTION: TextRule = { max: 200, pattern: /^\P{Cc}*$/u, requirement: 'be a single line of text' };

/**
 * The message with its times in UTC, its ids in lower case and its currency in upper case, without unknown fields, or all
 * problems. Whether customer, method and amount belong together is checked by the graph.
 */
export function validatePaymentFailed(
  input: unknown,
): { ok: true; message: PaymentFailed } | ValidationFailure {
  return validateMessage(input, readPaymentFailed);
}

/** Validates the message of `paymentSettled` by the same rules. */
export function validatePaymentSettled(
  input: unknown,
): { ok: true; message: PaymentSettled } | ValidationFailure {
  return validateMessage(input, readPaymentSettled);
}

function readPaymentFailed(fields: FieldReader): PaymentFailed {
  return omitUndefined({
    event_id: fields.requiredText('event_id', EXTERNAL_ID),
    payment_id: fields.requiredText('payment_id', PAYMENT_ID),
    customer_id: fields.requiredUuid('customer_id'),
    payment_method_id: fields.requiredUuid('payment_method_id'),
    amount: fields.requiredInteger('amount', 1),
    currency: readCurrency(fields),
    kind: fields.requiredOneOf('kind', ['recurring', 'one_time']),
    occurred_at: fields.requiredTimestamp('occurred_at'),
    status: fields.oneOf('status', ['declined', 'unknown', 'pending']),
    gateway_payment_ref: fields.text('gateway_payment_ref', EXTERNAL_ID),
    ...readDeclineCodes(fields),
    description: fields.text('description', DESCRIPTION),
  });
}

/** What a network, a gateway or an operator says about a decline. */
export function readDeclineCodes(fields: FieldReader): ReportedCodes {
  return omitUndefined({
    network: fields.oneOf('network', NETWORKS),
    network_code: fields.text('network_code', CODE),
    network_advice_code: fields.text('network_advice_code', CODE),
    code: fields.text('code', CODE),
    decline_code: fields.text('decline_code', CODE),
    advice_code: fields.text('advice_code', CODE),
    reason: fields.text('reason', REASON),
  });
}

function readPaymentSettled(fields: FieldReader): PaymentSettled {
  return omitUndefined({
    event_id: fields.requiredText('event_id', EXTERNAL_ID),
    payment_id: fields.requiredText('payment_id', PAYMENT_ID),
    customer_id: fields.requiredUuid('customer_id'),
    settled_at: fields.requiredTimestamp('settled_at'),
    gateway_payment_ref: fields.text('gateway_payment_ref', EXTERNAL_ID),
  });
}

/** ISO 4217, in upper case. */
export function readCurrency(fields: FieldReader): string {
  const currency = fields.requiredText('currency', CURRENCY).toUpperCase();
  if (currency !== '' && !isCurrency(currency)) fields.refuse('currency', `must ${CURRENCY.requirement}`);
  return currency;
}
