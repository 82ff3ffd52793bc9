import { clockOf } from './clock.ts';
import { decide } from './decide.ts';
import type { RecoveryState, Step } from './state.ts';
import type { RecoveryPhase, RecoveryStatus } from './status.ts';
import { earliest, timersOf } from './timers.ts';

/** The status of a recovery with a live run. @param now epoch milliseconds */
export function describe(current: RecoveryState, now: number): RecoveryStatus {
  const state = withoutBackgroundSteps(current, now);
  const step = decide(state, now);
  const next = nextOf(state, step, now);
  return {
    payment_id: state.payment_id,
    customer_id: state.customer_id,
    state: phaseOf(state, step),
    ...(state.closed && state.ending ? { outcome: state.ending.outcome } : {}),
    class: state.class,
    rule: state.review?.rule ?? state.rule,
    amount: state.amount,
    currency: state.currency,
    failed_payment_method_id: state.failed_payment_method_id,
    attempts: [...state.attempts, ...inFlight(state)],
    ...(next ? { next } : {}),
    ...(step.do === 'wait' && step.for ? { waiting_for: step.for } : {}),
    paused: state.paused,
    opened_at: new Date(state.opened_at).toISOString(),
    closes_at: new Date(state.closes_at).toISOString(),
  };
}

/** Pending notices, reads and stored notes do not change what the recovery waits for. */
function withoutBackgroundSteps(state: RecoveryState, now: number): RecoveryState {
  const notified_at = state.cascade_ended ? now : state.notified_at;
  const read_at = Math.max(state.read_at, now);
  return { ...state, notices: [], fraud_reports: [], read_at, notified_at, stored_clock: clockOf(state) };
}

/** Steps of an attempt. */
const ATTEMPT_STEPS: ReadonlySet<Step['do']> = new Set([
  'look_up',
  'claim',
  'charge',
  'record',
  'find_out',
  'refund',
]);

function phaseOf(state: RecoveryState, step: Step): RecoveryPhase {
  if (state.closed && !state.unresolved) return 'done';
  if (state.review) return 'needs_review';
  if (state.unresolved) return state.unresolved.state;
  if (state.processing || state.cancelling?.processing) return 'pending';
  if (step.do === 'look_up' && state.class === 'UNKNOWN') return 'unknown';
  return ATTEMPT_STEPS.has(step.do) ? 'charging' : 'waiting';
}

function nextOf(state: RecoveryState, step: Step, now: number): RecoveryStatus['next'] {
  if (step.do !== 'wait' || (state.closed && !state.unresolved)) return undefined;
  if (state.unresolved?.next_at !== undefined) return { action: 'poll', at: iso(state.unresolved.next_at) };
  if (state.cancelling) return { action: 'poll', at: iso(state.cancelling.next_at) };
  if (step.for === 'review' || state.unresolved || state.paused) return undefined;
  if (state.processing) return { action: 'poll', at: iso(state.processing.next_at) };
  // Rereading the graph is no action that callers wait for.
  const timers = timersOf(state).filter(({ do: action }) => action !== 'read');
  const availableAt = Math.max(state.blocked_until ?? 0, state.suspended_until ?? 0, now);
  const actions = timers.map((timer) =>
    timer.do === 'charge' ? { ...timer, at: Math.max(availableAt, timer.at) } : timer,
  );
  const [first] = actions.sort((one, other) => one.at - other.at);
  if (!first) return undefined;
  const charged = first.do === 'charge' ? earliest(state.candidates)?.payment_method_id : undefined;
  return {
    action: first.do as 'charge' | 'remind' | 'close',
    ...(charged ? { payment_method_id: charged } : {}),
    at: iso(first.at),
  };
}

function inFlight(state: RecoveryState): RecoveryStatus['attempts'] {
  const { claim } = state;
  if (!claim) return [];
  const { n, payment_method_id, key } = claim;
  return [{ n, payment_method_id, key, state: 'in_flight', started_at: iso(claim.claimed_at) }];
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
