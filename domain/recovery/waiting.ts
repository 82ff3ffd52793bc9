/** What changes a recovery between its charges: lookups, new methods, the customer's status, an operator's request. */

import { endCascade, NOTICE_DEADLINE_MS, reclassifyUnpaid, strategyOf, withFirst } from './cascade.ts';
import type { RecoveryRefresh } from './claims.ts';
import { resumeClock, stopClock } from './clock.ts';
import { closedByOtherRun, endRecovery, PAID_AT_GATEWAY, withEnding } from './ending.ts';
import {
  type Candidate,
  type Fact,
  isOpen,
  type OpenRecovery,
  type RecoveryState,
  unresolvedCharge,
} from './state.ts';
import { type AttemptStatus, PAYMENT_NOT_OURS } from './status.ts';
import { recheckNow, reviewReversal } from './unresolved.ts';

/** How often a waiting recovery checks whether a suspended or hidden customer may be charged again. */
const SUSPENDED_RETRY_MS = 24 * 3_600_000;
/** The number of latest events kept for deduplication. */
const MAX_HANDLED_EVENTS = 100;

/** The payment that the report names was read. */
export function afterLookUp(
  state: RecoveryState,
  payment: Extract<Fact, { fact: 'looked_up' }>['payment'],
  at: number,
): RecoveryState {
  const { phase } = state;
  if (phase.name === 'closed' || !phase.lookup) return state;
  if (payment === 'processing' && phase.name === 'open')
    return stillProcessing({ ...state, phase }, phase.lookup.ref, at);
  const read: RecoveryState = {
    ...state,
    phase: { ...phase, lookup: undefined },
    clock: phase.lookup.processing ? resumeClock(state.clock, at) : state.clock,
  };
  switch (payment) {
    case 'adopted':
    case 'cancelled':
      return reclassifyUnpaid(read);
    case 'processing':
      return read;
    case 'succeeded': {
      // The customer has completed an attempt of Persona's; the gateway is queried for the attempt that succeeded.
      const ownAttempt = phase.name === 'open' ? authenticatingAttempt(state) : undefined;
      return ownAttempt
        ? { ...read, recheck: recheckNow(ownAttempt.key) }
        : { ...read, phase: withEnding(read.phase, PAID_AT_GATEWAY) };
    }
    case 'reversed':
      return reviewReversal(read);
    case 'not_ours':
      return phase.name === 'open' ? { ...read, review: { rule: PAYMENT_NOT_OURS, flagged: false } } : read;
  }
}

/** An external bank debit takes days: nothing is charged meanwhile, and the recovery does not end. */
function stillProcessing({ phase, ...state }: OpenRecovery, ref: string, at: number): RecoveryState {
  const tries = phase.lookup?.processing?.tries ?? 0;
  const wait = state.obligation.policy.pending[tries];
  const clock = stopClock(state.clock, at);
  if (wait === undefined) {
    const review = { rule: 'gateway_payment_processing', flagged: false };
    return { ...state, phase: { ...phase, lookup: undefined }, clock, review };
  }
  const processing = { tries: tries + 1, next_at: at + wait };
  return { ...state, phase: { ...phase, lookup: { ref, processing } }, clock };
}

/** The attempt since the opening that requires authentication. */
function authenticatingAttempt({ attempts, obligation }: RecoveryState): AttemptStatus | undefined {
  return attempts.findLast(
    (attempt) => attempt.class === 'AUTH' && Date.parse(attempt.started_at) >= obligation.opened_at,
  );
}

/** The customer has authenticated at the gateway; the payment's state there decides. */
export function afterAuthentication(
  state: OpenRecovery,
  { payment, gateway_ref, at }: Extract<Fact, { fact: 'authenticated' }>,
): RecoveryState {
  const { phase, attempts } = state;
  if (unresolvedCharge(state)) return state;
  const asked = attempts.findLast((attempt) => attempt.class === 'AUTH') ?? attempts.at(-1);
  switch (payment) {
    case 'succeeded':
      return asked
        ? { ...state, recheck: recheckNow(asked.key) }
        : { ...state, phase: withEnding(phase, PAID_AT_GATEWAY) };
    case 'reversed':
      return reviewReversal(state);
    case 'confirmable': {
      const payment_method_id = asked?.payment_method_id ?? state.obligation.failed_payment_method_id;
      return {
        ...state,
        phase: { ...phase, candidates: withFirst(phase, [payment_method_id], 'authenticated') },
      };
    }
    case 'processing':
      // Nothing else is charged until its outcome is known.
      return gateway_ref === undefined ? state : stillProcessing(state, gateway_ref, at);
    default:
      return state;
  }
}

