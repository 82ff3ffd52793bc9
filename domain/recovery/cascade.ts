/** Which methods a recovery charges, when, and when its first cascade is over (specification: decline codes). */

import type { DeclineClass } from '../decline/classify.ts';
import type { RecoveryPolicy } from '../policy.ts';
import type { PaymentNoticeTemplate } from '../ports.ts';
import type { RecoverySnapshot } from './claims.ts';
import { type Candidate, type Effects, type RecoveryState, withEffects } from './state.ts';
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
export function fraudReportsOf({ failure }: RecoverySnapshot): Effects['fraud_reports'] {
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

/** Puts these first; each replaces the candidate planned for its method. */
export function prependCandidates(
  first: readonly Candidate[],
  candidates: readonly Candidate[],
): Candidate[] {
  const methods = new Set(first.map((candidate) => candidate.payment_method_id));
  return [...first, ...candidates.filter((candidate) => !methods.has(candidate.payment_method_id))];
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

/** The decline that determines a method's next retry; times in epoch milliseconds. */
interface Decline {
  payment_method_id: string;
  class: DeclineClass;
  /** When the method first declined in this recovery: the schedule counts from here. */
  first_at: number;
  /** When it last declined. */
  at: number;
  /** The issuer's advice: it delays the schedule and never shortens it. */
  not_before?: number;
}

/** The schedule's next slot after the last decline; none for a class that is not retried, or after the last slot. */
function retryAfter(decline: Decline, { retry }: RecoveryPolicy): Candidate[] {
  const schedule = decline.class === 'LATER' || decline.class === 'TECH' ? retry[decline.class] : [];
  const slot = schedule.map((wait) => decline.first_at + wait).find((at) => at > decline.at);
  if (slot === undefined) return [];
  const not_before = Math.max(slot, decline.not_before ?? 0);
  return [{ payment_method_id: decline.payment_method_id, not_before, reason: 'retry' }];
}

/**
 * The retry after an attempt of Persona's was declined.
 *
 * @param notBefore the issuer's advice, epoch milliseconds
 * @param at the run's own time: the attempt was stamped by another clock, which may lag behind the slot just used
 */
export function retryOf(
  state: RecoveryState,
  attempt: AttemptStatus,
  declineClass: DeclineClass,
  notBefore: number | undefined,
  at: number,
): Candidate[] {
  const { payment_method_id } = attempt;
  return retryAfter(
    {
      payment_method_id,
      class: declineClass,
      first_at:
        firstDecline({ ...state.obligation, attempts: state.attempts }, payment_method_id) ??
        declinedAt(attempt),
      at,
      ...(notBefore === undefined ? {} : { not_before: notBefore }),
    },
    state.obligation.policy,
  );
}

/** The remaining retries at the start of a run: of the failed method, and of those that declined since. */
export function retriesOf(recovery: RecoverySnapshot): Candidate[] {
  const { failed_payment_method_id, failure, opened_at, policy } = recovery;
  const declinedByMethod = new Map<string, AttemptStatus>();
  for (const attempt of declinedSince(recovery)) declinedByMethod.set(attempt.payment_method_id, attempt);
  const reported: Decline = {
    payment_method_id: failed_payment_method_id,
    class: failure.class,
    first_at: opened_at,
    at: opened_at,
    ...(failure.not_before === undefined ? {} : { not_before: failure.not_before }),
  };
  return [
    ...(declinedByMethod.has(failed_payment_method_id) ? [] : retryAfter(reported, policy)),
    ...[...declinedByMethod.values()].flatMap((attempt) =>
      retryAfter(
        {
          payment_method_id: attempt.payment_method_id,
          class: attempt.class ?? 'LATER',
          first_at: firstDecline(recovery, attempt.payment_method_id) ?? declinedAt(attempt),
          at: declinedAt(attempt) + CLOCK_SKEW_MS,
        },
        policy,
      ),
    ),
  ];
}

type Declines = Pick<RecoverySnapshot, 'attempts' | 'opened_at' | 'failed_payment_method_id'>;

function firstDecline(recovery: Declines, paymentMethodId: string): number | undefined {
  // The failed method's first decline is the reported one.
  if (paymentMethodId === recovery.failed_payment_method_id) return recovery.opened_at;
  const first = declinedSince(recovery).find((one) => one.payment_method_id === paymentMethodId);
  return first && declinedAt(first);
}

function declinedSince({ attempts, opened_at }: Declines): AttemptStatus[] {
  return attempts.filter(
    (attempt) => attempt.state === 'declined' && Date.parse(attempt.started_at) >= opened_at,
  );
}

function declinedAt({ resolved_at, started_at }: AttemptStatus): number {
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
  const { phase } = state;
  const inProgress = phase.name === 'open' && phase.candidates.some(({ reason }) => reason !== 'retry');
  return inProgress ? state : endCascade(state);
}

/** Notifies the customer, unless a charge is in progress or another rule takes precedence. */
export function endCascade(state: RecoveryState): RecoveryState {
  const { phase, charge, review, effects } = state;
  if (state.cascade_ended || phase.name !== 'open' || phase.lookup || charge || review) return state;
  const notice = { template: noticeOfFailedCascade(state), stage: '1' };
  return withEffects({ ...state, cascade_ended: true }, { notices: [...effects.notices, notice] });
}

function noticeOfFailedCascade(state: RecoveryState): PaymentNoticeTemplate {
  const declined = state.attempts.filter((attempt) => attempt.state === 'declined');
  const authenticate = state.class === 'AUTH' || declined.some((attempt) => attempt.class === 'AUTH');
  if (authenticate) return 'authenticate';
  return declined.length === 0 ? 'no_alternative' : 'all_declined';
}
