import type { ChargeAnswer } from '../ports.ts';
import { isCancelDeferred } from './cancelling.ts';
import { clockToStore } from './clock.ts';
import { noticeOfEnding, WINDOW_OVER } from './closing.ts';
import type { Ending, RecoveryState, Step } from './state.ts';
import { earliest, isRefreshDue, isWindowOver, reminderDue, timersOf } from './timers.ts';

/** How long a blocked claim waits before it is retried, if no `claimFreed` arrives (docs/reference/workflows.md, 'The cascade'). */
export const BLOCKED_RETRY_MS = 10 * 60_000;

const NEVER_SENT: ChargeAnswer = {
  result: 'not_sent',
  reason: 'the recovery was stopped before the charge was sent',
};

/**
 * The next step of a recovery. Pure: the same state at the same time always gives the same step.
 *
 * The order of the rules matters: a claimed attempt is completed first, an ending outranks further charges, and the
 * customer is notified only after the obligation's state is stored in the graph.
 *
 * @param now epoch milliseconds
 */
export function decide(state: RecoveryState, now: number): Step {
  const step = nextOf(state, now);
  const clock = clockToStore(state, step, now);
  return clock ? { do: 'keep_clock', clock } : step;
}

function nextOf(state: RecoveryState, now: number): Step {
  if (state.to_record && !mustCloseBeforeRecording(state)) return { do: 'record', ...state.to_record };
  if (state.claim)
    return isChargeForbidden(state)
      ? { do: 'record', key: state.claim.key, answer: NEVER_SENT }
      : { do: 'charge', claim: state.claim };
  const refund = state.refunds[0];
  if (refund) return { do: 'refund', key: refund };
  const report = state.fraud_reports[0];
  if (report) return { do: 'report_fraud', report };
  if (state.ending && !state.closed && mayClose(state, now)) {
    // The payment that the report names is adopted first, so that closing cancels it.
    if (state.lookup_ref) return { do: 'look_up', gateway_payment_ref: state.lookup_ref };
    return close(state, state.ending);
  }
  // After the closing, so that a charge that turns out to have succeeded is recognised as the second success.
  if (state.unresolved?.next_at !== undefined && now >= state.unresolved.next_at) {
    return resolveCharge(state, state.unresolved.key);
  }
  if (state.review && !state.review.flagged && (!state.closed || state.unresolved || state.cancelling)) {
    return { do: 'flag_for_review', rule: state.review.rule };
  }
  const notice = state.notices[0];
  if (notice && mayNotify(state)) return { do: 'notify', notice };
  if (state.unresolved) {
    return {
      do: 'wait',
      ...(state.unresolved.next_at === undefined ? {} : { until: state.unresolved.next_at }),
      ...(state.review ? { for: 'review' as const } : {}),
    };
  }
  const { recheck } = state;
  if (recheck && recheck.next_at <= now) return { do: 'find_out', key: recheck.key };
  const step = stepWithoutUnresolved(state, now);
  // An open gateway query is repeated, whatever else the run waits for, and before it ends.
  if (recheck && step.do === 'finish') return { do: 'wait', until: recheck.next_at };
  if (recheck && step.do === 'wait')
    return { ...step, until: Math.min(step.until ?? Infinity, recheck.next_at) };
  return step;
}

function stepWithoutUnresolved(state: RecoveryState, now: number): Step {
  if (state.cancelling && isCancelDeferred(state, now)) {
    const { processing, next_at } = state.cancelling;
    const omitsReason = state.closed || (processing && !state.review);
    const reason = { for: state.review ? ('review' as const) : ('gateway' as const) };
    return { do: 'wait', until: next_at, ...(omitsReason ? {} : reason) };
  }
  if (state.closed) return state.payment_open ? { do: 'cancel_payment' } : { do: 'finish' };
  if (state.review) return { do: 'wait', for: 'review' };
  if (state.paused) return { do: 'wait' };
  if (state.lookup_ref) {
    const next = state.processing?.next_at ?? now;
    return next > now
      ? { do: 'wait', until: next }
      : { do: 'look_up', gateway_payment_ref: state.lookup_ref };
  }
  return stepByTimers(state, now);
}