export function addMethod(
  state: OpenRecovery,
  paymentMethodId: string,
  eventId: string | undefined,
): RecoveryState {
  const { phase, handled_event_ids: handled } = state;
  if (eventId !== undefined && handled.includes(eventId)) return state;
  return {
    ...state,
    phase: { ...phase, candidates: withFirst(phase, [paymentMethodId], 'added') },
    handled_event_ids: eventId === undefined ? handled : [...handled, eventId].slice(-MAX_HANDLED_EVENTS),
  };
}

/** Updates a waiting recovery with changes in the graph that no signal reported. @param at epoch milliseconds */
export function afterRefresh(state: OpenRecovery, found: RecoveryRefresh, at: number): RecoveryState {
  if (found.closed) return closedByOtherRun(state, found.closed);
  const read = afterCustomerStatus({ ...state, read_at: at }, found.customer_status, at);
  if (!isOpen(read)) return read;
  const { phase, obligation } = read;
  const fresh = found.methods.filter(
    ({ payment_method_id, changed_at }) => changed_at > lastTriedAt(read, payment_method_id),
  );
  const ids = fresh.map(({ payment_method_id }) => payment_method_id);
  const next = { ...read, phase: { ...phase, candidates: withFirst(phase, ids, 'added') } };
  return at >= obligation.opened_at + NOTICE_DEADLINE_MS ? endCascade(next) : next;
}

/** Epoch milliseconds; a method that the cascade skips counts as attempted at the opening. */
function lastTriedAt(state: RecoveryState, paymentMethodId: string): number {
  const { opened_at, failed_payment_method_id, policy } = state.obligation;
  const tried = state.attempts
    .filter((attempt) => attempt.payment_method_id === paymentMethodId)
    .map((attempt) => Date.parse(attempt.resolved_at ?? attempt.started_at))
    .filter((at) => at >= opened_at);
  const skipped =
    paymentMethodId === failed_payment_method_id ||
    strategyOf(state.class, policy.cascadeOnHard) === 'wait_for_method';
  return Math.max(...tried, skipped ? opened_at : 0);
}

/**
 * A suspended customer is neither charged nor notified until they are reinstated or the window ends. Neither is one who is
 * being erased, which may be taken back: otherwise the erasure cancels the recovery. For an erased customer nothing can be
 * recovered.
 */
export function afterCustomerStatus(state: OpenRecovery, status: string, at: number): RecoveryState {
  const { phase, clock } = state;
  if (status === 'active') return { ...state, suspended_until: undefined };
  if (status === 'erased') return endRecovery(state, { outcome: 'cancelled', rule: 'customer_erased' });
  const suspended = { ...state, suspended_until: at + SUSPENDED_RETRY_MS };
  if (state.review || unresolvedCharge(state)) return suspended;
  // A block no longer matters: nothing is claimed now, and the window runs to its end.
  return { ...suspended, clock: resumeClock(clock, at), phase: { ...phase, blocked_until: undefined } };
}

/** Another obligation's unresolved charge is resolved. */
export function afterClaimFreed(state: OpenRecovery): RecoveryState {
  const { phase } = state;
  const candidates = phase.candidates.map((one) => (one.blocked ? chargeNow(one) : one));
  return { ...state, phase: { ...phase, blocked_until: undefined, candidates } };
}

/** An operator requests a retry now: Persona's delays are skipped, but ceilings, consent and the claim still apply. */
export function retryNow(state: OpenRecovery, alternatives: string[], at: number): RecoveryState {
  const { phase } = state;
  if (unresolvedCharge(state)) return state;
  const listed = new Set(phase.candidates.map((candidate) => candidate.payment_method_id));
  const more: Candidate[] = alternatives
    .filter((id) => !listed.has(id))
    .map((id) => ({ payment_method_id: id, not_before: 0, reason: 'alternative' }));
  const candidates = [...retryOfFailedMethod(state, listed), ...phase.candidates.map(chargeNow), ...more];
  return {
    ...state,
    phase: { name: 'open', candidates, lookup: phase.lookup && { ref: phase.lookup.ref } },
    review: undefined,
    suspended_until: undefined,
    clock: resumeClock(state.clock, at),
  };
}

/** After a configuration, technical or temporary failure the failed method itself is retried, too. */
function retryOfFailedMethod(state: RecoveryState, listed: ReadonlySet<string>): Candidate[] {
  const { failed_payment_method_id: payment_method_id } = state.obligation;
  const mayWork = state.class === 'CONFIG' || state.class === 'TECH' || state.class === 'LATER';
  return mayWork && !listed.has(payment_method_id)
    ? [{ payment_method_id, not_before: 0, reason: 'same_method' }]
    : [];
}

function chargeNow({ blocked: _, ...candidate }: Candidate): Candidate {
  return { ...candidate, not_before: 0 };
}
