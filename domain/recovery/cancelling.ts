/**
 * Retries the cancellation of a payment that the gateway did not cancel when its obligation was to end. Until it is
 * cancelled, it may still succeed: the obligation stays open and is not charged.
 */

import type { RecoveryState } from './state.ts';
import { PAYMENT_NOT_CANCELLABLE } from './status.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A day in total; then an operator has to review it, and the gateway is tried daily. */
const RETRY_DELAYS_MS = [MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 6 * HOUR_MS, 16 * HOUR_MS];

/** @param payment if processing, its outcome is awaited like a pending charge's. @param at epoch milliseconds */
export function afterNotCancelled(
  state: RecoveryState,
  payment: 'processing' | 'unknown',
  at: number,
): RecoveryState {
  const processing = payment === 'processing';
  const tries = state.cancelling?.processing === processing ? state.cancelling.tries : 0;
  const wait = (processing ? state.policy.pending : RETRY_DELAYS_MS)[tries];
  const cancelling = { processing, tries: tries + 1, next_at: at + (wait ?? DAY_MS) };
  const exhausted = wait === undefined && !state.review;
  const review = exhausted ? { rule: PAYMENT_NOT_CANCELLABLE, flagged: false } : state.review;
  return { ...state, cancelling, review };
}

/** Retries the cancellation now, after a gateway update or at an operator's request. @param at epoch milliseconds */
export function cancelNow(state: RecoveryState, at: number): RecoveryState {
  return state.cancelling ? { ...state, cancelling: { ...state.cancelling, next_at: at } } : state;
}

/** @param now epoch milliseconds */
export function isCancelDeferred({ cancelling }: RecoveryState, now: number): boolean {
  return cancelling !== undefined && cancelling.next_at > now;
}
