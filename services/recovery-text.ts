/**
 * Recoveries in plain words. What is shown to a customer never contains a code, nor a bank's suspicion of fraud
 * (docs/reference/decline-codes.md, 'Classes').
 */

import type { DeclineClass } from '../domain/decline/classify.ts';
import type { AttemptStatus, RecoveryStatus } from '../domain/recovery/status.ts';
import { textsFor } from '../domain/texts/index.ts';
import type { ExplainedStatus } from './views.ts';

/** In English: a recovery's status does not say its customer's locale. */
const TEXTS = textsFor().recovery;

/** The status with its explanation in plain words. */
export function toRecoveryView<Status extends RecoveryStatus>(status: Status): ExplainedStatus<Status> {
  return {
    ...status,
    attempts: status.attempts.map((attempt) => ({ ...attempt, reason_text: attemptText(attempt) })),
    reason_text: recoveryText(status),
  };
}

/** Removes what must not be disclosed to a customer: codes, and suspicions of a bank or a risk engine. */
export function redactForCustomer<Recovery extends ExplainedStatus<RecoveryStatus>>(
  recovery: Recovery,
): Recovery {
  return {
    ...recovery,
    class: redactClass(recovery.class),
    rule: redactRule(recovery.rule, recovery.class),
    attempts: recovery.attempts.map(({ code: _, class: declineClass, rule, ...attempt }) => ({
      ...attempt,
      ...(declineClass && { class: redactClass(declineClass) }),
      ...(rule && { rule: redactRule(rule, declineClass ?? 'LATER') }),
    })),
  };
}

/** How a recovery stands, and why. */
export function recoveryText(status: RecoveryStatus): string {
  const failureText = TEXTS.failure[status.class];
  if (status.outcome) {
    const outcomeText = TEXTS.outcome[status.outcome];
    // A recovery that has ended is no longer being looked into.
    return status.class === 'UNKNOWN' || status.class === 'CONFIG'
      ? outcomeText
      : `${failureText} ${outcomeText}`;
  }
  return status.waiting_for ? `${failureText} ${TEXTS.waiting[status.waiting_for]}` : failureText;
}

/** Why an attempt ended as it did. */
export function attemptText(attempt: Pick<AttemptStatus, 'state' | 'class'>): string {
  return attempt.state === 'declined'
    ? TEXTS.failure[attempt.class ?? 'LATER']
    : TEXTS.attempt[attempt.state];
}

function redactClass(declineClass: DeclineClass): DeclineClass {
  return declineClass === 'FRAUD' ? 'HARD' : declineClass;
}

/** Rules that contain a code (`visa:43`, `text:stolen_card`) or name a suspicion are replaced by the class. */
function redactRule(rule: string, declineClass: DeclineClass): string {
  return /:|fraud|lost|stolen|report/.test(rule) ? redactClass(declineClass).toLowerCase() : rule;
}
