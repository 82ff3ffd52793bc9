/** When the first cascade has ended, and what the customer hears of it. */

import type { PaymentNoticeTemplate } from '../ports.ts';
import type { RecoveryState } from './state.ts';

/** What a customer is told of a failure that is not made good yet: one of these, once since an opening. */
export const FAILURE_NOTICES: readonly PaymentNoticeTemplate[] = [
  'payment_declined_update_card',
  'authenticate',
  'no_alternative',
  'all_declined',
];

/** The first cascade has ended when nothing but later retries is left; only then may the customer hear that it failed. */
export function endCascadeIfDone(state: RecoveryState): RecoveryState {
  const inProgress = state.candidates.some(({ reason }) => reason !== 'retry');
  return inProgress ? state : endCascade(state);
}

/** The customer is written to, unless a charge is under way or something else has the word. */
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
