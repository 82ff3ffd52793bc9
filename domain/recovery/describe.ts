import { earliest } from './cascade.ts';
import { clockOf } from './clock.ts';
import { decide, timersOf } from './decide.ts';
import { type OpenRecovery, type Phase, type RecoveryState, type Step, unresolvedCharge } from './state.ts';
import type { PublicState, RecoveryStatus } from './status.ts';

/** The status of a recovery with a live run. @param now epoch milliseconds */
export function describe(current: RecoveryState, now: number): RecoveryStatus {
  const state = withoutBackgroundSteps(current, now);
  const step = decide(state, now);
  const next = nextOf(state, step, now);
  const { policy: _, ...obligation } = state.obligation;
  return {
    ...obligation,
    state: publicStateOf(state, step),
    ...(state.phase.name === 'closed' ? { outcome: state.phase.ending.outcome } : {}),
    class: state.class,
    rule: state.review?.rule ?? state.rule,
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
  return {
    ...state,
    read_at: Math.max(state.read_at, now),
    notified_at: state.cascade_ended ? now : state.notified_at,
    clock: clockOf(state.clock),
    due: { ...state.due, notices: [], fraud_reports: [] },
  };
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

function publicStateOf(state: RecoveryState, step: Step): PublicState {
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
  return nextTimer({ ...state, phase }, now);
}

function poll(at: number): RecoveryStatus['next'] {
  return { action: 'poll', at: iso(at) };
}

function nextTimer(state: OpenRecovery, now: number): RecoveryStatus['next'] {
  const { phase, suspended_until = 0 } = state;
  const availableAt = Math.max(phase.blocked_until ?? 0, suspended_until, now);
  const actions = timersOf(state).flatMap(({ do: action, at }) => {
    // Refreshing is no action that callers wait for.
    if (action === 'read') return [];
    return [{ action, at: action === 'charge' ? Math.max(availableAt, at) : at }];
  });
  const [first] = actions.sort((one, other) => one.at - other.at);
  if (!first) return undefined;
  const charged = first.action === 'charge' && earliest(phase.candidates)?.payment_method_id;
  return { ...first, ...(charged ? { payment_method_id: charged } : {}), at: iso(first.at) };
}

function inFlight({ charge }: RecoveryState): RecoveryStatus['attempts'] {
  if (charge?.state !== 'claimed') return [];
  const { n, payment_method_id, key, claimed_at } = charge;
  return [{ n, payment_method_id, key, state: 'in_flight', started_at: iso(claimed_at) }];
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
