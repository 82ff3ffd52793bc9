/** The initial state of a run: after a new failure, or from where an earlier run stopped. */

import { CLAIM_MS, type RecoverySnapshot } from './claims.ts';
import { FAILURE_NOTICES, endCascadeIfDone } from './cascade.ts';
import { clockOf } from './clock.ts';
import { WINDOW_OVER } from './closing.ts';
import { resumeClock } from './unresolved.ts';
import { retriesOf } from './retries.ts';
import {
  alternativesOf,
  CONSENT_REVOKED,
  FRAUD_KNOWN,
  strategyOf,
  UNPAID_CLASS,
  reclassifyUnpaid,
  isStop,
  isUnresolved,
  stop,
  fraudReportsOf,
  TECH_RETRY_MS,
  wasTried,
} from './strategy.ts';
import type { Candidate, RecoveryState, UnresolvedCharge } from './state.ts';
import {
  type AttemptStatus,
  type ObligationState,
  PAYMENT_CAME_BACK,
  PAYMENT_NOT_CANCELLABLE,
  PAYMENT_NOT_OURS,
} from './status.ts';

/** Rules of reviews caused by reading the reported payment. */
const LOOK_UP_REVIEWS: readonly string[] = [PAYMENT_CAME_BACK, PAYMENT_NOT_OURS];

/** The initial state of a run. */
export function begin(recovery: RecoverySnapshot): RecoveryState {
  const clock = clockOf({ closes_at: recovery.closes_at, stopped_at: recovery.clock_stopped_at });
  const state: RecoveryState = {
    payment_id: recovery.payment_id,
    customer_id: recovery.customer_id,
    amount: recovery.amount,
    currency: recovery.currency,
    failed_payment_method_id: recovery.failed_payment_method_id,
    class: recovery.failure.class,
    rule: recovery.failure.rule,
    opened_at: recovery.opened_at,
    ...clock,
    stored_clock: clock,
    read_at: recovery.read_at,
    policy: recovery.policy,
    attempts: recovery.attempts,
    candidates: [],
    cascade_ended: false,
    closed: false,
    paused: recovery.paused ?? false,
    notices: [],
    refunds: recovery.refunds_due ?? [],
    handled_event_ids: [],
    fraud_reports: fraudReportsOf(recovery),
    ...(recovery.gateway_payment_ref ? { lookup_ref: recovery.gateway_payment_ref } : {}),
  };
  return endCascadeIfDone(
    resumeStoredClock(skipFailureNotices(plan(state, recovery), recovery), recovery.read_at),
  );
}

/** An earlier run has notified the customer of the failure: not repeated with any template. */
function skipFailureNotices(state: RecoveryState, { notified_at }: RecoverySnapshot): RecoveryState {
  if (notified_at === undefined) return state;
  const notices = state.notices.filter(({ template }) => !FAILURE_NOTICES.includes(template));
  return { ...state, cascade_ended: true, notified_at, notices };
}

/**
 * Resumes the clock that an earlier run left stopped, unless the reason is known to persist. Whether another obligation
 * or an external payment still blocks the recovery is checked again. @param now epoch milliseconds
 */
function resumeStoredClock(state: RecoveryState, now: number): RecoveryState {
  return state.unresolved || state.review ? state : resumeClock(state, now);
}

function plan(state: RecoveryState, recovery: RecoverySnapshot): RecoveryState {
  const { failure } = recovery;
  const unresolved = recovery.attempts.find((attempt) => isUnresolved(attempt));
  if (isEnded(recovery.state)) return restoreClosed(state, recovery, recovery.state, unresolved);
  if (unresolved) {
    const unresolvedCharge = unresolvedChargeOf(unresolved);
    const planned = planUnresolved(state, recovery);
    return {
      ...planned,
      unresolved: unresolvedCharge,
      stopped_at: state.stopped_at ?? unresolvedCharge.claimed_at,
    };
  }
  if (recovery.state === 'needs_review' && recovery.rule === PAYMENT_NOT_CANCELLABLE) {
    return restoreEnding(state, recovery);
  }
  if (recovery.state === 'needs_review' && !endsWithoutCharge(recovery)) {
    const stopped_at = state.stopped_at ?? recovery.read_at;
    // The lookup's finding is already under review.
    const looked = LOOK_UP_REVIEWS.includes(recovery.rule) ? { ...state, lookup_ref: undefined } : state;
    return { ...looked, review: { rule: recovery.rule, flagged: true }, stopped_at };
  }
  return restoreReview(planByFailure(state, recovery, failure.class), recovery);
}

/**
 * The lost run's latest charge was declined for a reason that requires an operator, and the run was lost before it set
 * the review. If an operator had decided since, a later attempt would follow.
 */
function restoreReview(state: RecoveryState, { attempts, opened_at }: RecoverySnapshot): RecoveryState {
  const newest = attempts.at(-1);
  if (state.ending || state.review || newest?.state !== 'declined' || newest.class === undefined)
    return state;
  const isSince = Date.parse(newest.started_at) >= opened_at;
  if (!isSince || strategyOf(newest.class, true) !== 'review') return state;
  return { ...state, review: { rule: newest.rule ?? newest.class, flagged: false } };
}

