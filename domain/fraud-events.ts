import type { PaymentMethodStatus } from './payment-method.ts';

/** What agents report of a fraud case. */
export const FRAUD_OUTCOMES = [
  'challenge_passed',
  'challenge_failed',
  'suspected',
  'confirmed_fraud',
  'cleared',
] as const;
export type FraudOutcome = (typeof FRAUD_OUTCOMES)[number];

/** What a fraud case changed and has not undone: what was there before, and the event (`seq`) by which it was changed. */
export interface FraudChanges {
  devices: { device_id: string; trust_score: number; seq: number }[];
  payment_methods: { payment_method_id: string; status: PaymentMethodStatus; seq: number }[];
  customer: { status: 'active' | 'suspended'; seq: number } | null;
}

/** Fraud cases; they stand in their customer's stream. */
export interface FraudEvents {
  FraudOutcomeApplied: {
    case_id: string;
    /** `suspended`: a person's decision about a suspicion. */
    outcome: FraudOutcome | 'suspended';
    reason: string;
    device_id: string | null;
    payment_method_id: string | null;
    /** All that the case has changed so far. */
    applied: FraudChanges;
  };
}
