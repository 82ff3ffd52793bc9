/** What an obligation's recovery is to hear of a charge at the gateway, by webhook or by reconciliation. */

import type { DeclineClass } from '../decline/classify.ts';
import type { GatewayUpdate } from '../ports.ts';
import type { ChargeResult } from './messages.ts';
import type { AttemptState, ObligationState } from './status.ts';

/** What the graph knows of a payment that the gateway speaks of. */
export interface KnownPayment {
  payment_id: string;
  customer_id: string;
  state: ObligationState;
  /** The obligation's payment at the gateway. */
  gateway_ref?: string;
  /** The payment that the report names, and the one that settled the obligation, where others say which. */
  reported_ref?: string;
  settled_ref?: string;
  gateway_customer_ref?: string;
  /** Persona's own attempts, oldest first. */
  attempts: { key: string; state: AttemptState; class?: DeclineClass; payment_method_id: string }[];
  /** The method that the news names, if a customer of Persona's holds it. */
  payment_method_id?: string;
  /** Was this event taken before? */
  received: boolean;
}

export interface GatewayUpdateMessage {
  message: ChargeResult;
  customer_id: string;
  /** This event was handed on before, or the graph has what it tells. */
  known: boolean;
  authenticated: boolean;
}

/** What a recovery is to hear of a charge; `undefined`: none of Persona's business. */
export function messageOf(update: GatewayUpdate, payment: KnownPayment): GatewayUpdateMessage | undefined {
  if (isOfOtherCustomer(update, payment)) return undefined;
  const attempt = attemptOf(update, payment);
  const { event_id, gateway_ref, occurred_at, result, codes } = update;
  // Of another payment for this obligation only its success matters: then the obligation is paid.
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

/** Is the answer to this very charge still on its way? */
export function isInFlight(update: GatewayUpdate, payment: KnownPayment): boolean {
  return !payment.received && attemptOf(update, payment)?.state === 'in_flight';
}

/**
 * The customer has completed the authentication at the gateway, and the payment is being processed. One that succeeded is
 * sent as `chargeResult` instead, which also starts a run where there is none.
 */
function isAuthenticated({ result, gateway_ref }: GatewayUpdate, payment: KnownPayment): boolean {
  const newest = payment.attempts.at(-1);
  if (result !== 'pending' || gateway_ref !== payment.gateway_ref) return false;
  return newest?.state === 'declined' && newest.class === 'AUTH' && payment.state === 'open';
}

/**
 * Others use the same gateway: a payment of another customer is not the one of that name here. The obligation's own is,
 * also if its customer has another reference by now. A guest's may be: a payment link knows no customer, and whether it
 * paid the obligation is read at the gateway.
 */
function isOfOtherCustomer(update: GatewayUpdate, payment: KnownPayment): boolean {
  const { gateway_customer_ref: customer } = update;
  if (update.gateway_ref === payment.gateway_ref || customer === undefined) return false;
  return payment.gateway_customer_ref !== undefined && payment.gateway_customer_ref !== customer;
}

/** The obligation's own payment; or the one that its report names; or one whose creation got no answer. */
function mayBeOwn({ gateway_ref }: GatewayUpdate, payment: KnownPayment): boolean {
  const { gateway_ref: own, reported_ref } = payment;
  return (
    gateway_ref === own || gateway_ref === reported_ref || (own === undefined && mayHaveCreated(payment))
  );
}

function mayHaveCreated({ attempts }: KnownPayment): boolean {
  return attempts.some(({ state }) => state === 'in_flight' || state === 'unknown');
}

/**
 * By the key of its request; what happens later, by itself, has none: then the newest attempt on its method. No attempt of
 * ours was made on a payment of others; and one that is known to have succeeded by another payment has paid twice, which is
 * handled like a second payment of others.
 */
function attemptOf(
  update: GatewayUpdate,
  payment: KnownPayment,
): KnownPayment['attempts'][number] | undefined {
  const { attempts, payment_method_id } = payment;
  const named = attempts.find(({ key }) => key === update.request_key);
  const isOwn = update.gateway_ref === payment.gateway_ref;
  if (update.result === 'approved' && named?.state === 'approved' && !isOwn) return undefined;
  const isReported = update.gateway_ref === payment.reported_ref;
  // The reported payment that was not adopted is one of others, also where it was charged with the same method.
  if (named || (isReported && !isOwn) || !mayBeOwn(update, payment)) return named;
  return attempts.findLast((attempt) => attempt.payment_method_id === payment_method_id);
}

/** Does the graph hold it already? Then no run has to begin again for it. A payment succeeds at most once. */
function isKnown(
  { result, gateway_ref }: GatewayUpdate,
  payment: KnownPayment,
  attempt: KnownPayment['attempts'][number] | undefined,
): boolean {
  if (result === 'approved' && gateway_ref === payment.settled_ref) return true;
  if (gateway_ref !== payment.gateway_ref) return false;
  if (result === 'cancelled') return payment.state !== 'open' && payment.state !== 'needs_review';
  if (attempt?.state === 'approved') return true;
  return result === attempt?.state || (result === 'pending' && attempt?.state === 'declined');
}
