/** Applies the results of claims and the outcomes of charges. */

import { hashFraction } from '../jitter.ts';
import {
  CONSENT_REVOKED,
  FRAUD_KNOWN,
  isUnresolved,
  NOTICE_DEADLINE_MS,
  retryOf,
  strategyOf,
} from './cascade.ts';
import type { Claim, RecordedAttempt } from './claims.ts';
import { resumeClock, stopClock } from './clock.ts';
import { afterApproval, closedByOtherRun, queueRefund, stop } from './ending.ts';
import { type Candidate, isOpen, type OpenRecovery, type RecoveryState, withDue } from './state.ts';
import { type AttemptStatus, NOT_SENT, reviewOfUnsent } from './status.ts';
import { markUnresolved, remainingReview, withAttempt } from './unresolved.ts';
import { afterCustomerStatus } from './waiting.ts';

/** How long a blocked claim waits before it is retried, if no `claimFreed` arrives (docs/reference/workflows.md, 'The cascade'). */
export const BLOCKED_RETRY_MS = 10 * 60_000;
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
  state: OpenRecovery,
  { unsent: _, ...candidate }: Candidate,
  claim: Claim,
  at: number,
): RecoveryState {
  const unblocked: OpenRecovery = {
    ...state,
    phase: { ...state.phase, blocked_until: undefined },
    suspended_until: undefined,
    clock: resumeClock(state.clock, at),
  };
  switch (claim.result) {
    case 'claimed':
      return { ...unblocked, charge: { state: 'claimed', ...claim.attempt } };
    case 'resolved':
      // An earlier run claimed and resolved it: its outcome counts as this run's.
      return afterRecording(unblocked, alreadyRecorded(claim.attempt), at, undefined);
    case 'blocked':
      // An earlier run left it unresolved, unknown to this one.
      return claim.own ? markUnresolved(state, claim.own, at) : afterBlock(state, candidate, claim, at);
    case 'already_paid':
      return closedByOtherRun(unblocked, claim.obligation);
    case 'refused':
      return afterRefusal(unblocked, candidate, claim, at);
  }
}

function afterRefusal(
  state: OpenRecovery,
  candidate: Candidate,
  { rule, obligation, attempt, until }: Extract<Claim, { result: 'refused' }>,
  at: number,
): RecoveryState {
  if (obligation) return closedByOtherRun(state, obligation);
  if (rule === CONSENT_REVOKED) return stop(state, 'STOP', rule);
  if (rule === FRAUD_KNOWN) return stop(state, 'FRAUD', rule);
  if (rule.startsWith(CUSTOMER_RULE_PREFIX)) {
    return afterCustomerStatus(state, rule.slice(CUSTOMER_RULE_PREFIX.length), at);
  }
  if (rule === 'under_review') {
    return { ...state, review: { rule, flagged: true }, clock: stopClock(state.clock, at) };
  }
  const attempts = attempt ? withAttempt(state.attempts, attempt) : state.attempts;
  return { ...state, attempts, phase: { ...state.phase, candidates: postponed(state, candidate, until) } };
}

/**
 * The candidates without one that must not be charged, or with it postponed. If that is beyond the deadline of the customer's
 * first notice, it leaves the first cascade.
 */
