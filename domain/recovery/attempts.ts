/** Applies the results of claims and the outcomes of charges. */

import { hashFraction } from '../jitter.ts';
import type { Claim, RecordedAttempt } from './claims.ts';
import { afterClosing } from './closing.ts';
import { CONSENT_REVOKED, strategyOf, FRAUD_KNOWN, isUnresolved, stop } from './strategy.ts';
import { BLOCKED_RETRY_MS } from './decide.ts';
import { markUnresolved, resumeClock } from './unresolved.ts';
import { afterCustomerStatus } from './refresh.ts';
import { retryOf } from './retries.ts';
import type { Candidate, RecoveryState } from './state.ts';
import {
  type AttemptStatus,
  isReviewOfAttempt,
  NOT_SENT,
  PAYMENT_CAME_BACK,
  reviewOfUnsent,
} from './status.ts';
import { NOTICE_DEADLINE_MS } from './timers.ts';

/** The longest delay before a claim blocked by another obligation's unresolved charge on the same card is retried. */
const MAX_BLOCKED_RETRY_MS = 24 * 3_600_000;
/** Prefix of a refused claim's rule that names the customer's status: `customer_suspended`. */
const CUSTOMER_RULE_PREFIX = 'customer_';
/**
 * Back-off after a charge that never reached the gateway: each delay is drawn from between the base and twice the base;
 * the base starts with this value and doubles with each consecutive failure up to the maximum.
 */
const UNSENT_FIRST_RETRY_MS = 5_000;
const MAX_UNSENT_RETRY_MS = 1_800_000;

export function afterClaim(
  state: RecoveryState,
  { unsent: _, ...candidate }: Candidate,
  claim: Claim,
  at: number,
): RecoveryState {
  const unblocked = resumeClock({ ...state, blocked_until: undefined, suspended_until: undefined }, at);
  switch (claim.result) {
    case 'claimed':
      return { ...unblocked, claim: claim.attempt };
    case 'resolved':
      // An earlier run claimed and resolved it: its outcome counts as this run's.
      return afterRecording(unblocked, alreadyRecorded(claim.attempt), at, undefined);
    case 'blocked':
      // An earlier run left it unresolved, unknown to this one.
      return claim.own ? afterUnresolvedAttempt(state, claim.own, at) : blocked(state, candidate, claim, at);
    case 'already_paid':
      return { ...afterClosing(unblocked, claim.obligation, false), notices: [] };
    case 'refused':
      if (claim.obligation) return { ...afterClosing(unblocked, claim.obligation, false), notices: [] };
      if (claim.rule === CONSENT_REVOKED) return stop(unblocked, 'STOP', claim.rule);
      if (claim.rule === FRAUD_KNOWN) return stop(unblocked, 'FRAUD', claim.rule);
      if (claim.rule.startsWith(CUSTOMER_RULE_PREFIX)) {
        return afterCustomerStatus(unblocked, claim.rule.slice(CUSTOMER_RULE_PREFIX.length), at);
      }
      if (claim.rule === 'under_review') {
        return { ...unblocked, review: { rule: claim.rule, flagged: true }, stopped_at: at };
      }
      return {
        ...unblocked,
        ...(claim.attempt ? { attempts: upsert(state.attempts, claim.attempt) } : {}),
        candidates:
          claim.until === undefined
            ? without(state.candidates, candidate)
            : replace(state.candidates, candidate, postponed(state, candidate, claim.until)),
      };
  }
}

/** An attempt unknown to the run that may have paid: it is resolved first. @param at epoch milliseconds */
export function afterUnresolvedAttempt(
  state: RecoveryState,
  attempt: AttemptStatus,
  at: number,
): RecoveryState {
  return markUnresolved({ ...state, attempts: upsert(state.attempts, attempt) }, attempt, at);
}

/** An outcome that another run has recorded and reported to Chimera. */
function alreadyRecorded(attempt: AttemptStatus): RecordedAttempt {
  const obligation_state = attempt.state === 'approved' ? 'recovered' : 'open';
  return { attempt, obligation_state, overpaid: false, notify_chimera: false };
}

/**
 * A charge in flight completes in seconds, so the cascade's order is kept; an unresolved one may stay so for weeks, so
 * the next method is charged meanwhile. While no other method can be charged, the clock is stopped. After an accepted
 * report of an external payment, nothing is charged before this run has processed it.
 */
