import type { ChargeAnswer } from '../ports.ts';
import { earliest, NOTICE_DEADLINE_MS } from './cascade.ts';
import { clockToStore } from './clock.ts';
import { noticeOfEnding, WINDOW_OVER } from './ending.ts';
import {
  type Cancelling,
  type Closing,
  type Ending,
  type OpenRecovery,
  type RecoveryState,
  type Step,
  unresolvedCharge,
} from './state.ts';

const DAY_MS = 24 * 3_600_000;
/** A waiting recovery reads the graph at least this often, so that a lost signal costs a day and not the payment. */
const REFRESH_INTERVAL_MS = DAY_MS;
/** A wait that only a message ends counts as one of a day. */
const UNBOUNDED_WAIT_MS = DAY_MS;
/** Counted from the opening. */
const REMINDERS = [
  { stage: 'day3', after: 3 * DAY_MS },
  { stage: 'day7', after: 7 * DAY_MS },
] as const;

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
  const step = nextStep(state, now);
  if (state.phase.name === 'closed' || (step.do !== 'wait' && step.do !== 'notify')) return step;
  const waitsUntil = step.do === 'wait' ? (step.until ?? now + UNBOUNDED_WAIT_MS) : undefined;
  const clock = clockToStore(state.clock, waitsUntil);
  return clock ? { do: 'store_clock', clock } : step;
}

function nextStep(state: RecoveryState, now: number): Step {
  const { phase, charge, review, recheck, due } = state;
  if (charge?.answer && !mustCloseBeforeRecording(state)) {
    return { do: 'record', key: charge.key, answer: charge.answer };
  }
  if (charge?.state === 'claimed') {
    return isChargeForbidden(state)
      ? { do: 'record', key: charge.key, answer: NEVER_SENT }
      : { do: 'charge', claim: charge };
  }
  const [refund] = due.refunds;
  if (refund) return { do: 'refund', key: refund };
  const [report] = due.fraud_reports;
  if (report) return { do: 'report_fraud', report };
  if (phase.name === 'closing' && mayClose(state, phase, now)) {
    return phase.lookup ? lookUp(phase.lookup.ref) : close(state, phase.ending);
  }
  // After the closing, so that a charge that turns out to have succeeded is recognised as the second success.
  const unresolved = unresolvedCharge(state);
  if (unresolved?.next_at !== undefined && now >= unresolved.next_at) {
    // If a claimed charge is forbidden, one that never arrived must not be sent again either.
    return {
      do: 'resolve_charge',
      key: unresolved.key,
      ...(isChargeForbidden(state) && { only_read: true }),
    };
  }
  const needsReview = phase.name !== 'closed' || unresolved || phase.cancelling;
  if (review && !review.flagged && needsReview) return { do: 'flag_for_review', rule: review.rule };
  const [notice] = due.notices;
  // A suspended customer is notified once reinstated, or of the recovery's end.
  if (notice && (state.suspended_until === undefined || phase.name === 'closed'))
    return { do: 'notify', notice };
  if (unresolved) return waitUntil(unresolved.next_at, review && 'review');
  if (recheck && recheck.next_at <= now) return { do: 'resolve_charge', key: recheck.key };
  const step = stepOfPhase(state, now);
  // An open gateway query is repeated, whatever else the run waits for, and before it ends.
  if (recheck && step.do === 'finish') return { do: 'wait', until: recheck.next_at };
  if (recheck && step.do === 'wait') {
    return { ...step, until: Math.min(step.until ?? Infinity, recheck.next_at) };
  }
  return step;
}

/** The next step without a charge in progress. */
function stepOfPhase(state: RecoveryState, now: number): Step {
  const { phase, review } = state;
  switch (phase.name) {
    case 'open':
      if (review) return { do: 'wait', for: 'review' };
      if (state.paused) return { do: 'wait' };
      if (phase.lookup) {
        const { ref, processing } = phase.lookup;
        return processing && processing.next_at > now ? waitUntil(processing.next_at) : lookUp(ref);
      }
      return stepByTimers({ ...state, phase }, now);
    case 'closing': {
      // The gateway has not cancelled the payment yet, or it would be closed now.
      const reason = phase.cancelling?.processing ? undefined : 'gateway';
      return waitUntil(phase.cancelling?.next_at, review ? 'review' : reason);
    }
    case 'closed':
      if (isDeferred(phase.cancelling, now)) return waitUntil(phase.cancelling?.next_at);
      return phase.payment_open ? { do: 'cancel_payment' } : { do: 'finish' };
  }
}