function postponed({ phase, obligation }: OpenRecovery, candidate: Candidate, until?: number): Candidate[] {
  if (until === undefined) return without(phase.candidates, candidate.payment_method_id);
  const reason = until > obligation.opened_at + NOTICE_DEADLINE_MS ? 'retry' : candidate.reason;
  return replace(phase.candidates, { ...candidate, not_before: until, reason });
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
function afterBlock(
  state: OpenRecovery,
  candidate: Candidate,
  { what, since }: Extract<Claim, { result: 'blocked' }>,
  at: number,
): RecoveryState {
  const { phase, clock } = state;
  // `claimFreed` is sent when the blocking attempt is resolved; this timer only covers a lost signal. The longer that
  // attempt has been unresolved, the rarer the retries.
  const backOff = what === 'instrument' ? Math.min(at - since, MAX_BLOCKED_RETRY_MS) : 0;
  const until = at + Math.max(BLOCKED_RETRY_MS, backOff);
  if (what !== 'instrument') {
    return { ...state, phase: { ...phase, blocked_until: until }, clock: stopClock(clock, at) };
  }
  const candidates = replace(phase.candidates, { ...candidate, not_before: until, blocked: true });
  const allBlocked = candidates.every((one) => one.blocked || one.not_before > at);
  return {
    ...state,
    phase: { ...phase, blocked_until: undefined, candidates },
    clock: allBlocked ? stopClock(clock, at) : resumeClock(clock, at),
  };
}

export function afterRecording(
  state: RecoveryState,
  recorded: RecordedAttempt,
  at: number,
  retryAfterMs: number | undefined,
): RecoveryState {
  const { attempt } = recorded;
  const candidates = isOpen(state) ? state.phase.candidates : [];
  const charged = candidates.find((one) => one.payment_method_id === attempt.payment_method_id);
  const noted = {
    ...state,
    attempts: withAttempt(voidOtherAttempt(state, attempt), attempt),
    phase: isOpen(state)
      ? { ...state.phase, candidates: without(candidates, attempt.payment_method_id) }
      : state.phase,
  };
  if (attempt.state === 'unknown' || attempt.state === 'pending') return markUnresolved(noted, attempt, at);
  const review = remainingReview(state);
  const clock = review ? state.clock : resumeClock(state.clock, at);
  const known = { ...noted, charge: undefined, review, clock };
  switch (attempt.state) {
    case 'approved':
      return recorded.overpaid ? queueRefund(known, attempt.key) : afterApproval(known);
    case 'void':
      return afterUnsent(known, attempt, charged?.reason ?? 'alternative', at, retryAfterMs);
    case 'declined':
      return afterDecline(known, recorded, at);
    case 'in_flight':
      return known;
  }
}

/**
 * The attempts, if the payment had succeeded through another attempt than the charged one, which therefore charged nothing
 * and is resolved.
 */
function voidOtherAttempt({ attempts, charge }: RecoveryState, { key }: AttemptStatus): AttemptStatus[] {
  return attempts.map((one) =>
    one.key === charge?.key && one.key !== key && isUnresolved(one)
      ? { ...one, state: 'void', rule: 'paid_by_another_attempt' }
      : one,
  );
}

function afterDecline(before: RecoveryState, recorded: RecordedAttempt, at: number): RecoveryState {
  const { attempt, notify_chimera, not_before } = recorded;
  const report = {
    event_id: attempt.key,
    payment_method_id: attempt.payment_method_id,
    ...(attempt.code ? { code: attempt.code } : {}),
    occurred_at: attempt.resolved_at ?? attempt.started_at,
  };
  const { fraud_reports } = before.due;
  const state = notify_chimera ? withDue(before, { fraud_reports: [...fraud_reports, report] }) : before;
  if (!isOpen(state)) return state;
  const { class: declineClass = 'LATER', rule = declineClass } = attempt;
  // A dead alternative is only removed: it is the failed method's HARD that ends the cascade.
  const strategy = declineClass === 'HARD' ? 'cascade' : strategyOf(declineClass, true);
  if (strategy === 'stop') return stop(state, declineClass, rule);
  if (strategy === 'review') return { ...state, review: { rule, flagged: false } };
  const retry = retryOf({ ...state.obligation, attempts: state.attempts }, attempt, at, not_before);
  return { ...state, phase: { ...state.phase, candidates: [...state.phase.candidates, ...retry] } };
}

/**
 * The charge never reached the gateway: the same method is retried after a back-off, before all others, because they would
 * not reach it either and the cascade's order is kept.
 */
function afterUnsent(
  state: RecoveryState,
  { payment_method_id, key, state: attemptState, rule }: AttemptStatus,
  reason: Candidate['reason'],
  at: number,
  retryAfterMs = 0,
): RecoveryState {
  if (!isOpen(state) || state.review) return state;
  const { phase, attempts } = state;
  const base = baseBackOff(attempts.filter((one) => one.payment_method_id === payment_method_id));
  // In a burst above the gateway's rate, thousands fail together and would retry together.
  const not_before = at + Math.max(base, retryAfterMs) + Math.floor(base * hashFraction(key));
  const again = { payment_method_id, not_before, reason, ...(rule === NOT_SENT && { unsent: true }) };
  const others = phase.candidates.map((one) => ({
    ...one,
    not_before: Math.max(one.not_before, not_before),
  }));
  const reviewRule = reviewOfUnsent({ state: attemptState, rule });
  return {
    ...state,
    phase: { ...phase, candidates: [again, ...others] },
    review: reviewRule === undefined ? undefined : { rule: reviewRule, flagged: false },
  };
}

/** Doubles with each unsent attempt in a row: an attempt that was sent ends the series. @param attempts of the method */
function baseBackOff(attempts: readonly AttemptStatus[]): number {
  const tries = attempts.length - 1 - attempts.findLastIndex((one) => one.state !== 'void');
  return Math.min(UNSENT_FIRST_RETRY_MS * 2 ** Math.min(Math.max(tries, 1) - 1, 20), MAX_UNSENT_RETRY_MS);
}

function without(candidates: Candidate[], paymentMethodId: string): Candidate[] {
  return candidates.filter((one) => one.payment_method_id !== paymentMethodId);
}

/** Replaces the candidate of the same method. */
function replace(candidates: Candidate[], by: Candidate): Candidate[] {
  return candidates.map((one) => (one.payment_method_id === by.payment_method_id ? by : one));
}
