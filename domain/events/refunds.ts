import type { Upcasters } from './upcaster.ts';

/** The retries of a second success whose refund failed. */
export interface RefundRetry {
  /** When its refund first failed since it was last requested or accepted. */
  since: string;
  /** When Persona retries; `null`: an operator has to. */
  next_at: string | null;
}

/** Second successes and refunds, in their customer's stream. Times are RFC 3339, amounts minor units. */
export interface RefundEvents {
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
}

export const refundUpcasters: Upcasters<RefundEvents> = {
  // Version 1 did not say whether it is refunded: old decisions are not revised.
  RecoveryOverpaid: [(data) => ({ ...data, refund: false })],
  // Version 1 had only Persona's own refunds.
  RefundSent: [(data) => ({ ...data, by_others: null })],
  // Version 1 had no refund that failed later, and did not name the one that failed immediately.
  // Version 2 gave up after the first failure.
  RefundFailed: [(data) => ({ ...data, refund_ref: null }), (data) => ({ ...data, n: null, retry: null })],
};
