/** Resolves charges with an unknown outcome, which is never assumed (docs/reference/workflows.md, 'Unknown and pending outcomes'). */

import type { ChargeAnswer } from '../ports.ts';
import { CLAIM_MS } from './claims.ts';
import { stopClock } from './clock.ts';
import { cancelNow, PAID_AT_GATEWAY } from './ending.ts';
import { SETTLEMENT_MISMATCH } from './settlement.ts';
import {
  type ChargeOutcome,
  type Open,
  type RecoveryState,
  type UnresolvedCharge,
  unresolvedCharge,
  withDue,
} from './state.ts';
import { type AttemptStatus, isReviewOfAttempt, PAYMENT_REVERSED } from './status.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** About a month without a response from the gateway. */
const MAX_RECHECKS = 30;

const RUN_LOST: ChargeAnswer = {
  result: 'unknown',
  reason: 'the run that claimed it was lost, and the gateway has not confirmed a charge',
};

/** An attempt that an earlier run left unresolved: queried when its claim has expired. */
export function unresolvedSince({
  key,
  payment_method_id,
  state,
  started_at,
}: AttemptStatus): UnresolvedCharge {
  const claimed_at = Date.parse(started_at);
  return {
    key,
    payment_method_id,
    state: state === 'pending' ? 'pending' : 'unknown',
    claimed_at,
    ...(state === 'in_flight' ? { in_flight: true } : {}),
    tries: 0,
    // Until the claim expires, the charge may still be in transit.
    next_at: claimed_at + CLAIM_MS,
  };
}

/** An attempt that was just found or recorded as unresolved. @param at epoch milliseconds */
export function markUnresolved(state: RecoveryState, attempt: AttemptStatus, at: number): RecoveryState {
  const charge = unresolvedSince(attempt);
  const known = unresolvedCharge(state);
  const before = known?.key === charge.key && known.state === charge.state ? known : undefined;
  // The decline revealed nothing new: queried again after the next delay.
  const again = before !== undefined && attempt.class === 'UNKNOWN' ? 1 : 0;
  const tries = (before?.tries ?? 0) + again;
  const { reversed_payment, absent_since } = before ?? {};
  const attempts = withAttempt(state.attempts, attempt);
  return queryLater(
    { ...state, attempts, clock: stopClock(state.clock, at) },
    { ...charge, tries, reversed_payment, absent_since },
    charge.in_flight ? Math.max(at, charge.claimed_at + CLAIM_MS) : at,
  );
}

/** Replaces the attempt with the same key, or appends it. */
export function withAttempt(attempts: AttemptStatus[], attempt: AttemptStatus): AttemptStatus[] {
  return attempts.some(({ key }) => key === attempt.key)
    ? attempts.map((one) => (one.key === attempt.key ? attempt : one))
    : [...attempts, attempt];
}

/** Processes the gateway's response: an outcome to be recorded, or another query after the next delay. */
export function afterResolving(
  state: RecoveryState,
  key: string,
  found: ChargeOutcome,
  at: number,
): RecoveryState {
  const charge = unresolvedCharge(state);
  if (charge?.key !== key) return afterRecheck(state, key, found, at);
  if (found.result === 'absent') return afterAbsence(state, charge, at);
  if (found.result === 'approved' && countsAsUnpaid(state, found)) {
    const known = found.gateway_ref ? { ...charge, reversed_payment: found.gateway_ref } : charge;
    return stillUnresolved(reviewReversal(state), known, at);
  }
  if (found.result === 'unknown' || (found.result === 'pending' && charge.state === 'pending')) {
    return stillUnresolved(state, charge, at);
  }
  return { ...state, charge: { ...charge, answer: found } };
}

/**
 * An absent payment counts as 'not charged' only if it was absent twice, an hour apart, and both an hour after the claim:
 * a request may be in transit for longer than its timeout.
 */
function afterAbsence(state: RecoveryState, charge: UnresolvedCharge, at: number): RecoveryState {
  if (at < charge.claimed_at + HOUR_MS) return stillUnresolved(state, charge, at);
  const absent_since = charge.absent_since ?? at;
  if (at - absent_since < HOUR_MS) return stillUnresolved(state, { ...charge, absent_since }, at);
  const reason = 'the gateway had no payment, twice, an hour apart';
  return { ...state, charge: { ...charge, answer: { result: 'not_sent', reason } } };
}

function stillUnresolved(state: RecoveryState, charge: UnresolvedCharge, at: number): RecoveryState {
  // Its run was lost before recording an outcome that the gateway cannot give either: recorded as unknown now.
  const isClaimExpired = charge.in_flight === true && at >= charge.claimed_at + CLAIM_MS;
  const answer = isClaimExpired ? RUN_LOST : charge.answer;
  return queryLater(state, { ...charge, tries: charge.tries + 1, answer }, at);
}

/** If no more queries are scheduled, an operator decides, and late gateway updates are still processed. */
function queryLater(
  state: RecoveryState,
  { next_at: _asked, ...charge }: UnresolvedCharge,
  at: number,
): RecoveryState {
  const wait = state.obligation.policy[charge.state][charge.tries];
  if (wait !== undefined) return { ...state, charge: { ...charge, next_at: at + wait } };
  return { ...state, charge, review: state.review ?? { rule: `attempt_${charge.state}`, flagged: false } };
}

