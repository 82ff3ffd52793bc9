/** Messages about fraud cases and their validation (docs/reference/interfaces.md, 'FraudOutcome'). */

import {
  validateMessage,
  EXTERNAL_ID,
  type FieldReader,
  REASON,
  type ValidationFailure,
  omitUndefined,
} from '../validation.ts';

/** The outcomes that agents report for a fraud case. */
export const FRAUD_OUTCOMES = [
  'challenge_passed',
  'challenge_failed',
  'suspected',
  'confirmed_fraud',
  'cleared',
] as const;
export type FraudOutcome = (typeof FRAUD_OUTCOMES)[number];

/** The same object over REST, gRPC and the Temporal signal `fraudOutcome`. */
export interface FraudOutcomeReport {
  event_id: string;
  case_id: string;
  outcome: FraudOutcome;
  customer_id: string;
  /** The device that `new_trust_score` belongs to. */
  device_id?: string;
  /** 0 to 1. */
  new_trust_score?: number;
  payment_method_id?: string;
  reason: string;
  /** RFC 3339: the outcomes of a case apply in this order. */
  occurred_at: string;
}

export const REVIEW_DECISIONS = ['suspend', 'clear'] as const;

/** The decision of an operator, or of policy after the deadline, on a suspicion: signal `reviewDecision`. */
export interface ReviewDecision {
  decision: (typeof REVIEW_DECISIONS)[number];
  actor: string;
  reason: string;
}

/** One line, because it is logged. */
/**
 * The message with its time in UTC and its ids in lower case, without unknown fields, or all problems. Whether case,
 * customer, device and method belong together is checked by the graph.
 */
export function validateFraudOutcome(
  input: unknown,
): { ok: true; message: FraudOutcomeReport } | ValidationFailure {
  return validateMessage(input, readFraudOutcome);
}

/** Validates the payload of `reviewDecision` by the same rules. */
export function validateReviewDecision(
  input: unknown,
): { ok: true; message: ReviewDecision } | ValidationFailure {
  return validateMessage(input, (fields) => ({
    decision: fields.requiredOneOf('decision', REVIEW_DECISIONS),
    ...readOperatorRequest(fields),
  }));
}

/** Validates the payload of `reinstate` by the same rules. */
export function validateReinstatement(
  input: unknown,
): { ok: true; message: { actor: string; reason: string } } | ValidationFailure {
  return validateMessage(input, readOperatorRequest);
}

function readFraudOutcome(fields: FieldReader): FraudOutcomeReport {
  return omitUndefined({
    event_id: fields.requiredText('event_id', EXTERNAL_ID),
    case_id: fields.requiredText('case_id', EXTERNAL_ID),
    outcome: fields.requiredOneOf('outcome', FRAUD_OUTCOMES),
    customer_id: fields.requiredUuid('customer_id'),
    device_id: fields.uuid('device_id'),
    new_trust_score: fields.number('new_trust_score', 0, 1),
    payment_method_id: fields.uuid('payment_method_id'),
    reason: fields.requiredText('reason', REASON),
    occurred_at: fields.requiredTimestamp('occurred_at'),
  });
}

function readOperatorRequest(fields: FieldReader): { actor: string; reason: string } {
  return {
    actor: fields.requiredText('actor', EXTERNAL_ID),
    reason: fields.requiredText('reason', REASON),
  };
}
