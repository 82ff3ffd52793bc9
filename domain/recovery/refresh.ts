/** Updates a waiting recovery with changes in the graph that no signal reported. */

import { prependCandidates } from './candidates.ts';
import type { RecoveryRefresh } from './claims.ts';
import { afterClosing, endRecovery } from './closing.ts';
import { endCascade } from './cascade.ts';
import { strategyOf } from './strategy.ts';
import { resumeClock } from './unresolved.ts';
import type { Candidate, RecoveryState } from './state.ts';
import { NOTICE_DEADLINE_MS } from './timers.ts';

/** How often a waiting recovery checks whether a suspended customer may be charged again. */
const SUSPENDED_RETRY_MS = 24 * 3_600_000;

/** @param at epoch milliseconds */
export function afterRefresh(state: RecoveryState, found: RecoveryRefresh, at: number): RecoveryState {
  if (found.closed) return { ...afterClosing(state, found.closed, false), notices: [] };
  const read = afterCustomerStatus({ ...state, read_at: at }, found.customer_status, at);
  if (read.ending) return read;
  const next = { ...read, candidates: prependCandidates(freshMethods(read, found.methods), read.candidates) };
  return at >= next.opened_at + NOTICE_DEADLINE_MS ? endCascade(next) : next;
}

/**
 * A suspended customer is neither charged nor notified until they are reinstated or the window ends; for an erased
 * customer nothing can be recovered.
 */
export function afterCustomerStatus(state: RecoveryState, status: string, at: number): RecoveryState {
  if (state.closed || state.ending) return state;
  if (status === 'active') return { ...state, suspended_until: undefined };
  if (status === 'erased') return endRecovery(state, { outcome: 'cancelled', rule: 'customer_erased' });
  const suspended = { ...state, suspended_until: at + SUSPENDED_RETRY_MS };
  // A block no longer matters: nothing is claimed now, and the window runs to its end.
  return state.review || state.unresolved
    ? suspended
    : { ...resumeClock(suspended, at), blocked_until: undefined };
}

/** Methods that were added, corrected or allowed again since their last attempt. */
function freshMethods(state: RecoveryState, methods: RecoveryRefresh['methods']): Candidate[] {
  return methods
    .filter(({ payment_method_id, changed_at }) => changed_at > lastTriedAt(state, payment_method_id))
    .map(({ payment_method_id }) => ({ payment_method_id, not_before: 0, reason: 'added' }));
}

/** Epoch milliseconds; a method that the cascade skips counts as attempted at the opening. */
function lastTriedAt(state: RecoveryState, paymentMethodId: string): number {
  const tried = state.attempts
    .filter((attempt) => attempt.payment_method_id === paymentMethodId)
    .map((attempt) => Date.parse(attempt.resolved_at ?? attempt.started_at))
    .filter((at) => at >= state.opened_at);
  const passedOver =
    paymentMethodId === state.failed_payment_method_id ||
    strategyOf(state.class, state.policy.cascadeOnHard) === 'wait_for_method';
  return Math.max(...tried, passedOver ? state.opened_at : 0);
}
