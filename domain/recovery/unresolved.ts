/** Resolves charges with an unknown outcome, which is never assumed (docs/reference/workflows.md, 'Unknown and pending outcomes'). */

import type { ChargeAnswer } from '../ports.ts';
import { cancelNow } from './cancelling.ts';
import { CLAIM_MS } from './claims.ts';
import { SETTLEMENT_MISMATCH } from './settlement.ts';
import type { ChargeOutcome, RecoveryState, UnresolvedCharge } from './state.ts';
import { type AttemptStatus, PAYMENT_CAME_BACK } from './status.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** About a month without a response from the gateway. */
const MAX_RECHECKS = 30;

const RUN_LOST: ChargeAnswer = {
  result: 'unknown',
  reason: 'the run that claimed it was lost, and the gateway has not confirmed a charge',
};

/** An attempt that was just recorded as unknown or pending. @param at epoch milliseconds */
export function markUnresolved(state: RecoveryState, attempt: AttemptStatus, at: number): RecoveryState {
  const kind = attempt.state === 'pending' ? 'pending' : 'unknown';
  const before =
    state.unresolved?.key === attempt.key && state.unresolved.state === kind ? state.unresolved : undefined;
  // The decline revealed nothing new: queried again after the next delay.
  const again = before !== undefined && attempt.class === 'UNKNOWN' ? 1 : 0;
  const tries = (before?.tries ?? 0) + again;
  const unresolved: UnresolvedCharge = {
    key: attempt.key,
    payment_method_id: attempt.payment_method_id,
    state: kind,
    claimed_at: Date.parse(attempt.started_at),
    tries,
    ...(attempt.state === 'in_flight' ? { in_flight: true } : {}),
    ...(before?.came_back === undefined ? {} : { came_back: before.came_back }),
    ...(before?.absent_since === undefined ? {} : { absent_since: before.absent_since }),
    ...nextTry(state, kind, tries, Math.max(at, inFlightUntil(attempt))),
  };
  return withReviewIfExhausted({ ...state, unresolved, stopped_at: state.stopped_at ?? at });
}

/** Until its claim expires, a charge without a recorded outcome may still be in transit: epoch milliseconds. */
function inFlightUntil({ state, started_at }: AttemptStatus): number {
  return state === 'in_flight' ? Date.parse(started_at) + CLAIM_MS : 0;
}

/** Processes the gateway's response: an outcome to be recorded, or another query after the next delay. */
export function afterResolving(
  state: RecoveryState,
  key: string,
  found: ChargeOutcome,
  at: number,
): RecoveryState {
  const { unresolved } = state;
  if (unresolved?.key !== key) return afterRecheck(state, key, found, at);
  if (found.result === 'absent') return afterAbsence(state, unresolved, at);
  if (found.result === 'approved' && countsAsUnpaid(state, found)) {
    const known = found.gateway_ref ? { ...unresolved, came_back: found.gateway_ref } : unresolved;
    return stillUnresolved(reviewCameBack(state), known, at);
  }
  if (found.result === 'unknown' || (found.result === 'pending' && unresolved.state === 'pending')) {
    return stillUnresolved(state, unresolved, at);
  }
  return { ...state, to_record: { key, answer: found } };
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
  const { recheck, policy } = state;
  if (recheck && recheck.key === key && found.result === 'unknown') {
    const tries = recheck.tries + 1;
    const wait = policy.unknown[tries] ?? DAY_MS;
    if (tries > MAX_RECHECKS) return { ...state, recheck: undefined };
    return { ...state, recheck: { key, tries, next_at: at + wait } };
  }
  const known = state.attempts.find((attempt) => attempt.key === key);
  const asked = { ...state, recheck: undefined };
  if (found.result !== 'approved' || known?.state === 'approved') return asked;
  if (countsAsUnpaid(state, found)) return reviewCameBack(asked);
  return { ...asked, to_record: { key, answer: found } };
}

/**
 * A reversed success is not a payment. If the obligation was paid in another way, it is nevertheless the second success,
 * and the amount it still holds is refunded.
 */
