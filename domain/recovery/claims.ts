/** The graph's results about an obligation and its attempts, on which the recovery's decisions are based. */

import type { DeclineClass } from '../decline/classify.ts';
import type { ErrorType, FieldProblem } from '../errors.ts';
import type { RecoveryPolicy } from '../policy.ts';
import type { AttemptStatus, ObligationState } from './status.ts';

/** The time from the claim within which a charge must complete; one in flight for longer counts as unknown. */
export const CLAIM_MS = 60_000;
/** With less than this left of its claim, a charge is not sent: its response could arrive after the claim expires. */
export const CLAIM_RESERVE_MS = 45_000;

/** The latest reported failure, as it affects the recovery. */
export interface ReportedFailure {
  event_id: string;
  payment_method_id: string;
  status: 'declined' | 'unknown' | 'pending';
  class: DeclineClass;
  /** The rule that gave the class, e.g. `stripe:insufficient_funds`. */
  rule: string;
  code?: string;
  /** The class or the code requires that Chimera is notified. */
  notify_chimera: boolean;
  /** Earliest next attempt on the method by the issuer's advice, epoch milliseconds. */
  not_before?: number;
  occurred_at: string;
}

/** Everything a run needs to continue the recovery, whatever happened before. */
export interface RecoverySnapshot {
  payment_id: string;
  customer_id: string;
  kind: 'recurring' | 'one_time';
  /** Minor units. */
  amount: number;
  currency: string;
  state: ObligationState;
  /** The rule of the obligation's current state. */
  rule: string;
  failed_payment_method_id: string;
  failure: ReportedFailure;
  /** The payment that the report names, if it has not been read yet. */
  gateway_payment_ref?: string;
  /** The payment that the report names has been read and did not pay the obligation. */
  looked_up?: true;
  /** Ids, in the order in which they are to be charged. */
  alternatives: string[];
  /** Persona's own attempts, oldest first. */
  attempts: AttemptStatus[];
  /** Epoch milliseconds. */
  opened_at: number;
  closes_at: number;
  /** Since when the recovery's clock is stopped, as stored in the graph. */
  clock_stopped_at?: number;
  /** When all this was read. */
  read_at: number;
  /** Second successes to be refunded: keys as in `RecoveryOverpaid`. */
  refunds_due?: string[];
  /** Consent was revoked, as reported with another payment on the same method: this recovery ends, too. */
  consent_revoked?: boolean;
  /** The issuer reports fraud on a method of this recovery: it ends, too. */
  fraud_known?: boolean;
  /** Paused by an operator. */
  paused?: boolean;
  /** When the customer was notified of the failure since this opening, if so (epoch milliseconds). */
  notified_at?: number;
  policy: RecoveryPolicy;
}

/** What a waiting recovery reads again. */
export interface RecoveryRefresh {
  /** Set if the obligation was closed outside this run. */
  closed?: ClosedObligation;
  customer_status: string;
  /** The methods that may be charged now, in order, and since when (epoch milliseconds). */
  methods: { payment_method_id: string; changed_at: number }[];
}

export type Opening =
  /** `noted`: a newer failure on an open obligation; `unchanged`: a duplicate, an older or a stale one. */
  | {
      result: 'opened' | 'reopened' | 'noted' | 'unchanged';
      recovery: RecoverySnapshot;
      /** The first alternative, claimed in the same transaction; its attempt is not among the snapshot's. */
      first?: { payment_method_id: string; claim: Claim };
      /** A settlement revealed a second success: the key of the later one, which is refunded. */
      second?: string;
      /** A settlement names the obligation's own payment, so a charge of Persona's succeeded with a result not known yet. */
      own?: true;
      /** Rule of the review that a settlement causes: its payment cannot have settled the obligation or was reversed. */
      review?: string;
    }
  | { result: 'closed'; obligation: ClosedObligation }
  /** The first report of this payment is too old, or the gateway does not confirm a success: no effect. */
  | { result: 'ignored' }
  /** `customer_gone`: the customer is erased, or being erased. */
  | { result: 'refused'; type: ErrorType; problems: FieldProblem[]; customer_gone?: true };

export interface ClosedObligation {
  payment_id: string;
  customer_id: string;
  outcome: 'recovered' | 'stopped' | 'paid_elsewhere' | 'exhausted' | 'cancelled';
  rule: string;
  /** The charged method, if any. */
  payment_method_id?: string;
  attempts: AttemptStatus[];
}

export type Closing =
  /**
   * `paid_too`: paid externally, and the obligation's own payment has succeeded as well. `uncancelled`: paid externally,
   * and whether the own payment can still succeed is not known.
   */
  | { result: 'closed'; obligation: ClosedObligation; paid_too?: true; uncancelled?: true }
  /** This attempt may have paid it and has to be resolved first. */
  | { result: 'unresolved'; attempt: AttemptStatus };

/** A claimed attempt: it may be charged once, with its key, until its deadline. */
export interface ClaimedAttempt {
  key: string;
  payment_method_id: string;
  n: number;
  /** Epoch milliseconds. */
  claimed_at: number;
  claim_deadline: number;
}

/** The result of a claim (docs/reference/graph.md, 'Claims'). */
export type Claim =
  | { result: 'claimed'; attempt: ClaimedAttempt }
  | { result: 'resolved'; attempt: AttemptStatus }
  /**
   * Blocked by another unresolved attempt, of obligation `by`, since `since` (epoch milliseconds). It blocks the customer
   * for the seconds of its flight, and its card until it is resolved. Or (`report`) an accepted report of an external
   * payment that this run has not processed yet.
   */
  | {
      result: 'blocked';
      by: string;
      since: number;
      what: 'customer' | 'instrument' | 'report';
      /** An attempt of this same obligation, which has to be resolved first. */
      own?: AttemptStatus;
    }
  /**
   * `until`: may be retried then (epoch milliseconds). `obligation`: closed unpaid, so nothing may be charged. `attempt`:
   * a charge forbidden by a network's ceiling or the issuer's advice, recorded as an attempt that was never sent.
   */
  | {
      result: 'refused';
      rule: string;
      until?: number;
      obligation?: ClosedObligation;
      attempt?: AttemptStatus;
    }
  | { result: 'already_paid'; obligation: ClosedObligation };

/** The effects of recording an attempt's outcome. */
export interface RecordedAttempt {
  attempt: AttemptStatus;
  obligation_state: ObligationState;
  /** A second success of the same obligation. */
  overpaid: boolean;
  /** Whether Chimera is to be notified of this decline. */
  notify_chimera: boolean;
  /** Earliest next attempt on this method by the issuer's advice, epoch milliseconds. */
  not_before?: number;
}
