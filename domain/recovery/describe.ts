import { earliest } from './cascade.ts';
import { clockOf } from './clock.ts';
import { decide, timersOf } from './decide.ts';
import {
  type Open,
  type Phase,
  type RecoveryState,
  type Step,
  unresolvedCharge,
  withEffects,
} from './state.ts';
import type { RecoveryPhase, RecoveryStatus } from './status.ts';

/** The status of a recovery with a live run. @param now epoch milliseconds */
export function describe(current: RecoveryState, now: number): RecoveryStatus {
  const state = withoutBackgroundSteps(current, now);
  const step = decide(state, now);
  const next = nextOf(state, step, now);
  const { obligation, phase } = state;
  return {
    payment_id: obligation.payment_id,
    customer_id: obligation.customer_id,
    state: phaseOf(state, step),
    ...(phase.name === 'closed' ? { outcome: phase.ending.outcome } : {}),
    class: state.class,
    rule: state.review?.rule ?? state.rule,
    amount: obligation.amount,
    currency: obligation.currency,
    failed_payment_method_id: obligation.failed_payment_method_id,
    attempts: [...state.attempts, ...inFlight(state)],
    ...(next ? { next } : {}),
    ...(step.do === 'wait' && step.for ? { waiting_for: step.for } : {}),
    paused: state.paused,
    opened_at: iso(obligation.opened_at),
    closes_at: iso(state.clock.closes_at),
  };
}

/** Pending notices, reads and stored notes do not change what the recovery waits for. */
function withoutBackgroundSteps(state: RecoveryState, now: number): RecoveryState {
  const notified_at = state.cascade_ended ? now : state.notified_at;
  const read_at = Math.max(state.read_at, now);
  const idle = { ...state, read_at, notified_at, clock: clockOf(state.clock) };
  return withEffects(idle, { notices: [], fraud_reports: [] });
}

/** Steps of an attempt. */
const ATTEMPT_STEPS: ReadonlySet<Step['do']> = new Set([
  'look_up',
  'claim',
  'charge',
  'record',
  'resolve_charge',
  'refund',
]);

function phaseOf(state: RecoveryState, step: Step): RecoveryPhase {
  const { phase, review } = state;
  const unresolved = unresolvedCharge(state);
  if (phase.name === 'closed' && !unresolved) return 'done';
  if (review) return 'needs_review';
  if (unresolved) return unresolved.state;
  if (isProcessing(phase)) return 'pending';
  if (step.do === 'look_up' && state.class === 'UNKNOWN') return 'unknown';
  return ATTEMPT_STEPS.has(step.do) ? 'charging' : 'waiting';
}

function isProcessing(phase: Phase): boolean {
  const isLookedUp = phase.name !== 'closed' && phase.lookup?.processing !== undefined;
  return isLookedUp || (phase.name === 'closing' && phase.cancelling?.processing === true);
}

function nextOf(state: RecoveryState, step: Step, now: number): RecoveryStatus['next'] {
  const { phase } = state;
  const unresolved = unresolvedCharge(state);
  if (step.do !== 'wait' || (phase.name === 'closed' && !unresolved)) return undefined;
  if (unresolved?.next_at !== undefined) return poll(unresolved.next_at);
  if (phase.name !== 'open') return phase.cancelling && poll(phase.cancelling.next_at);
  if (step.for === 'review' || unresolved || state.paused) return undefined;
  if (phase.lookup?.processing) return poll(phase.lookup.processing.next_at);
  return nextTimer(state, phase, now);
}

function poll(at: number): RecoveryStatus['next'] {
  return { action: 'poll', at: iso(at) };
}

/** Refreshing is no action that callers wait for. */
function nextTimer(state: RecoveryState, open: Open, now: number): RecoveryStatus['next'] {
  const availableAt = Math.max(open.blocked_until ?? 0, state.suspended_until ?? 0, now);
  const actions = timersOf(state, open).flatMap(({ do: action, at }) => {
    if (action === 'read') return [];
    return [{ action, at: action === 'charge' ? Math.max(availableAt, at) : at }];
  });
  const [first] = actions.sort((one, other) => one.at - other.at);
  if (!first) return undefined;
  const charged = first.action === 'charge' && earliest(open.candidates)?.payment_method_id;
  return {
    action: first.action,
    ...(charged ? { payment_method_id: charged } : {}),
    at: iso(first.at),
  };
}

function inFlight({ charge }: RecoveryState): RecoveryStatus['attempts'] {
  if (charge?.state !== 'claimed') return [];
  const { n, payment_method_id, key, claimed_at } = charge;
  return [{ n, payment_method_id, key, state: 'in_flight', started_at: iso(claimed_at) }];
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
