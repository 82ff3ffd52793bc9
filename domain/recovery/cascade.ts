/** The end of the first cascade, and the notice about it. */

import type { PaymentNoticeTemplate } from '../ports.ts';
import type { RecoveryState } from './state.ts';

/** The notices about an unrecovered failure: one of these, once per opening. */
export const FAILURE_NOTICES: readonly PaymentNoticeTemplate[] = [
  'payment_declined_update_card',
  'authenticate',
  'no_alternative',
  'all_declined',
];

/** The first cascade ends when only later retries are left; only then may the customer be notified that it failed. */
export function endCascadeIfDone(state: RecoveryState): RecoveryState {
  const inProgress = state.candidates.some(({ reason }) => reason !== 'retry');
  return inProgress ? state : endCascade(state);
}

/** Notifies the customer, unless a charge is in progress or another rule takes precedence. */
export function endCascade(state: RecoveryState): RecoveryState {
  const inProgress =
    state.claim ||
    state.to_record ||
    state.unresolved ||
    state.lookup_ref ||
    state.review ||
    state.ending ||
    state.closed;
  if (inProgress || state.cascade_ended) return state;
  const notice = { template: noticeOfFailedCascade(state), stage: '1' };
  return { ...state, cascade_ended: true, notices: [...state.notices, notice] };
}

function noticeOfFailedCascade(state: RecoveryState): PaymentNoticeTemplate {
  const declined = state.attempts.filter((attempt) => attempt.state === 'declined');
  const authenticate = state.class === 'AUTH' || declined.some((attempt) => attempt.class === 'AUTH');
  if (authenticate) return 'authenticate';
  return declined.length === 0 ? 'no_alternative' : 'all_declined';
}
