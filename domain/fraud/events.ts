import type { PaymentMethodStatus } from '../payment-method.ts';
import type { FraudOutcome } from './messages.ts';

/** What a fraud case changed and has not undone: what was there before, and the event (`seq`) by which it was changed. */
export interface FraudChanges {
  devices: { device_id: string; trust_score: number; seq: number }[];
  payment_methods: { payment_method_id: string; status: PaymentMethodStatus; seq: number }[];
  customer: { status: 'active' | 'suspended'; seq: number } | null;
}

/** What was decided about a suspicion, by a person or by policy. */
export type ReviewOutcome = 'suspended_in_review' | 'cleared_in_review';

/** Fraud cases; they stand in their customer's stream. */
export interface FraudEvents {
  FraudOutcomeApplied: {
    case_id: string;
    outcome: FraudOutcome | ReviewOutcome;
    reason: string;
    device_id: string | null;
    payment_method_id: string | null;
    /** All that the case has changed so far. */
    applied: FraudChanges;
    /** Id of the notice that the customer is to get about it; a `NoticeSent` or a `NoticeFailed` follows. Absent: none. */
    notice?: string;
  };
  /** Nobody has decided about a suspicion yet, and operations were reminded of it. */
  FraudReviewReminded: { case_id: string };
}
