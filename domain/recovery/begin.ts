/** The initial state of a run: after a new failure, or from where an earlier run stopped. */

import type { DeclineClass } from '../decline/classify.ts';
import {
  alternativesOf,
  CONSENT_REVOKED,
  endCascadeIfDone,
  FAILURE_NOTICES,
  FRAUD_KNOWN,
  fraudReportsOf,
  isStop,
  isUnresolved,
  reclassifyUnpaid,
  retriesOf,
  strategyOf,
  TECH_RETRY_MS,
  UNPAID_CLASS,
  wasTried,
} from './cascade.ts';
import type { RecoverySnapshot } from './claims.ts';
import { clockOf, resumeClock, stopClock } from './clock.ts';
import { endRecovery, stop, WINDOW_OVER } from './ending.ts';
import {
  type Candidate,
  type Closed,
  type OpenRecovery,
  type Phase,
  type RecoveryState,
  unresolvedCharge,
  withDue,
} from './state.ts';
import {
  type AttemptStatus,
  type ObligationState,
  PAYMENT_REVERSED,
  PAYMENT_NOT_CANCELLABLE,
  PAYMENT_NOT_OURS,
} from './status.ts';
import { unresolvedSince } from './unresolved.ts';

/** Rules of reviews caused by reading the reported payment. */
const LOOK_UP_REVIEWS: readonly string[] = [PAYMENT_REVERSED, PAYMENT_NOT_OURS];

/** The initial state of a run. */
export function begin(recovery: RecoverySnapshot): RecoveryState {
  const { gateway_payment_ref: ref, payment_id, customer_id, amount, currency, opened_at, policy } = recovery;
  const { failed_payment_method_id } = recovery;
  const state: OpenRecovery = {
    obligation: { payment_id, customer_id, amount, currency, failed_payment_method_id, opened_at, policy },
    class: recovery.failure.class,
    rule: recovery.failure.rule,
    attempts: recovery.attempts,
    phase: { name: 'open', candidates: [], ...(ref ? { lookup: { ref } } : {}) },
    paused: recovery.paused ?? false,
    clock: clockOf({ closes_at: recovery.closes_at, stopped_at: recovery.clock_stopped_at }),
    due: { refunds: recovery.refunds_due ?? [], fraud_reports: fraudReportsOf(recovery), notices: [] },
    cascade_ended: false,
    read_at: recovery.read_at,
    handled_event_ids: [],
  };
  const planned = skipFailureNotices(plan(state, recovery), recovery);
  return endCascadeIfDone(resumeStoredClock(planned, recovery.read_at));
}

/** An earlier run has notified the customer of the failure: not repeated with any template. */
function skipFailureNotices(state: RecoveryState, { notified_at }: RecoverySnapshot): RecoveryState {
  if (notified_at === undefined) return state;
  const notices = state.due.notices.filter(({ template }) => !FAILURE_NOTICES.includes(template));
  return withDue({ ...state, cascade_ended: true, notified_at }, { notices });
}

/**
 * Resumes the clock that an earlier run left stopped, unless the reason is known to persist. Whether another obligation
 * or an external payment still blocks the recovery is checked again. @param now epoch milliseconds
 */
function resumeStoredClock(state: RecoveryState, now: number): RecoveryState {
  const persists = unresolvedCharge(state) ?? state.review;
  return persists ? state : { ...state, clock: resumeClock(state.clock, now) };
}

function plan(state: OpenRecovery, recovery: RecoverySnapshot): RecoveryState {
  const { failure, rule, state: obligationState } = recovery;
  const attempt = recovery.attempts.find((one) => isUnresolved(one));
  if (obligationState !== 'open' && obligationState !== 'needs_review') {
    return restoreClosed(state, rule, obligationState, attempt);
  }
  const inReview = obligationState === 'needs_review';
  const review = { rule, flagged: true };
  if (attempt) {
    // An earlier run left a charge unresolved: the gateway is queried first, and its response decides the rest.
    const planned = planByFailure(state, recovery, failure.class);
    const charge = unresolvedSince(attempt);
    const clock = stopClock(state.clock, charge.claimed_at);
    return { ...planned, charge, clock, ...(inReview ? { review } : {}) };
  }
  if (inReview && rule === PAYMENT_NOT_CANCELLABLE) {
    return { ...restoreEnding(state, recovery), review };
  }
  if (inReview && !endsWithoutCharge(recovery)) {
    // The lookup's finding is already under review.
    const phase: Phase = LOOK_UP_REVIEWS.includes(rule) ? { name: 'open', candidates: [] } : state.phase;
    return { ...state, phase, review, clock: stopClock(state.clock, recovery.read_at) };
  }
  return restoreReview(planByFailure(state, recovery, failure.class), recovery);
}

