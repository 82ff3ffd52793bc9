/** What an obligation's recovery is to hear of a charge at the gateway, by webhook or by reconciliation. */

import type { DeclineClass } from '../decline/classify.ts';
import type { GatewayNews } from '../ports.ts';
import type { ChargeResult } from './messages.ts';
import type { AttemptState, ObligationState } from './status.ts';

/** What the graph knows of a payment that the gateway speaks of. */
export interface NewsMatter {
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

export interface NewsMessage {
  message: ChargeResult;
  customer_id: string;
  /** This event was handed on before, or the graph has what it tells. */
  known: boolean;
  authenticated: boolean;
}

/** What a recovery is to hear of a charge; `undefined`: none of Persona's business. */
export function messageOf(news: GatewayNews, matter: NewsMatter): NewsMessage | undefined {
  if (isOfOtherCustomer(news, matter)) return undefined;
  const attempt = attemptOf(news, matter);
  const { event_id, gateway_ref, occurred_at, result, codes } = news;
  // Of another payment for this obligation only its success matters: then the obligation is paid.
  if (result !== 'approved' && !mayBeOwn(news, matter)) return undefined;
  const message: ChargeResult = {
    ...codes,
    event_id,
    ...(occurred_at && { occurred_at }),
    payment_id: matter.payment_id,
    ...(attempt && { attempt_key: attempt.key }),
    gateway_ref,
    result,
  };
  const authenticated = isAuthenticated(news, matter);
  const known = matter.received || (!authenticated && isKnown(news, matter, attempt));
  return { message, customer_id: matter.customer_id, known, authenticated };
}

/** Is the answer to this very charge still on its way? */
export function isUnderWay(news: GatewayNews, matter: NewsMatter): boolean {
  return !matter.received && attemptOf(news, matter)?.state === 'in_flight';
}

/**
 * The customer has completed the authentication at the gateway, and the payment is being processed. One that succeeded is
 * sent as `chargeResult` instead, which also starts a run where there is none.
 */
function isAuthenticated({ result, gateway_ref }: GatewayNews, matter: NewsMatter): boolean {
  const newest = matter.attempts.at(-1);
  if (result !== 'pending' || gateway_ref !== matter.gateway_ref) return false;
  return newest?.state === 'declined' && newest.class === 'AUTH' && matter.state === 'open';
}

/**
 * Others use the same gateway: a payment of another customer is not the one of that name here. The obligation's own is,
 * also if its customer has another reference by now. A guest's may be: a payment link knows no customer, and whether it
 * paid the obligation is read at the gateway.
 */
function isOfOtherCustomer(news: GatewayNews, matter: NewsMatter): boolean {
  const { gateway_customer_ref: customer } = news;
  if (news.gateway_ref === matter.gateway_ref || customer === undefined) return false;
  return matter.gateway_customer_ref !== undefined && matter.gateway_customer_ref !== customer;
}

/** The obligation's own payment; or the one that its report names; or one whose creation got no answer. */
function mayBeOwn({ gateway_ref }: GatewayNews, matter: NewsMatter): boolean {
  const { gateway_ref: own, reported_ref } = matter;
  return gateway_ref === own || gateway_ref === reported_ref || (own === undefined && mayHaveCreated(matter));
}

function mayHaveCreated({ attempts }: NewsMatter): boolean {
  return attempts.some(({ state }) => state === 'in_flight' || state === 'unknown');
}

/**
 * By the key of its request; what happens later, by itself, has none: then the newest attempt on its method. No attempt of
 * ours was made on a payment of others; and one that is known to have succeeded by another payment has paid twice, which is
 * handled like a second payment of others.
 */
function attemptOf(news: GatewayNews, matter: NewsMatter): NewsMatter['attempts'][number] | undefined {
  const { attempts, payment_method_id } = matter;
  const named = attempts.find(({ key }) => key === news.request_key);
  const isOwn = news.gateway_ref === matter.gateway_ref;
  if (news.result === 'approved' && named?.state === 'approved' && !isOwn) return undefined;
  const isReported = news.gateway_ref === matter.reported_ref;
  // The reported payment that was not adopted is one of others, also where it was charged with the same method.
  if (named || (isReported && !isOwn) || !mayBeOwn(news, matter)) return named;
  return attempts.findLast((attempt) => attempt.payment_method_id === payment_method_id);
}

/** Does the graph hold it already? Then no run has to begin again for it. A payment succeeds at most once. */
function isKnown(
  { result, gateway_ref }: GatewayNews,
  matter: NewsMatter,
  attempt: NewsMatter['attempts'][number] | undefined,
): boolean {
  if (result === 'approved' && gateway_ref === matter.settled_ref) return true;
  if (gateway_ref !== matter.gateway_ref) return false;
  if (result === 'cancelled') return matter.state !== 'open' && matter.state !== 'needs_review';
  if (attempt?.state === 'approved') return true;
  return result === attempt?.state || (result === 'pending' && attempt?.state === 'declined');
}