function blocked(
  state: RecoveryState,
  candidate: Candidate,
  { what, since }: Extract<Claim, { result: 'blocked' }>,
  at: number,
): RecoveryState {
  // `claimFreed` is sent when the blocking attempt is resolved; this timer only covers a lost signal. The longer that
  // attempt has been unresolved, the rarer the retries.
  const backOff = what === 'instrument' ? Math.min(at - since, MAX_BLOCKED_RETRY_MS) : 0;
  const until = at + Math.max(BLOCKED_RETRY_MS, backOff);
  if (what !== 'instrument') return { ...state, blocked_until: until, stopped_at: state.stopped_at ?? at };
  const candidates = replace(state.candidates, candidate, { ...candidate, not_before: until, blocked: true });
  const allBlocked = candidates.every((one) => one.blocked || one.not_before > at);
  const updated = allBlocked ? { ...state, stopped_at: state.stopped_at ?? at } : resumeClock(state, at);
  return { ...updated, blocked_until: undefined, candidates };
}

/** A candidate postponed beyond the deadline of the customer's first notice leaves the first cascade. */
function postponed(state: RecoveryState, candidate: Candidate, until: number): Candidate {
  const late = until > state.opened_at + NOTICE_DEADLINE_MS;
  return { ...candidate, not_before: until, ...(late ? { reason: 'retry' as const } : {}) };
}

export function afterRecording(
  state: RecoveryState,
  recorded: RecordedAttempt,
  at: number,
  retryAfterMs: number | undefined,
): RecoveryState {
  const { attempt } = recorded;
  const voided = voidAskedAttempt(state, attempt);
  if (voided) return afterRecording(voided, recorded, at, retryAfterMs);
  const attempts = upsert(state.attempts, attempt);
  const rest = state.candidates.filter((one) => one.payment_method_id !== attempt.payment_method_id);
  const noted: RecoveryState = {
    ...state,
    attempts,
    candidates: rest,
    claim: undefined,
    to_record: undefined,
  };
  if (attempt.state === 'unknown' || attempt.state === 'pending') return markUnresolved(noted, attempt, at);
  const known = clearUnresolved(noted, attempt, at);
  const unsent = reviewOfUnsent(attempt);
  switch (attempt.state) {
    case 'approved':
      return recorded.overpaid ? queueRefund(known, attempt.key) : recovered(known);
    case 'void':
      return known.ending || known.review || known.closed
        ? known
        : {
            ...known,
            candidates: afterUnsent(state, rest, attempts, attempt, at, retryAfterMs),
            ...(unsent && { review: { rule: unsent, flagged: false } }),
          };
    case 'declined':
      return afterDecline(known, recorded, at);
    case 'in_flight':
      return known;
  }
}

/**
 * The payment had succeeded through another attempt than the queried one, which therefore charged nothing and is
 * resolved. `undefined`: it is the same attempt.
 */
function voidAskedAttempt(state: RecoveryState, { key }: AttemptStatus): RecoveryState | undefined {
  const askedKey = state.to_record?.key;
  if (askedKey === undefined || askedKey === key) return undefined;
  const attempts = state.attempts.map(
    (one): AttemptStatus =>
      one.key === askedKey && isUnresolved(one)
        ? { ...one, state: 'void', rule: 'paid_by_another_attempt' }
        : one,
  );
  const wasUnresolved = state.unresolved?.key === askedKey;
  return {
    ...state,
    attempts,
    to_record: undefined,
    ...(wasUnresolved ? { unresolved: undefined, review: remainingReview(state) } : {}),
  };
}

/** Resolves this attempt, and closes a review that concerned nothing else. */
function clearUnresolved(state: RecoveryState, attempt: AttemptStatus, at: number): RecoveryState {
  if (state.unresolved && state.unresolved.key !== attempt.key) return state;
  const cleared = { ...state, unresolved: undefined, review: remainingReview(state) };
  return cleared.review ? cleared : resumeClock(cleared, at);
}

/** The review that remains once the attempt is resolved. */
function remainingReview({ review, unresolved }: RecoveryState): RecoveryState['review'] {
  if (!review) return undefined;
  const cameBack = unresolved?.came_back !== undefined && review.rule === PAYMENT_CAME_BACK;
  return cameBack || isReviewOfAttempt(review.rule) ? undefined : review;
}

