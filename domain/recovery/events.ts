/** Events of recoveries, in their customer's stream. Times are RFC 3339, amounts minor units. */

import type { DeclineClass } from '../decline/classify.ts';
import type { AttemptState, ObligationState } from './status.ts';

/** The retries of a second success whose refund failed. */
export interface RefundRetry {
  /** When its refund first failed since it was last requested or accepted. */
  since: string;
  /** When Persona retries; `null`: an operator has to. */
  next_at: string | null;
}

/** A notice and its subject. */
export interface NoticeReference {
  notification_id: string;
  template: string;
  payment_id: string | null;
  /** The fraud case that suspended the customer. */
  case_id?: string;
  /** The expiring card. */
  payment_method_id?: string;
}

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
  RecoveryOverpaid: {
    payment_id: string;
    /** The attempt's key, or `settled:` and the external payment. */
    key: string;
    amount: number;
    currency: string;
    /** Whether policy refunds it; a `RefundSent` or a `RefundFailed` follows. */
    refund: boolean;
  };
  RefundSent: {
    payment_id: string;
    /** The refunded success: the attempt's key, or `settled:` and the payment. */
    key: string;
    refund_ref: string;
    /** The amount that another system refunded at the gateway; `null`: Persona refunded a second success. */
    by_others: { amount: number; currency: string } | null;
    /** As in `RecoveryClosed`. */
    notice?: string;
    /** Another system refunded a part of the due amount; the rest stays due. */
    part?: true;
  };
  /** A refund failed, immediately or later. */
  RefundFailed: {
    payment_id: string;
    key: string;
    reason: string;
    /** `null`: the gateway created none. */
    refund_ref: string | null;
    /** The number of Persona's own attempt, from 1; `null`: another system's refund. */
    n: number | null;
    /** `null`: Persona has nothing to refund for it. */
    retry: RefundRetry | null;
  };
  /** An operator requested the refund of a second success, now and then daily, even if policy or time left it to them. */
  RefundRequested: {
    payment_id: string;
    /** As in `RefundSent`. */
    key: string;
  };
  NoticeSent: NoticeReference & { channel: string };
  NoticeFailed: NoticeReference & { channel: string | null; reason: string };
}