/** Paid externally with an unresolved charge: recorded first, or a success would be taken for the only one. */
function mustCloseBeforeRecording({ ending, closed, unresolved }: RecoveryState): boolean {
  return unresolved !== undefined && !closed && ending?.outcome === 'paid_elsewhere';
}

/** If a claimed charge is forbidden, one that never arrived must not be sent again either. */
function resolveCharge(state: RecoveryState, key: string): Step {
  return { do: 'find_out', key, ...(isChargeForbidden(state) ? { only_read: true } : {}) };
}

/** Whether a claimed charge must not be sent because of a message received since the claim. */
function isChargeForbidden(state: RecoveryState): boolean {
  const { ending, review, paused, suspended_until } = state;
  return ending !== undefined || review !== undefined || paused || suspended_until !== undefined;
}

/**
 * No recovery ends with an unresolved charge, except after an external payment: then the unresolved charge, if it
 * succeeded, is the second success and is refunded.
 */
function mayClose(state: RecoveryState, now: number): boolean {
  if (state.unresolved === undefined) return !isCancelDeferred(state, now);
  return state.ending?.outcome === 'paid_elsewhere';
}

/** A suspended customer is notified once reinstated, or of the recovery's end. */
function mayNotify(state: RecoveryState): boolean {
  return state.suspended_until === undefined || state.closed;
}

function close(state: RecoveryState, ending: Ending): Step {
  const notice = noticeOfEnding(state, ending);
  const keep_payment = state.unresolved !== undefined;
  return { do: 'close', ending, keep_payment, ...(notice ? { notice } : {}) };
}

function stepByTimers(state: RecoveryState, now: number): Step {
  if (isWindowOver(state, now)) {
    // The queried attempt may have paid: closing before the gateway responds would only repeat the query.
    return state.recheck ? { do: 'wait', until: state.recheck.next_at } : close(state, WINDOW_OVER);
  }
  if (isRefreshDue(state, now)) return { do: 'reread' };
  const { blocked_until, suspended_until } = state;
  if (blocked_until !== undefined && now < blocked_until) return wait(state, now, 'claim', blocked_until);
  if (suspended_until !== undefined && now < suspended_until) {
    return wait(state, now, 'customer_status', suspended_until);
  }
  const candidate = earliest(state.candidates);
  if (candidate && candidate.not_before <= now) {
    return { do: 'claim', candidate, n: attemptsOn(state, candidate.payment_method_id) + 1 };
  }
  const reminder = reminderDue(state, now);
  if (reminder && suspended_until === undefined) return { do: 'notify', notice: reminder };
  if (candidate?.blocked) return wait(state, now, 'claim');
  if (candidate?.unsent) return wait(state, now, 'gateway');
  return state.cascade_ended ? wait(state, now, waitsFor(state)) : wait(state, now);
}

type WaitStep = Extract<Step, { do: 'wait' }>;

/** Waits for the next of the recovery's timers, or until `until` if that is sooner. */
function wait(state: RecoveryState, now: number, reason?: WaitStep['for'], until = Infinity): WaitStep {
  const ahead = timersOf(state).flatMap(({ at }) => (at > now ? [at] : []));
  const next = Math.min(until, ...ahead);
  return {
    do: 'wait',
    ...(Number.isFinite(next) ? { until: next } : {}),
    ...(reason ? { for: reason } : {}),
  };
}

/** The number of the obligation's attempts on this method over all runs: the next attempt's key counts on from it. */
function attemptsOn(state: RecoveryState, paymentMethodId: string): number {
  return state.attempts.filter((attempt) => attempt.payment_method_id === paymentMethodId).length;
}

function waitsFor(state: RecoveryState): 'authentication' | 'method' {
  return state.class === 'AUTH' || state.attempts.some((attempt) => attempt.class === 'AUTH')
    ? 'authentication'
    : 'method';
}