function stepByTimers(state: OpenRecovery, now: number): Step {
  const { phase, recheck, suspended_until } = state;
  const timers = timersOf(state);
  const wait = (reason?: WaitStep['for'], until = Infinity) =>
    waitUntil(Math.min(until, ...timers.flatMap(({ at }) => (at > now ? [at] : []))), reason);
  if (timers.some((timer) => timer.do === 'close' && timer.at <= now)) {
    // The queried attempt may have paid: closing before the gateway responds would only repeat the query.
    return recheck ? waitUntil(recheck.next_at) : close(state, WINDOW_OVER);
  }
  if (isRefreshDue(state, timers, now)) return { do: 'refresh' };
  if (phase.blocked_until !== undefined && now < phase.blocked_until)
    return wait('claim', phase.blocked_until);
  if (suspended_until !== undefined && now < suspended_until) return wait('customer_status', suspended_until);
  const candidate = earliest(phase.candidates);
  if (candidate && candidate.not_before <= now) {
    return { do: 'claim', candidate, n: attemptsOn(state, candidate.payment_method_id) + 1 };
  }
  // Of several missed reminders, only the last.
  const reminder = remindersLeft(state).findLast(({ at }) => at <= now);
  if (reminder && suspended_until === undefined) {
    return { do: 'notify', notice: { template: 'reminder', stage: reminder.stage } };
  }
  if (candidate?.blocked) return wait('claim');
  if (candidate?.unsent) return wait('gateway');
  return wait(state.cascade_ended ? missingFor(state) : undefined);
}

/** Paid externally with an unresolved charge: recorded first, or a success would be taken for the only one. */
function mustCloseBeforeRecording(state: RecoveryState): boolean {
  const { phase } = state;
  const isPaid = phase.name === 'closing' && phase.ending.outcome === 'paid_elsewhere';
  return isPaid && unresolvedCharge(state) !== undefined;
}

/** Whether a claimed charge must not be sent because of a message received since the claim. */
function isChargeForbidden({ phase, review, paused, suspended_until }: RecoveryState): boolean {
  return phase.name !== 'open' || review !== undefined || paused || suspended_until !== undefined;
}

/**
 * No recovery ends with an unresolved charge, except after an external payment: then the unresolved charge, if it
 * succeeded, is the second success and is refunded.
 */
function mayClose(state: RecoveryState, { ending, cancelling }: Closing, now: number): boolean {
  return unresolvedCharge(state) ? ending.outcome === 'paid_elsewhere' : !isDeferred(cancelling, now);
}

function isDeferred(cancelling: Cancelling | undefined, now: number): boolean {
  return cancelling !== undefined && cancelling.next_at > now;
}

function close(state: RecoveryState, ending: Ending): Step {
  const notice = noticeOfEnding(state, ending);
  const keep_payment = unresolvedCharge(state) !== undefined;
  return { do: 'close', ending, keep_payment, ...(notice ? { notice } : {}) };
}

function lookUp(gateway_payment_ref: string): Step {
  return { do: 'look_up', gateway_payment_ref };
}

type WaitStep = Extract<Step, { do: 'wait' }>;

/** @param until epoch milliseconds; `undefined` or infinite: until a message arrives */
function waitUntil(until = Infinity, reason?: WaitStep['for']): WaitStep {
  return { do: 'wait', ...(until < Infinity ? { until } : {}), ...(reason ? { for: reason } : {}) };
}

/** The number of the obligation's attempts on this method over all runs: the next attempt's key counts on from it. */
function attemptsOn({ attempts }: RecoveryState, paymentMethodId: string): number {
  return attempts.filter((attempt) => attempt.payment_method_id === paymentMethodId).length;
}

function missingFor(state: RecoveryState): 'authentication' | 'method' {
  return state.class === 'AUTH' || state.attempts.some((attempt) => attempt.class === 'AUTH')
    ? 'authentication'
    : 'method';
}

/**
 * The independent timers of a waiting recovery: when it charges again, when it sends a reminder, when it reads the graph
 * again, and when it closes (docs/reference/workflows.md, 'Waiting').
 */
interface Timer {
  do: 'charge' | 'remind' | 'read' | 'close';
  /** Epoch milliseconds. */
  at: number;
}

/**
 * The recovery's own timers. The window ends a recovery only after its cascade; while the clock is stopped, it has no end
 * yet.
 */
export function timersOf(state: OpenRecovery): Timer[] {
  const { clock, cascade_ended, obligation } = state;
  const candidate = earliest(state.phase.candidates);
  const reminder = remindersLeft(state)[0];
  const hasEnd = clock.stopped_at === undefined && (cascade_ended || state.suspended_until !== undefined);
  const readAt = cascade_ended
    ? state.read_at + REFRESH_INTERVAL_MS
    : obligation.opened_at + NOTICE_DEADLINE_MS;
  return [
    ...(candidate ? [{ do: 'charge' as const, at: candidate.not_before }] : []),
    ...(reminder ? [{ do: 'remind' as const, at: reminder.at }] : []),
    { do: 'read', at: readAt },
    ...(hasEnd ? [{ do: 'close' as const, at: clock.closes_at }] : []),
  ];
}

/** Whether a timer has elapsed since the graph was last read, so that it is read again before charging or notifying. */
function isRefreshDue(state: OpenRecovery, timers: readonly Timer[], now: number): boolean {
  return timers.some((timer) => {
    if (timer.do === 'close' || timer.at > now || timer.at <= state.read_at) return false;
    // Within the cascade, and when blocked by another obligation, the claim reads what it needs.
    return timer.do !== 'charge' || (state.cascade_ended && !earliest(state.phase.candidates)?.blocked);
  });
}

/** A reminder due before the customer's last notice is no longer needed. */
function remindersLeft({ cascade_ended, notified_at, obligation }: RecoveryState) {
  if (!cascade_ended || notified_at === undefined) return [];
  return REMINDERS.map(({ stage, after }) => ({ stage, at: obligation.opened_at + after })).filter(
    ({ at }) => at > notified_at,
  );
}