/** The review that remains once the charge is resolved. */
export function remainingReview(state: RecoveryState): RecoveryState['review'] {
  const { review } = state;
  if (!review) return undefined;
  const isReversed =
    unresolvedCharge(state)?.reversed_payment !== undefined && review.rule === PAYMENT_REVERSED;
  return isReversed || isReviewOfAttempt(review.rule) ? undefined : review;
}

/**
 * An operator's resolution; `declined` has class LATER. After a reversal, the next attempt creates another payment.
 */
export function afterResolution(
  state: RecoveryState,
  key: string,
  result: 'approved' | 'declined',
): RecoveryState {
  const charge = unresolvedCharge(state);
  if (charge?.key !== key) return state;
  if (result === 'approved') return { ...state, charge: { ...charge, answer: { result } } };
  const { reversed_payment: gateway_ref } = charge;
  const endedPayment = gateway_ref === undefined ? {} : ({ gateway_ref, payment_over: true } as const);
  const answer = { result, codes: { reason: 'resolved by an operator' }, ...endedPayment } as const;
  return { ...state, charge: { ...charge, answer } };
}

/** A recheck of an attempt that may have a new outcome: the gateway is queried immediately. */
export function recheckNow(key: string): NonNullable<RecoveryState['recheck']> {
  return { key, next_at: 0, tries: 0 };
}

/**
 * For an attempt that counted as resolved, only an unknown success is relevant. If the gateway does not respond, it is
 * queried again on the policy's schedule and then daily for weeks: the update arrives only once and may concern money.
 */
function afterRecheck(state: RecoveryState, key: string, found: ChargeOutcome, at: number): RecoveryState {
  const { recheck, obligation } = state;
  // Queried again once the charge in progress is resolved.
  if (state.charge) return state;
  if (recheck && recheck.key === key && found.result === 'unknown') {
    const tries = recheck.tries + 1;
    const wait = obligation.policy.unknown[tries] ?? DAY_MS;
    return { ...state, recheck: tries > MAX_RECHECKS ? undefined : { key, tries, next_at: at + wait } };
  }
  const known = state.attempts.find((attempt) => attempt.key === key);
  const asked = { ...state, recheck: undefined };
  if (found.result !== 'approved' || known?.state === 'approved') return asked;
  if (countsAsUnpaid(state, found)) return reviewReversal(asked);
  return { ...asked, charge: { state: 'succeeded_late', key, answer: found } };
}

/**
 * A webhook about a charge arrived: the gateway is queried immediately, regardless of its content. Not for a charge known
 * to have succeeded, which most webhooks are about: nothing better can follow. @param at epoch milliseconds
 */
export function afterReport(state: RecoveryState, key: string | undefined, at: number): RecoveryState {
  const { phase } = state;
  const charge = unresolvedCharge(state);
  if (charge) return { ...state, charge: { ...charge, next_at: at } };
  if (phase.name !== 'closed' && phase.lookup?.processing) {
    const processing = { ...phase.lookup.processing, next_at: at };
    return { ...state, phase: { ...phase, lookup: { ...phase.lookup, processing } } };
  }
  if (phase.name !== 'open' && phase.cancelling) return cancelNow(state, at);
  const newest = key ?? state.attempts.at(-1)?.key;
  const named = state.attempts.find((attempt) => attempt.key === newest);
  return named !== undefined && named.state !== 'approved'
    ? { ...state, recheck: recheckNow(named.key) }
    : state;
}

/** The payment to be cancelled had succeeded, through the latest attempt or else externally. */
export function afterUnexpectedSuccess(state: RecoveryState, isReversed: boolean): RecoveryState {
  const { phase } = state;
  const newest = state.attempts.at(-1)?.key;
  const recheck = newest === undefined ? undefined : recheckNow(newest);
  const asked = { ...state, review: unresolvedCharge(state) && state.review };
  if (phase.name === 'closed')
    return { ...asked, phase: { ...phase, payment_open: false, cancelling: undefined }, recheck };
  if (!recheck && !isReversed) return { ...asked, phase: { name: 'closing', ending: PAID_AT_GATEWAY } };
  const open: Open = phase.name === 'open' ? phase : { name: 'open', candidates: [] };
  const again = withDue({ ...asked, phase: open }, { notices: [] });
  return isReversed ? reviewReversal(again) : { ...again, recheck };
}

/**
 * A reversed success is not a payment. If the obligation was paid in another way, it is nevertheless the second success,
 * and the amount it still holds is refunded.
 */
function countsAsUnpaid(
  { phase }: RecoveryState,
  found: Extract<ChargeOutcome, { result: 'approved' }>,
): boolean {
  const outcome = phase.name === 'open' ? undefined : phase.ending.outcome;
  return found.reversal !== undefined && outcome !== 'paid_elsewhere' && outcome !== 'recovered';
}

/** Sets the review for a reversal: only an operator can determine its reason and whether the amount is still owed. */
export function reviewReversal(state: RecoveryState): RecoveryState {
  const { phase, review } = state;
  if (phase.name === 'closed' || (phase.name === 'closing' && !unresolvedCharge(state))) return state;
  // A contradicted settlement stays under review, whatever the outcome of a charge.
  if (review?.rule === PAYMENT_REVERSED || review?.rule === SETTLEMENT_MISMATCH) return state;
  return { ...state, review: { rule: PAYMENT_REVERSED, flagged: false } };
}