/** An ending outranks any review: the lost run was about to close the obligation. */
function endsWithoutCharge({ kind, failure, consent_revoked, fraud_known }: RecoverySnapshot): boolean {
  return kind === 'one_time' || consent_revoked === true || fraud_known === true || isStop(failure.class);
}

function isEnded(state: ObligationState): state is Exclude<ObligationState, 'open' | 'needs_review'> {
  return state !== 'open' && state !== 'needs_review';
}

/** Already closed: this run only resolves what is still open. */
function restoreClosed(
  state: RecoveryState,
  { rule }: RecoverySnapshot,
  outcome: Exclude<ObligationState, 'open' | 'needs_review'>,
  unresolved: AttemptStatus | undefined,
): RecoveryState {
  const over = {
    ...state,
    lookup_ref: undefined,
    rule,
    fraud_reports: [],
    ending: { outcome, rule },
    closed: true,
  };
  // Closed with an unresolved charge: the payment still has to be cancelled.
  return unresolved ? { ...over, unresolved: unresolvedChargeOf(unresolved), payment_open: true } : over;
}

/** It was ending, and the gateway did not cancel its payment. Only the lost run knew the ending for certain. */
function restoreEnding(state: RecoveryState, recovery: RecoverySnapshot): RecoveryState {
  const { rule, failure, closes_at, clock_stopped_at, read_at } = recovery;
  const review = { rule, flagged: true };
  const { ending } = planByFailure(state, recovery, failure.class);
  const over = (clock_stopped_at ?? read_at) >= closes_at;
  const otherwise = over ? WINDOW_OVER : { outcome: 'cancelled' as const, rule: 'cancelled' };
  return { ...state, lookup_ref: undefined, candidates: [], review, ending: ending ?? otherwise };
}

/** An earlier run left a charge unresolved: the gateway is queried first, and its response decides the rest. */
function planUnresolved(state: RecoveryState, recovery: RecoverySnapshot): RecoveryState {
  const planned = planByFailure(state, recovery, recovery.failure.class);
  const { rule } = recovery;
  return recovery.state === 'needs_review' ? { ...planned, review: { rule, flagged: true } } : planned;
}

function unresolvedChargeOf(attempt: AttemptStatus): UnresolvedCharge {
  const claimed_at = Date.parse(attempt.started_at);
  return {
    key: attempt.key,
    payment_method_id: attempt.payment_method_id,
    state: attempt.state === 'pending' ? 'pending' : 'unknown',
    claimed_at,
    ...(attempt.state === 'in_flight' ? { in_flight: true } : {}),
    tries: 0,
    // Until the claim expires, the charge may still be in transit.
    next_at: claimed_at + CLAIM_MS,
  };
}

/** The plan for after the lookup, if that finds it unpaid. */
function planByLookUp(state: RecoveryState, recovery: RecoverySnapshot): RecoveryState {
  const failure = { ...recovery.failure, class: UNPAID_CLASS };
  const planned = planByFailure(state, { ...recovery, failure }, UNPAID_CLASS);
  return recovery.looked_up ? reclassifyUnpaid(planned) : planned;
}

function planByFailure(
  state: RecoveryState,
  recovery: RecoverySnapshot,
  failureClass: RecoveryState['class'],
): RecoveryState {
  const { failure } = recovery;
  if (recovery.kind === 'one_time') {
    // The customer is present and may already be paying in another way: never charged, never notified.
    return { ...state, lookup_ref: undefined, ending: { outcome: 'stopped', rule: 'not_recurring' } };
  }
  if (recovery.consent_revoked) return stop(state, 'STOP', CONSENT_REVOKED);
  if (recovery.fraud_known) return stop(state, 'FRAUD', FRAUD_KNOWN);
  if (isStop(failureClass)) return stop(state, failureClass, failure.rule);
  if (failure.status !== 'declined' || failureClass === 'UNKNOWN') {
    // Without a payment to read, only an operator can decide.
    if (!recovery.gateway_payment_ref && !recovery.looked_up) {
      const rule = failure.status === 'declined' ? failure.rule : `reported_${failure.status}`;
      return { ...state, review: { rule, flagged: false } };
    }
    if (failureClass === 'UNKNOWN') return planByLookUp(state, recovery);
  }
  switch (strategyOf(failureClass, recovery.policy.cascadeOnHard)) {
    case 'stop':
      return stop(state, failureClass, failure.rule);
    case 'review':
      return { ...state, review: { rule: failure.rule, flagged: false } };
    case 'wait_for_method':
      return {
        ...state,
        candidates: retriesOf(recovery),
        cascade_ended: true,
        notices: [{ template: 'payment_declined_update_card', stage: '1' }],
      };
    case 'cascade_after_retry': {
      const again: Candidate = {
        payment_method_id: recovery.failed_payment_method_id,
        not_before: recovery.opened_at + TECH_RETRY_MS,
        reason: 'same_method',
      };
      const rest = alternativesOf(recovery).map((candidate) => ({
        ...candidate,
        not_before: again.not_before,
      }));
      return wasTried(recovery, again.payment_method_id)
        ? { ...state, candidates: [...rest, ...retriesOf(recovery)] }
        : { ...state, candidates: [again, ...rest] };
    }
    case 'cascade':
      return { ...state, candidates: [...alternativesOf(recovery), ...retriesOf(recovery)] };
  }
}