/**
 * The lost run's latest charge was declined for a reason that requires an operator, and the run was lost before it set
 * the review. If an operator had decided since, a later attempt would follow.
 */
function restoreReview(state: RecoveryState, { attempts, opened_at }: RecoverySnapshot): RecoveryState {
  const newest = attempts.at(-1);
  if (state.phase.name !== 'open' || state.review) return state;
  if (newest?.state !== 'declined' || newest.class === undefined) return state;
  const isSince = Date.parse(newest.started_at) >= opened_at;
  if (!isSince || strategyOf(newest.class, true) !== 'review') return state;
  return { ...state, review: { rule: newest.rule ?? newest.class, flagged: false } };
}

/** An ending outranks any review: the lost run was about to close the obligation. */
function endsWithoutCharge({ kind, failure, consent_revoked, fraud_known }: RecoverySnapshot): boolean {
  return kind === 'one_time' || consent_revoked === true || fraud_known === true || isStop(failure.class);
}

/** Already closed: this run only resolves what is still open. */
function restoreClosed(
  state: RecoveryState,
  rule: string,
  outcome: Exclude<ObligationState, 'open' | 'needs_review'>,
  unresolved: AttemptStatus | undefined,
): RecoveryState {
  // Closed with an unresolved charge: the payment still has to be cancelled.
  const charge = unresolved && unresolvedSince(unresolved);
  const phase: Closed = { name: 'closed', ending: { outcome, rule }, payment_open: charge !== undefined };
  return withDue({ ...state, rule, phase, charge }, { fraud_reports: [] });
}

/** It was ending, and the gateway did not cancel its payment. Only the lost run knew the ending for certain. */
function restoreEnding(state: OpenRecovery, recovery: RecoverySnapshot): RecoveryState {
  const { failure, closes_at, clock_stopped_at, read_at } = recovery;
  const planned = planByFailure(state, recovery, failure.class).phase;
  if (planned.name !== 'open') return endRecovery(state, planned.ending);
  const over = (clock_stopped_at ?? read_at) >= closes_at;
  return endRecovery(state, over ? WINDOW_OVER : { outcome: 'cancelled', rule: 'cancelled' });
}

/** The plan for after the lookup, if that finds it unpaid. */
function planByLookUp(state: OpenRecovery, recovery: RecoverySnapshot): RecoveryState {
  const failure = { ...recovery.failure, class: UNPAID_CLASS };
  const planned = planByFailure(state, { ...recovery, failure }, UNPAID_CLASS);
  return recovery.looked_up ? reclassifyUnpaid(planned) : planned;
}

function planByFailure(
  state: OpenRecovery,
  recovery: RecoverySnapshot,
  failureClass: DeclineClass,
): RecoveryState {
  const { failure } = recovery;
  if (recovery.kind === 'one_time') {
    // The customer is present and may already be paying in another way: never charged, never notified.
    return endRecovery(state, { outcome: 'stopped', rule: 'not_recurring' });
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
  const withCandidates = (...candidates: Candidate[]) => ({
    ...state,
    phase: { ...state.phase, candidates },
  });
  const alternatives = alternativesOf(recovery);
  switch (strategyOf(failureClass, recovery.policy.cascadeOnHard)) {
    case 'stop':
      return stop(state, failureClass, failure.rule);
    case 'review':
      return { ...state, review: { rule: failure.rule, flagged: false } };
    case 'wait_for_method':
      return withDue(
        { ...withCandidates(...retriesOf(recovery)), cascade_ended: true },
        { notices: [{ template: 'payment_declined_update_card', stage: '1' }] },
      );
    case 'cascade_after_retry': {
      const { failed_payment_method_id: payment_method_id } = recovery;
      const not_before = recovery.opened_at + TECH_RETRY_MS;
      const rest = alternatives.map((candidate) => ({ ...candidate, not_before }));
      return wasTried(recovery, payment_method_id)
        ? withCandidates(...rest, ...retriesOf(recovery))
        : withCandidates({ payment_method_id, not_before, reason: 'same_method' }, ...rest);
    }
    case 'cascade':
      return withCandidates(...alternatives, ...retriesOf(recovery));
  }
}