function recovered(state: RecoveryState): RecoveryState {
  return {
    ...state,
    ending: { outcome: 'recovered', rule: 'approved' },
    closed: true,
    payment_open: false,
    review: undefined,
    rule: 'approved',
    candidates: [],
    notices: [{ template: 'recovered', stage: '1' }],
  };
}

/** A second success is refunded, unless policy leaves that to operators. @param key as in `RecoveryOverpaid` */
export function queueRefund(state: RecoveryState, key: string): RecoveryState {
  if (!state.policy.refundDuplicate || state.refunds.includes(key)) return state;
  return { ...state, refunds: [...state.refunds, key] };
}

function afterDecline(state: RecoveryState, recorded: RecordedAttempt, at: number): RecoveryState {
  const { attempt } = recorded;
  const declineClass = attempt.class ?? 'LATER';
  const fraud_reports: RecoveryState['fraud_reports'] = recorded.notify_chimera
    ? [
        ...state.fraud_reports,
        {
          event_id: attempt.key,
          payment_method_id: attempt.payment_method_id,
          ...(attempt.code ? { code: attempt.code } : {}),
          occurred_at: attempt.resolved_at ?? attempt.started_at,
        },
      ]
    : state.fraud_reports;
  const next = { ...state, fraud_reports };
  if (next.ending) return next;
  // A dead alternative is only removed: it is the failed method's HARD that ends the cascade.
  const strategy = declineClass === 'HARD' ? 'cascade' : strategyOf(declineClass, true);
  switch (strategy) {
    case 'stop':
      return stop(next, declineClass, attempt.rule ?? declineClass);
    case 'review':
      return { ...next, review: { rule: attempt.rule ?? declineClass, flagged: false } };
    default: {
      const retry = retryOf(next, attempt, declineClass, recorded.not_before, at);
      return { ...next, candidates: [...next.candidates, ...retry] };
    }
  }
}

/**
 * The charge never reached the gateway: the same method is retried after a back-off, before all others, because they would
 * not reach it either and the cascade's order is kept.
 */
function afterUnsent(
  state: RecoveryState,
  rest: Candidate[],
  attempts: AttemptStatus[],
  { payment_method_id, key, rule }: AttemptStatus,
  at: number,
  retryAfterMs = 0,
): Candidate[] {
  const ofMethod = attempts.filter((one) => one.payment_method_id === payment_method_id);
  const base = baseBackOff(unsentInARow(ofMethod));
  // In a burst above the gateway's rate, thousands fail together and would retry together.
  const not_before = at + Math.max(base, retryAfterMs) + Math.floor(base * hashFraction(key));
  const reason =
    state.candidates.find((one) => one.payment_method_id === payment_method_id)?.reason ?? 'alternative';
  const others = rest.map((one) => ({ ...one, not_before: Math.max(one.not_before, not_before) }));
  const unsent = rule === NOT_SENT;
  return [{ payment_method_id, not_before, reason, ...(unsent && { unsent }) }, ...others];
}

function baseBackOff(tries: number): number {
  return Math.min(UNSENT_FIRST_RETRY_MS * 2 ** Math.min(tries - 1, 20), MAX_UNSENT_RETRY_MS);
}

/** An attempt that was sent ends the series of failures. @returns at least 1 */
function unsentInARow(attempts: readonly AttemptStatus[]): number {
  const lastSent = attempts.findLastIndex((one) => one.state !== 'void');
  return Math.max(1, attempts.length - 1 - lastSent);
}

/** Replaces the attempt with the same key, or appends it. */
function upsert(attempts: AttemptStatus[], attempt: AttemptStatus): AttemptStatus[] {
  const known = attempts.some((other) => other.key === attempt.key);
  return known
    ? attempts.map((other) => (other.key === attempt.key ? attempt : other))
    : [...attempts, attempt];
}

function without(candidates: Candidate[], candidate: Candidate): Candidate[] {
  return candidates.filter((other) => other.payment_method_id !== candidate.payment_method_id);
}

function replace(candidates: Candidate[], candidate: Candidate, by: Candidate): Candidate[] {
  return candidates.map((other) => (other.payment_method_id === candidate.payment_method_id ? by : other));
}
