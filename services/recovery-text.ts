/**
 * Recoveries in plain words. What is shown to a customer never contains a code, nor a bank's suspicion of fraud
 * (docs/reference/decline-codes.md, 'Classes').
 */

import type { DeclineClass } from '../domain/decline/classify.ts';
import type { AttemptStatus, RecoveryStatus } from '../domain/recovery/status.ts';
import type { RecoveryView } from './views.ts';

const FAILURE_TEXT: Record<DeclineClass, string> = {
  FRAUD: 'The bank did not accept this payment method.',
  STOP: 'You asked your bank to stop this payment, so it is not charged.',
  HARD: 'The bank did not accept this payment method.',
  FIX: 'The details of this payment method are outdated or incomplete.',
  AUTH: 'The bank asks you to confirm this payment.',
  LATER: 'The bank did not approve the payment this time.',
  TECH: 'The bank could not be reached.',
  CONFIG: 'The payment could not be processed; we are looking into it.',
  UNKNOWN: 'We are checking whether the payment went through.',
};

const WAITING_TEXT: Record<NonNullable<RecoveryStatus['waiting_for']>, string> = {
  claim: 'Another payment of yours is being processed first.',
  method: 'Add or update a payment method to complete the payment.',
  authentication: 'Confirm the payment with your bank to complete it.',
  review: 'We are looking into it.',
  customer_status: 'It will continue once your account is active again.',
  gateway: 'Payments cannot be processed at the moment; this one will continue as soon as possible.',
};

const OUTCOME_TEXT: Record<NonNullable<RecoveryStatus['outcome']>, string> = {
  recovered: 'The payment went through with another attempt.',
  stopped: 'No further attempt will be made.',
  exhausted: 'The payment could not be collected, and no further attempt will be made.',
  paid_elsewhere: 'The payment was settled another way.',
  cancelled: 'The collection of this payment was cancelled.',
  ignored: 'The failure is too old to act on.',
};

const ATTEMPT_TEXT: Record<Exclude<AttemptStatus['state'], 'declined'>, string> = {
  in_flight: 'The payment is being processed.',
  approved: 'The payment went through.',
  pending: 'The bank is still processing the payment.',
  unknown: 'We are checking whether the payment went through.',
  void: 'The payment was not sent.',
};

/** The status with its explanation in plain words. */
export function toRecoveryView(status: RecoveryStatus): RecoveryView {
  return {
    ...status,
    attempts: status.attempts.map((attempt) => ({ ...attempt, reason_text: attemptText(attempt) })),
    reason_text: recoveryText(status),
  };
}

/** Removes what must not be disclosed to a customer: codes, and suspicions of a bank or a risk engine. */
export function redactForCustomer(recovery: RecoveryView): RecoveryView {
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

function recoveryText(status: RecoveryStatus): string {
  const failureText = FAILURE_TEXT[status.class];
  if (status.outcome) {
    const outcomeText = OUTCOME_TEXT[status.outcome];
    // A recovery that has ended is no longer being looked into.
    return status.class === 'UNKNOWN' || status.class === 'CONFIG'
      ? outcomeText
      : `${failureText} ${outcomeText}`;
  }
  return status.waiting_for ? `${failureText} ${WAITING_TEXT[status.waiting_for]}` : failureText;
}

function attemptText(attempt: AttemptStatus): string {
  return attempt.state === 'declined' ? FAILURE_TEXT[attempt.class ?? 'LATER'] : ATTEMPT_TEXT[attempt.state];
}

function redactClass(declineClass: DeclineClass): DeclineClass {
  return declineClass === 'FRAUD' ? 'HARD' : declineClass;
}

/** Rules that contain a code (`visa:43`, `text:stolen_card`) or name a suspicion are replaced by the class. */
function redactRule(rule: string, declineClass: DeclineClass): string {
  return /:|fraud|lost|stolen|report/.test(rule) ? redactClass(declineClass).toLowerCase() : rule;
}
