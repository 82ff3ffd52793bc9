/** How a decline class directs a recovery (docs/reference/decline-codes.md, 'Classes'; docs/reference/workflows.md, 'First decision'). */

import type { DeclineClass } from '../decline/classify.ts';
import type { RecoverySnapshot } from './claims.ts';
import { reviewOfUnresolved } from './closing.ts';
import type { Candidate, RecoveryState } from './state.ts';
import type { AttemptStatus } from './status.ts';

/** Rule: consent was revoked, as reported with another payment on the same method. */
export const CONSENT_REVOKED = 'consent_revoked';
/** Rule of a refused claim: the issuer reports fraud on a method of this recovery. */
export const FRAUD_KNOWN = 'fraud_known';
/** `TECH`: the failed method is retried once after this delay, before the cascade. */
export const TECH_RETRY_MS = 60_000;

/** The class of an unknown outcome that turns out to be unpaid: like a temporary decline. */
export const UNPAID_CLASS: DeclineClass = 'LATER';

export function reclassifyUnpaid(state: RecoveryState): RecoveryState {
  return state.class === 'UNKNOWN' ? { ...state, class: UNPAID_CLASS } : state;
}

type RecoveryStrategy = 'cascade' | 'cascade_after_retry' | 'wait_for_method' | 'stop' | 'review';

export function strategyOf(declineClass: DeclineClass, cascadeOnHard: boolean): RecoveryStrategy {
  switch (declineClass) {
    case 'FRAUD':
    case 'STOP':
      return 'stop';
    case 'HARD':
      return cascadeOnHard ? 'cascade' : 'wait_for_method';
    case 'CONFIG':
    case 'UNKNOWN':
      return 'review';
    case 'TECH':
      return 'cascade_after_retry';
    case 'FIX':
    case 'AUTH':
    case 'LATER':
      return 'cascade';
  }
}

/** Classes after which nothing is charged on any method. */
export function isStop(declineClass: DeclineClass): boolean {
  return declineClass === 'STOP' || declineClass === 'FRAUD';
}

/** FRAUD and STOP: no method is charged any more. */
export function stop(state: RecoveryState, declineClass: DeclineClass, rule: string): RecoveryState {
  return {
    ...state,
    class: declineClass,
    candidates: [],
    review: reviewOfUnresolved(state),
    notices: [],
    ending: { outcome: 'stopped', rule: declineClass === 'FRAUD' ? 'fraud' : rule },
  };
}

export function alternativesOf(recovery: RecoverySnapshot): Candidate[] {
  return recovery.alternatives
    .filter((id) => !wasTried(recovery, id))
    .map((id) => ({ payment_method_id: id, not_before: 0, reason: 'alternative' }));
}

/** Whether it was attempted since this opening; an attempt that was never sent does not count. */
export function wasTried(recovery: RecoverySnapshot, paymentMethodId: string): boolean {
  return recovery.attempts.some(
    (attempt) =>
      attempt.payment_method_id === paymentMethodId &&
      attempt.state !== 'void' &&
      Date.parse(attempt.started_at) >= recovery.opened_at,
  );
}

/** The reports to Chimera about a reported failure. */
export function fraudReportsOf({ failure }: RecoverySnapshot): RecoveryState['fraud_reports'] {
  if (!failure.notify_chimera) return [];
  return [
    {
      event_id: failure.event_id,
      payment_method_id: failure.payment_method_id,
      ...(failure.code ? { code: failure.code } : {}),
      occurred_at: failure.occurred_at,
    },
  ];
}

/** Whether the attempt's outcome is not known yet. */
export function isUnresolved(attempt: AttemptStatus): boolean {
  return attempt.state === 'in_flight' || attempt.state === 'unknown' || attempt.state === 'pending';
}
