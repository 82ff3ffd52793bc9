import type { DeclineClass } from '../decline/classify.ts';
import type { AttemptState, ObligationState } from '../recovery/status.ts';

/** An obligation that erasure has left. Times are RFC 3339, amounts minor units; `null`: none. */
export interface ErasedObligation {
  payment_id: string;
  /** `null`: only a settlement was known. */
  amount: number | null;
  currency: string | null;
  state: ObligationState;
  /** Its payment at the gateway, and the external one that settled it. */
  gateway_ref: string | null;
  settled_ref: string | null;
  opened_at: string;
  closed_at: string | null;
}

/** An attempt that erasure has left: of which method is not known any more. */
export interface ErasedAttempt {
  payment_id: string;
  /** Counts the attempts of one payment, own and reported, from 1: over all erased customers who were reported with it. */
  n: number;
  source: 'recovery' | 'reported';
  amount: number;
  currency: string;
  state: AttemptState;
  class: DeclineClass | null;
  gateway_ref: string | null;
  overpaid: boolean;
  claimed_at: string;
  resolved_at: string | null;
}

/** A refund that erasure has left. */
export interface ErasedRefund {
  payment_id: string;
  /** Of the attempt whose charge was refunded; 0: an external payment's. */
  n: number;
  refund_ref: string;
  sent_at: string | null;
  failed_at: string | null;
}

/** What erasure leaves of a customer, for as long as the law requires (`retention.financial`). */
export interface Remains {
  obligations: readonly ErasedObligation[];
  attempts: readonly ErasedAttempt[];
  refunds: readonly ErasedRefund[];
}

export interface ErasureEvents {
  /** The end of a customer's own stream, for other agents: what they store about this customer is to be deleted. */
  ErasureAnnounced: Record<string, never>;
  /**
   * The beginning of a pseudonymous stream, which replaces an erased customer's. A customer with more payments than one
   * event holds has several.
   */
  CustomerErased: { remains: Remains };
}
