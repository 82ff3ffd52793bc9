/** Cerebrum's report of a payment that it routed (docs/reference/interfaces.md, 'RoutingOutcome'). */

import type { ReportedCodes } from '../recovery/messages.ts';
import { readCurrency, readDeclineCodes } from '../recovery/payment-failed.ts';
import {
  EXTERNAL_ID,
  type FieldReader,
  omitUndefined,
  validateMessage,
  type ValidationFailure,
} from '../validation.ts';

export interface RoutingOutcome extends ReportedCodes {
  event_id: string;
  /** The payment at Cerebrum; several outcomes may be about one. */
  transaction_id: string;
  customer_id: string;
  payment_method_id: string;
  /** Where the customer paid; one that this customer uses. */
  device_id?: string;
  succeeded: boolean;
  /** Minor units. */
  amount: number;
  currency: string;
  /** RFC 3339. */
  occurred_at: string;
}

/** The message with its time in UTC and its ids in lower case, without unknown fields, or all problems. */
export function validateRoutingOutcome(
  input: unknown,
): { ok: true; message: RoutingOutcome } | ValidationFailure {
  return validateMessage(input, readRoutingOutcome);
}

function readRoutingOutcome(fields: FieldReader): RoutingOutcome {
  return omitUndefined({
    event_id: fields.requiredText('event_id', EXTERNAL_ID),
    transaction_id: fields.requiredText('transaction_id', EXTERNAL_ID),
    customer_id: fields.requiredUuid('customer_id'),
    payment_method_id: fields.requiredUuid('payment_method_id'),
    device_id: fields.uuid('device_id'),
    succeeded: fields.requiredBoolean('succeeded'),
    amount: fields.requiredInteger('amount', 1),
    currency: readCurrency(fields),
    occurred_at: fields.requiredTimestamp('occurred_at'),
    ...readDeclineCodes(fields),
  });
}

/** What the payment id of a routed payment's attempt begins with. No obligation's id may contain a colon. */
const ROUTED = 'routed:';

/**
 * The payment id of a declined attempt that Cerebrum reports. It must not be that of an obligation: Synapse decides
 * whether a payment is recovered, and when its newest failure was.
 */
export const routedPaymentId = (transactionId: string): string => `${ROUTED}${transactionId}`;

/**
 * The event id of a routed payment's attempt. Ids are unique per kind of event only, but attempts are keyed by them: one
 * that Synapse uses, too, must not change the attempt of its payment, which may even be another customer's.
 */
export const routedEventId = (eventId: string): string => `${ROUTED}${eventId}`;

/** Whether an attempt was made by Cerebrum, not for an obligation. */
export const isRoutedPayment = (paymentId: string): boolean => paymentId.startsWith(ROUTED);
