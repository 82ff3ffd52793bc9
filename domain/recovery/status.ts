/** A recovery's status for callers: query `status`, `GetRecovery`, REST (docs/reference/workflows.md, 'Status'). */

import type { DeclineClass } from '../decline/classify.ts';

/** What callers see of the phase, the charge and the review: field `state` of the status. */
export type PublicState =
  | 'classifying'
  | 'charging'
  | 'pending'
  | 'unknown'
  | 'needs_review'
  | 'waiting'
  | 'done';
export type RecoveryOutcome =
  | 'recovered'
  | 'stopped'
  | 'exhausted'
  | 'paid_elsewhere'
  | 'cancelled'
  | 'ignored';
export type ObligationState =
  | 'open'
  | 'needs_review'
  | 'recovered'
  | 'stopped'
  | 'paid_elsewhere'
  | 'exhausted'
  | 'cancelled';
export type AttemptState = 'in_flight' | 'approved' | 'declined' | 'pending' | 'unknown' | 'void';

export interface AttemptStatus {
  /** Counts this method's attempts for this obligation over all runs, from 1: the `n` of its key. */
  n: number;
  payment_method_id: string;
  key: string;
  gateway_ref?: string;
  state: AttemptState;
  class?: DeclineClass;
  rule?: string;
  code?: string;
  /** RFC 3339, like every time here. */
  started_at: string;
  resolved_at?: string;
}

export interface RecoveryStatus {
  payment_id: string;
  customer_id: string;
  state: PublicState;
  outcome?: RecoveryOutcome;
  class: DeclineClass;
  rule: string;
  /** Minor units. */
  amount: number;
  currency: string;
  failed_payment_method_id: string;
  attempts: AttemptStatus[];
  next?: { action: 'charge' | 'poll' | 'remind' | 'close'; payment_method_id?: string; at: string };
  waiting_for?: 'claim' | 'method' | 'authentication' | 'review' | 'customer_status' | 'gateway';
  paused: boolean;
  opened_at: string;
  closes_at?: string;
}

/** Rule of an approved attempt whose payment the customer paid with a method that Persona never attempted. */
export const PAID_BY_ANOTHER_METHOD = 'paid_by_another_method';

/** Rule of an attempt that never reached the gateway: no connection, 429, rate limit, or charging was paused. */
export const NOT_SENT = 'not_sent';

/** Rules of attempts that found the obligation's payment cancelled: the next attempt creates a new one. */
export const PAYMENT_CANCELLED = 'payment_cancelled';
/** Cancelled with a reason that forbids collecting the amount: an operator decides. */
export const PAYMENT_WITHDRAWN = 'payment_withdrawn';
/** A payment of the obligation succeeded and was refunded, disputed or partly captured: an operator decides. */
export const PAYMENT_REVERSED = 'payment_came_back';

/** A gateway payment names the obligation but has another amount or customer. */
export const PAYMENT_NOT_OURS = 'gateway_payment_not_ours';

/** Rules of attempts that were not sent because an operator has to decide first. */
const NOT_SENT_FOR_REVIEW: readonly (string | undefined)[] = [
  PAYMENT_WITHDRAWN,
  PAYMENT_REVERSED,
  PAYMENT_NOT_OURS,
];

/** The rule of the review that such an attempt causes, if any. */
export function reviewOfUnsent({ state, rule }: Pick<AttemptStatus, 'state' | 'rule'>): string | undefined {
  return state === 'void' && NOT_SENT_FOR_REVIEW.includes(rule) ? rule : undefined;
}

/** Whether a review concerns only an unresolved charge. */
export function isReviewOfAttempt(rule: string): boolean {
  return rule === 'attempt_unknown' || rule === 'attempt_pending';
}

/** Rule of a review: the obligation is ending or has ended, and the gateway does not cancel its payment. */
export const PAYMENT_NOT_CANCELLABLE = 'payment_not_cancellable';

/** The attempt whose own method was charged: the method named in notices. */
export function findChargedAttempt<A extends Pick<AttemptStatus, 'state' | 'rule'>>(
  attempts: readonly A[],
): A | undefined {
  return attempts.find(({ state, rule }) => state === 'approved' && rule !== PAID_BY_ANOTHER_METHOD);
}
