import type { PaymentMethodStatus } from '../payment-method.ts';
import type { FraudOutcome } from './messages.ts';

/** The changes of a fraud case that are not undone: each with the previous value and the `seq` of its event. */
export interface FraudChanges {
  devices: { device_id: string; trust_score: number; seq: number }[];
  payment_methods: { payment_method_id: string; status: PaymentMethodStatus; seq: number }[];
  customer: { status: 'active' | 'suspended'; seq: number } | null;
}

/** The decision on a suspicion, by an operator or by policy. */
export type ReviewOutcome = 'suspended_in_review' | 'cleared_in_review';

/** Events of fraud cases, in their customer's stream. */
export interface FraudEvents {
  FraudOutcomeApplied: {
    case_id: string;
    outcome: FraudOutcome | ReviewOutcome;
    reason: string;
    device_id: string | null;
    payment_method_id: string | null;
    /** All that the case has changed so far. */
    applied: FraudChanges;
    /** The id of the notice due to the customer; a `NoticeSent` or a `NoticeFailed` follows. Absent: none. */
    notice?: string;
  };
  /** Operators were reminded of a suspicion that is not decided yet. */
  FraudReviewReminded: { case_id: string };
}
