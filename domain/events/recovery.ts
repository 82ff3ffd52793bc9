import type { DeclineClass } from '../decline/classify.ts';
import type { AttemptState, ObligationState } from '../recovery/status.ts';
import type { Upcasters } from './upcaster.ts';

/** Events of recoveries, in their customer's stream. Times are RFC 3339, amounts minor units. */
export interface RecoveryEvents {
  RecoveryOpened: {
    payment_id: string;
    failed_payment_method_id: string;
    amount: number;
    currency: string;
    kind: 'recurring' | 'one_time';
    description: string | null;
    rule: string;
    last_failure_at: string;
    opened_at: string;
    closes_at: string;
    /** Whether the failed method was the default: if so, a success may make the charged method the default. */
    failed_was_default: boolean;
    /** The gateway's payment named by the report; read before anything is charged. */
    reported_ref: string | null;
  };
  RecoveryReopened: {
    payment_id: string;
    failed_payment_method_id: string;
    rule: string;
    last_failure_at: string;
    opened_at: string;
    closes_at: string;
    failed_was_default: boolean;
    /** The gateway's payment named by the report; read before anything is charged. */
    reported_ref: string | null;
    /** The amount owed, if a settlement closed the obligation in advance; absent: already known. */
    amount?: number;
    currency?: string;
    kind?: 'recurring' | 'one_time';
    /** Also if retention has removed the earlier one. */
    description?: string | null;
  };
  ChargeClaimed: {
    key: string;
    n: number;
    payment_id: string;
    payment_method_id: string;
    network: string | null;
    amount: number;
    currency: string;
    claimed_at: string;
    claim_deadline: string;
  };
  /** The outcome of an attempt: one that Persona claimed, or a reported failure. */
  RecoveryAttempted: {
    key: string;
    n: number | null;
    source: 'recovery' | 'reported';
    payment_id: string;
    payment_method_id: string;
    network: string | null;
    amount: number;
    currency: string;
    state: AttemptState;
    class: DeclineClass | null;
    rule: string | null;
    code: string | null;
    /** The decline marks the card itself as dead (`DeclineDecision.cardDead`); absent: it does not. */
    card_dead?: true;
    /** The gateway's charge (`ch_…`). */
    gateway_ref: string | null;
    /** The obligation's payment (`pi_…`), if this attempt created or used it. */
    payment_ref: string | null;
    attempted_at: string;
    resolved_at: string | null;
    /** Codes of the decline missing from the table, as `field:code`; absent: none. */
    unmapped?: readonly string[];
  };
  RecoveryNeedsReview: { payment_id: string; rule: string };
  RecoveryClosed: {
    payment_id: string;
    state: Exclude<ObligationState, 'open' | 'needs_review'>;
    rule: string;
    /** The class of the latest reported failure; `null`: none was reported. */
    class: DeclineClass | null;
    /** The charged method. */
    payment_method_id: string | null;
    closed_at: string;
    /** The gateway's payment that settled it, if the settlement names one. */
    payment_ref: string | null;
    /** The id of the notice due to the customer; a `NoticeSent` or a `NoticeFailed` follows. Absent: none. */
    notice?: string;
  };
  /** It was closed so long ago that its description, also in earlier events, and its notices were removed. */
  RecoveryForgotten: { payment_id: string };
}

export const recoveryUpcasters: Upcasters<RecoveryEvents> = {
  // Version 1 did not name the payment that settled it.
  RecoveryClosed: [(data) => ({ ...data, payment_ref: null })],
};
