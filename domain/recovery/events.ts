/** Persona events of recoveries; they stand in their customer's stream. Times are RFC 3339, amounts minor units. */

import type { DeclineClass } from '../decline/classify.ts';
import type { AttemptState, ObligationState } from './status.ts';

/** What becomes of a second success that could not be given back. */
export interface RefundRetry {
  /** When its refund failed first since it was last asked for or accepted. */
  since: string;
  /** When Persona tries again; `null`: a person must. */
  next_at: string | null;
}

/** Which notice it is, and what it is about. */
export interface NoticeReference {
  notification_id: string;
  template: string;
  payment_id: string | null;
  /** The fraud case that suspended the customer. */
  case_id?: string;
  /** The card whose month ends. */
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
    /** Was the failed method the default until this failure? Then a success may make the charged one the default. */
    failed_was_default: boolean;
    /** The payment at the gateway that the report names; looked up before anything is charged. */
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
    /** The payment at the gateway that the report names; looked up before anything is charged. */
    reported_ref: string | null;
    /** What is owed, where a settlement has closed it in advance; absent: it is known. */
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
  /** What became of an attempt: one that Persona claimed, or a failure that others report. */
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
    /** The decline says that the card itself is dead (`Decision.cardDead`); absent: it does not. */
    card_dead?: true;
    /** The gateway's charge (`ch_…`). */
    gateway_ref: string | null;
    /** The obligation's payment (`pi_…`), where this attempt created or used it. */
    payment_ref: string | null;
    attempted_at: string;
    resolved_at: string | null;
    /** Codes of the decline that the table does not have, as `field:code`; absent: it has them all. */
    unmapped?: readonly string[];
  };
  RecoveryNeedsReview: { payment_id: string; rule: string };
  RecoveryClosed: {
    payment_id: string;
    state: Exclude<ObligationState, 'open' | 'needs_review'>;
    rule: string;
    /** Of the newest failure that was reported; `null`: none was. */
    class: DeclineClass | null;
    /** The method that was charged. */
    payment_method_id: string | null;
    closed_at: string;
    /** The payment at the gateway that settled it, where others say which. */
    payment_ref: string | null;
    /** Id of the notice that the customer is to get about it; a `NoticeSent` or a `NoticeFailed` follows. Absent: none. */
    notice?: string;
  };
  RecoveryOverpaid: {
    payment_id: string;
    /** The attempt's, or `settled:` and the payment that others collected. */
    key: string;
    amount: number;
    currency: string;
    /** By policy it is given back; a `RefundSent` or a `RefundFailed` follows. */
    refund: boolean;
  };
  RefundSent: {
    payment_id: string;
    /** Of the success that was given back: the attempt's, or `settled:` and the payment. */
    key: string;
    refund_ref: string;
    /** What others gave back at the gateway; `null`: Persona gave back a second success. */
    by_others: { amount: number; currency: string } | null;
    /** As in `RecoveryClosed`. */
    notice?: string;
    /** Others gave back a part of what is due: the rest stays due. */
    part?: true;
  };
  /** Nothing was given back, at once or later on. */
  RefundFailed: {
    payment_id: string;
    key: string;
    reason: string;
    /** `null`: the gateway began none. */
    refund_ref: string | null;
    /** Which of Persona's own tries it was, from 1; `null`: a refund that others made. */
    n: number | null;
    /** `null`: Persona has nothing to give back for it. */
    retry: RefundRetry | null;
  };
  /** A person asks that a second success be given back, now and then daily: also where policy or time had left it to people. */
  RefundRequested: {
    payment_id: string;
    /** As in `RefundSent`. */
    key: string;
  };
  NoticeSent: NoticeReference & { channel: string };
  NoticeFailed: NoticeReference & { channel: string | null; reason: string };
}
