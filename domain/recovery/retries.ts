/** When a declined method is retried automatically (docs/reference/decline-codes.md, 'Classes'). */

import type { DeclineClass } from '../decline/classify.ts';
import type { RecoveryPolicy } from '../policy.ts';
import type { RecoverySnapshot } from './claims.ts';
import type { Candidate, RecoveryState } from './state.ts';
import type { AttemptStatus } from './status.ts';

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
      first_at: firstDecline(state, payment_method_id) ?? declinedAt(attempt),
      at,
      ...(notBefore === undefined ? {} : { not_before: notBefore }),
    },
    state.policy,
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