function countsAsUnpaid(
  { ending }: RecoveryState,
  found: Extract<ChargeOutcome, { result: 'approved' }>,
): boolean {
  const paid = ending?.outcome === 'paid_elsewhere' || ending?.outcome === 'recovered';
  return found.came_back !== undefined && !paid;
}

/** Sets the review for a reversal: only an operator can determine its reason and whether the amount is still owed. */
export function reviewCameBack(state: RecoveryState): RecoveryState {
  if (state.closed || (state.ending && !state.unresolved)) return state;
  const { rule } = state.review ?? {};
  // A contradicted settlement stays under review, whatever the outcome of a charge.
  if (rule === PAYMENT_CAME_BACK || rule === SETTLEMENT_MISMATCH) return state;
  return { ...state, review: { rule: PAYMENT_CAME_BACK, flagged: false } };
}

/**
 * An absent payment counts as 'not charged' only if it was absent twice, an hour apart, and both an hour after the claim:
 * a request may be in transit for longer than its timeout.
 */
function afterAbsence(state: RecoveryState, unresolved: UnresolvedCharge, at: number): RecoveryState {
  if (at < unresolved.claimed_at + HOUR_MS) return stillUnresolved(state, unresolved, at);
  const since = unresolved.absent_since ?? at;
  if (at - since < HOUR_MS) return stillUnresolved(state, { ...unresolved, absent_since: since }, at);
  const answer: ChargeAnswer = {
    result: 'not_sent',
    reason: 'the gateway had no payment, twice, an hour apart',
  };
  return { ...state, to_record: { key: unresolved.key, answer } };
}

function stillUnresolved(state: RecoveryState, unresolved: UnresolvedCharge, at: number): RecoveryState {
  const tries = unresolved.tries + 1;
  const { next_at: _asked, ...rest } = unresolved;
  const next: UnresolvedCharge = { ...rest, tries, ...nextTry(state, unresolved.state, tries, at) };
  const to_record = isClaimExpired(unresolved, at)
    ? { key: unresolved.key, answer: RUN_LOST }
    : state.to_record;
  return withReviewIfExhausted({ ...state, unresolved: next, to_record });
}

/** Whether its run was lost before recording an outcome that the gateway cannot give either: recorded as unknown now. */
function isClaimExpired({ in_flight, claimed_at }: UnresolvedCharge, at: number): boolean {
  return in_flight === true && at >= claimed_at + CLAIM_MS;
}

function nextTry(
  { policy }: RecoveryState,
  kind: UnresolvedCharge['state'],
  tries: number,
  at: number,
): Pick<UnresolvedCharge, 'next_at'> {
  const wait = policy[kind][tries];
  return wait === undefined ? {} : { next_at: at + wait };
}

/** No more queries are scheduled: an operator decides, and late gateway updates are still processed. */
function withReviewIfExhausted(state: RecoveryState): RecoveryState {
  const { unresolved, review } = state;
  if (!unresolved || unresolved.next_at !== undefined || review) return state;
  return { ...state, review: { rule: `attempt_${unresolved.state}`, flagged: false } };
}

/**
 * A webhook about a charge arrived: the gateway is queried immediately, regardless of its content. Not for a charge known
 * to have succeeded, which most webhooks are about: nothing better can follow. @param at epoch milliseconds
 */
export function recheckCharge(state: RecoveryState, key: string | undefined, at: number): RecoveryState {
  if (state.unresolved) return { ...state, unresolved: { ...state.unresolved, next_at: at } };
  if (state.processing) return { ...state, processing: { ...state.processing, next_at: at } };
  if (state.cancelling) return cancelNow(state, at);
  const newest = key ?? state.attempts.at(-1)?.key;
  const named = state.attempts.find((attempt) => attempt.key === newest);
  return named !== undefined && named.state !== 'approved'
    ? { ...state, recheck: recheckNow(named.key) }
    : state;
}

/** Resumes the recovery's clock and extends the window by the time it was stopped. @param at epoch milliseconds */
export function resumeClock(state: RecoveryState, at: number): RecoveryState {
  if (state.stopped_at === undefined) return state;
  return { ...state, stopped_at: undefined, closes_at: state.closes_at + Math.max(0, at - state.stopped_at) };
}
