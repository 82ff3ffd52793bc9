/** Which methods a recovery charges, when, and when its first cascade is over (docs/reference/decline-codes.md, 'Classes'). */

import type { DeclineClass } from '../decline/classify.ts';
import type { PaymentNoticeTemplate } from '../ports.ts';
import type { RecoverySnapshot } from './claims.ts';
import { type Candidate, type DueWork, isOpen, type Open, type RecoveryState, withDue } from './state.ts';
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
export function fraudReportsOf({ failure }: RecoverySnapshot): DueWork['fraud_reports'] {
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

/** The candidates with these methods first; each replaces the candidate planned for its method. */
export function withFirst(
  { candidates }: Open,
  methods: readonly string[],
  reason: Candidate['reason'],
): Candidate[] {
  const first = methods.map((payment_method_id) => ({ payment_method_id, not_before: 0, reason }));
  return [...first, ...candidates.filter((one) => !methods.includes(one.payment_method_id))];
}

/** The first candidate in order among the earliest ones. */
export function earliest(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>(
    (best, candidate) => (best === undefined || candidate.not_before < best.not_before ? candidate : best),
    undefined,
  );
}

/** How far the clock that stamps attempts may lag behind the one that runs the schedules. */
const CLOCK_SKEW_MS = 60_000;

/**
 * A declined method's retry in the schedule's next slot, counted from its first decline in this recovery; none for a class
 * that is not retried, or after the last slot. Times in epoch milliseconds.
 *
 * @param at when it last declined
 * @param advice the issuer's, which delays the schedule and never shortens it
 */
export function retryOf(
  recovery: Pick<RecoverySnapshot, 'attempts' | 'opened_at' | 'failed_payment_method_id' | 'policy'>,
  decline: Pick<AttemptStatus, 'payment_method_id' | 'class' | 'started_at' | 'resolved_at'>,
  at: number,
  advice = 0,
): Candidate[] {
  const { payment_method_id, class: declineClass = 'LATER' } = decline;
  if (declineClass !== 'LATER' && declineClass !== 'TECH') return [];
  const first = declinedSince(recovery).find((one) => one.payment_method_id === payment_method_id);
  // The failed method's first decline is the reported one.
  const isFailedMethod = payment_method_id === recovery.failed_payment_method_id;
  const first_at = isFailedMethod ? recovery.opened_at : declinedAt(first ?? decline);
  const slots = recovery.policy.retry[declineClass].map((wait) => first_at + wait);
  const slot = slots.find((one) => one > at);
  if (slot === undefined) return [];
  return [{ payment_method_id, not_before: Math.max(slot, advice), reason: 'retry' }];
}

/** The remaining retries at the start of a run: of the failed method, and of those that declined since. */
export function retriesOf(recovery: RecoverySnapshot): Candidate[] {
  const { failed_payment_method_id: payment_method_id, failure, opened_at } = recovery;
  const declined = new Map(declinedSince(recovery).map((one) => [one.payment_method_id, one]));
  const reported = { payment_method_id, class: failure.class, started_at: failure.occurred_at };
  return [
    ...(declined.has(payment_method_id) ? [] : retryOf(recovery, reported, opened_at, failure.not_before)),
    ...[...declined.values()].flatMap((one) => retryOf(recovery, one, declinedAt(one) + CLOCK_SKEW_MS)),
  ];
}

function declinedSince({ attempts, opened_at }: Pick<RecoverySnapshot, 'attempts' | 'opened_at'>) {
  return attempts.filter((one) => one.state === 'declined' && Date.parse(one.started_at) >= opened_at);
}

function declinedAt({ resolved_at, started_at }: Pick<AttemptStatus, 'resolved_at' | 'started_at'>): number {
  return Date.parse(resolved_at ?? started_at);
}

/** The notices about an unrecovered failure: one of these, once per opening. */
export const FAILURE_NOTICES: readonly PaymentNoticeTemplate[] = [
  'payment_declined_update_card',
  'authenticate',
  'no_alternative',
  'all_declined',
];

/** The longest time without a notice to the customer because the first cascade is still running. */
export const NOTICE_DEADLINE_MS = 86_400_000;

/** The first cascade ends when only later retries are left; only then may the customer be notified that it failed. */
export function endCascadeIfDone(state: RecoveryState): RecoveryState {
  const inProgress = !isOpen(state) || state.phase.candidates.some(({ reason }) => reason !== 'retry');
  // The attempt that is being read again may have paid the obligation.
  return inProgress || state.recheck ? state : endCascade(state);
}

/** Notifies the customer, unless a charge is in progress or another rule takes precedence. */
export function endCascade(state: RecoveryState): RecoveryState {
  const { charge, review, due } = state;
  if (state.cascade_ended || !isOpen(state) || state.phase.lookup || charge || review) return state;
  const notice = { template: noticeOfFailedCascade(state), stage: '1' };
  return withDue({ ...state, cascade_ended: true }, { notices: [...due.notices, notice] });
}

function noticeOfFailedCascade(state: RecoveryState): PaymentNoticeTemplate {
  const declined = state.attempts.filter((attempt) => attempt.state === 'declined');
  const authenticate = state.class === 'AUTH' || declined.some((attempt) => attempt.class === 'AUTH');
  if (authenticate) return 'authenticate';
  return declined.length === 0 ? 'no_alternative' : 'all_declined';
}
