import type { ChargeAnswer } from '../ports.ts';
import { isCancelDeferred } from './cancelling.ts';
import { clockToStore } from './clock.ts';
import { noticeOfEnding, WINDOW_OVER } from './closing.ts';
import type { Ending, RecoveryState, Step } from './state.ts';
import { earliest, isRefreshDue, isWindowOver, reminderDue, timersOf } from './timers.ts';

/** How long a blocked claim waits before it asks again, if no `claimFreed` comes (specification: workflows 2, step 3). */
export const BLOCKED_RETRY_MS = 10 * 60_000;

const NEVER_SENT: ChargeAnswer = {
  result: 'not_sent',
  reason: 'the recovery was stopped before the charge was sent',
};

/**
 * The next step of a recovery. Pure: the same state at the same time always asks for the same step.
 *
 * The order of the rules is the meaning: what has been claimed is settled first, what ends the recovery outranks
 * what would charge again, and customers are written to only after the obligation's state is in the graph.
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
    // The payment that the report names becomes the obligation's own first, so that closing cancels it.
    if (state.lookup_ref) return { do: 'look_up', gateway_payment_ref: state.lookup_ref };
    return close(state, state.ending);
  }
  // After the closing: a charge that turns out to have succeeded is then seen to be the second one.
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
  // What the gateway could not tell is asked again, whatever else is waited for, and before the run ends.
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

/** Others were paid while the charge was in doubt: that is written down first, or a success would pass for the only one. */
function mustCloseBeforeRecording({ ending, closed, unresolved }: RecoveryState): boolean {
  return unresolved !== undefined && !closed && ending?.outcome === 'paid_elsewhere';
}

/** What forbids a claimed charge also forbids to send one again that never arrived. */
function resolveCharge(state: RecoveryState, key: string): Step {
  return { do: 'find_out', key, ...(isChargeForbidden(state) ? { only_read: true } : {}) };
}

/** Claimed, and not to be charged any more: what was heard in between forbids it. */
function isChargeForbidden(state: RecoveryState): boolean {
  const { ending, review, paused, suspended_until } = state;
  return ending !== undefined || review !== undefined || paused || suspended_until !== undefined;
}

/**
 * Nothing ends a recovery while a charge is in doubt, except that somebody else was paid: then the doubtful charge, if
 * it succeeded, is the second one and goes back.
 */
function mayClose(state: RecoveryState, now: number): boolean {
  if (state.unresolved === undefined) return !isCancelDeferred(state, now);
  return state.ending?.outcome === 'paid_elsewhere';
}

/** A suspended customer hears of the recovery when they are reinstated, or of its end. */
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
    // What is asked about may have paid: closing before the gateway answers would only raise the question again.
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

/** Until the next of the recovery's own timers, or `until` if that is sooner. */
function wait(state: RecoveryState, now: number, reason?: WaitStep['for'], until = Infinity): WaitStep {
  const ahead = timersOf(state).flatMap(({ at }) => (at > now ? [at] : []));
  const next = Math.min(until, ...ahead);
  return {
    do: 'wait',
    ...(Number.isFinite(next) ? { until: next } : {}),
    ...(reason ? { for: reason } : {}),
  };
}

/** How many attempts on this method the obligation has seen, over all runs: they number the next one's key. */
function attemptsOn(state: RecoveryState, paymentMethodId: string): number {
  return state.attempts.filter((attempt) => attempt.payment_method_id === paymentMethodId).length;
}

function waitsFor(state: RecoveryState): 'authentication' | 'method' {
  return state.class === 'AUTH' || state.attempts.some((attempt) => attempt.class === 'AUTH')
    ? 'authentication'
    : 'method';
}
