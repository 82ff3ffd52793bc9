/** Messages to a recovery about a charge at the gateway, from a webhook or the reconciliation. */

import type { DeclineClass } from '../decline/classify.ts';
import type { PaymentUpdate } from '../ports.ts';
import type { ChargeResult } from './messages.ts';
import type { AttemptState, ObligationState } from './status.ts';

/** What the graph has of a payment that a gateway update names. */
export interface KnownPayment {
  payment_id: string;
  customer_id: string;
  state: ObligationState;
  /** The obligation's payment at the gateway. */
  gateway_ref?: string;
  /** The payment that the report names, and the one that settled the obligation, if named. */
  reported_ref?: string;
  settled_ref?: string;
  gateway_customer_ref?: string;
  /** Persona's own attempts, oldest first. */
  attempts: { key: string; state: AttemptState; class?: DeclineClass; payment_method_id: string }[];
  /** The method that the update names, if it belongs to a known customer. */
  payment_method_id?: string;
  /** Whether this event was received before. */
  received: boolean;
}

export interface PaymentUpdateMessage {
  message: ChargeResult;
  customer_id: string;
  /** This event was forwarded before, or the graph already has its content. */
  known: boolean;
  authenticated: boolean;
}

/** The message to a recovery about a charge; `undefined`: the charge does not concern Persona. */
export function messageOf(update: PaymentUpdate, payment: KnownPayment): PaymentUpdateMessage | undefined {
  if (isOfOtherCustomer(update, payment)) return undefined;
  const attempt = attemptOf(update, payment);
  const { event_id, gateway_ref, occurred_at, result, codes } = update;
  // An external payment for this obligation is relevant only if it succeeded: then the obligation is paid.
  if (result !== 'approved' && !mayBeOwn(update, payment)) return undefined;
  const message: ChargeResult = {
    ...codes,
    event_id,
    ...(occurred_at && { occurred_at }),
    payment_id: payment.payment_id,
    ...(attempt && { attempt_key: attempt.key }),
    gateway_ref,
    result,
  };
  const authenticated = isAuthenticated(update, payment);
  const known = payment.received || (!authenticated && isKnown(update, payment, attempt));
  return { message, customer_id: payment.customer_id, known, authenticated };
}

/** Whether the response to this charge is still pending. */
export function isInFlight(update: PaymentUpdate, payment: KnownPayment): boolean {
  return !payment.received && attemptOf(update, payment)?.state === 'in_flight';
}

/**
 * Whether the customer has completed the authentication at the gateway and the payment is processing. A success is sent
 * as `chargeResult` instead, which also starts a run if there is none.
 */
function isAuthenticated({ result, gateway_ref }: PaymentUpdate, payment: KnownPayment): boolean {
  const newest = payment.attempts.at(-1);
  if (result !== 'pending' || gateway_ref !== payment.gateway_ref) return false;
  return newest?.state === 'declined' && newest.class === 'AUTH' && payment.state === 'open';
}

/**
 * Other systems use the same gateway, so another customer's payment may have the same name as this one. The
 * obligation's own payment always counts, even if its customer has a new reference by now. A guest's payment may count: a
 * payment link has no customer, and whether it paid the obligation is read at the gateway.
 */
function isOfOtherCustomer(update: PaymentUpdate, payment: KnownPayment): boolean {
  const { gateway_customer_ref: customer } = update;
  if (update.gateway_ref === payment.gateway_ref || customer === undefined) return false;
  return payment.gateway_customer_ref !== undefined && payment.gateway_customer_ref !== customer;
}

/** Whether it is the obligation's own payment, the one that its report names, or one whose creation got no response. */
function mayBeOwn({ gateway_ref }: PaymentUpdate, payment: KnownPayment): boolean {
  const { gateway_ref: own, reported_ref } = payment;
  return (
    gateway_ref === own || gateway_ref === reported_ref || (own === undefined && mayHaveCreated(payment))
  );
}

function mayHaveCreated({ attempts }: KnownPayment): boolean {
  return attempts.some(({ state }) => state === 'in_flight' || state === 'unknown');
}

/**
 * The attempt with the key of the request; without a key, as in later updates, the latest attempt on the method. An
 * external payment has no attempt of Persona's; and if an attempt known to have succeeded with another payment succeeds
 * again, that is handled like a second external payment.
 */
function attemptOf(
  update: PaymentUpdate,
  payment: KnownPayment,
): KnownPayment['attempts'][number] | undefined {
  const { attempts, payment_method_id } = payment;
  const named = attempts.find(({ key }) => key === update.request_key);
  const isOwn = update.gateway_ref === payment.gateway_ref;
  if (update.result === 'approved' && named?.state === 'approved' && !isOwn) return undefined;
  const isReported = update.gateway_ref === payment.reported_ref;
  // A reported payment that was not adopted is external, even if it was charged with the same method.
  if (named || (isReported && !isOwn) || !mayBeOwn(update, payment)) return named;
  return attempts.findLast((attempt) => attempt.payment_method_id === payment_method_id);
}

/** Whether the graph already has it, so that no run has to start for it. A payment succeeds at most once. */
function isKnown(
  { result, gateway_ref }: PaymentUpdate,
  payment: KnownPayment,
  attempt: KnownPayment['attempts'][number] | undefined,
): boolean {
  if (result === 'approved' && gateway_ref === payment.settled_ref) return true;
  if (gateway_ref !== payment.gateway_ref) return false;
  if (result === 'cancelled') return payment.state !== 'open' && payment.state !== 'needs_review';
  if (attempt?.state === 'approved') return true;
  return result === attempt?.state || (result === 'pending' && attempt?.state === 'declined');
}
