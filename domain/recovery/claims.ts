/** Answers of the graph about an obligation and its attempts; the graph gives them, the recovery decides by them. */

import type { DeclineClass } from '../decline/classify.ts';
import type { ErrorType, FieldProblem } from '../errors.ts';
import type { RecoveryPolicy } from '../policy.ts';
import type { AttemptStatus, ObligationState } from './status.ts';

/** From the claim on, a charge must be over by then; one in flight for longer counts as unknown. */
export const CLAIM_MS = 60_000;
/** With less than this left of its claim, a charge is not begun: its answer could come after the claim is over. */
export const CLAIM_RESERVE_MS = 45_000;

/** What the newest reported failure means for the course of the recovery. */
export interface ReportedFailure {
  event_id: string;
  payment_method_id: string;
  status: 'declined' | 'unknown' | 'pending';
  class: DeclineClass;
  /** The rule that gave the class, e.g. `stripe:insufficient_funds`. */
  rule: string;
  code?: string;
  /** The class or the code asks that Chimera hears of it. */
  notify_chimera: boolean;
  /** Earliest next attempt on the method by the issuer's advice, epoch milliseconds. */
  not_before?: number;
  occurred_at: string;
}

/** Everything a run needs to go on from here, whatever happened before it. */
export interface RecoverySnapshot {
  payment_id: string;
  customer_id: string;
  kind: 'recurring' | 'one_time';
  /** Minor units. */
  amount: number;
  currency: string;
  state: ObligationState;
  /** The rule that the obligation stands under. */
  rule: string;
  failed_payment_method_id: string;
  failure: ReportedFailure;
  /** The payment that the report names and that nobody has looked up yet. */
  gateway_payment_ref?: string;
  /** The payment that the report names has been looked up, and has not paid. */
  looked_up?: true;
  /** Ids, in the order in which they are to be tried. */
  alternatives: string[];
  /** Persona's own attempts, oldest first. */
  attempts: AttemptStatus[];
  /** Epoch milliseconds. */
  opened_at: number;
  closes_at: number;
  /** Since when the window's clock stands still, as far as the graph was told. */
  clock_stopped_at?: number;
  /** When all this was read. */
  read_at: number;
  /** Second successes that are to be given back: keys as in `RecoveryOverpaid`. */
  refunds_due?: string[];
  /** Consent was withdrawn by news of another payment of the same method: this one ends, too. */
  consent_revoked?: boolean;
  /** The bank knows of fraud with a method that it was to be paid with: this one ends, too. */
  fraud_known?: boolean;
  /** A person has stopped it. */
  paused?: boolean;
  /** When the customer was told that it failed, if they were since this opening (epoch milliseconds). */
  notified_at?: number;
  policy: RecoveryPolicy;
}

/** What a waiting recovery reads anew. */
export interface RecoveryRefresh {
  /** Somebody else has closed the obligation. */
  closed?: ClosedObligation;
  customer_status: string;
  /** What may be charged now, in the order in which to try it, and when it last became so (epoch milliseconds). */
  methods: { payment_method_id: string; changed_at: number }[];
}

export type Opening =
  /** `noted`: a newer failure on an open obligation; `unchanged`: a duplicate, an older or a stale one on it. */
  | {
      result: 'opened' | 'reopened' | 'noted' | 'unchanged';
      recovery: RecoverySnapshot;
      /** The first alternative, claimed in the same transaction; its attempt is not among the snapshot's. */
      first?: { payment_method_id: string; claim: Claim };
      /** A settlement has made a second success known: of the two, the later one, which goes back. */
      second?: string;
      /** A settlement names the obligation's own payment: it speaks of a charge of ours that we have not heard of yet. */
      own?: true;
      /** Rule of the review that a settlement leads to: its payment cannot have settled the obligation, or came back. */
      review?: string;
    }
  | { result: 'closed'; obligation: ClosedObligation }
  /** The first report of this payment is too old to act on, or the gateway does not confirm a success: nothing was opened or closed. */
  | { result: 'ignored' }
  | { result: 'refused'; type: ErrorType; problems: FieldProblem[] };

export interface ClosedObligation {
  payment_id: string;
  customer_id: string;
  outcome: 'recovered' | 'stopped' | 'paid_elsewhere' | 'exhausted' | 'cancelled';
  rule: string;
  /** The method that was charged, if one was. */
  payment_method_id?: string;
  attempts: AttemptStatus[];
}

export type Closing =
  /**
   * `paid_too`: others were paid, and the obligation's own payment has succeeded as well. `uncancelled`: others were paid,
   * and whether the own payment can still succeed is not known.
   */
  | { result: 'closed'; obligation: ClosedObligation; paid_too?: true; uncancelled?: true }
  /** This attempt may have paid it: it is found out about first. */
  | { result: 'in_doubt'; attempt: AttemptStatus };

/** A claimed attempt: it may be charged once, under its key, until its deadline. */
export interface ClaimedAttempt {
  key: string;
  payment_method_id: string;
  n: number;
  /** Epoch milliseconds. */
  claimed_at: number;
  claim_deadline: number;
}

/** Answer to a claim (specification: graph, invariant 7). */
export type Claim =
  | { result: 'claimed'; attempt: ClaimedAttempt }
  | { result: 'resolved'; attempt: AttemptStatus }
  /**
   * Another unresolved attempt stands in the way: of obligation `by`, since then (epoch milliseconds). It blocks the
   * customer for the seconds of its flight, and its instrument for as long as nobody knows what became of it. Or
   * (`report`) an accepted report that this run has not acted on yet says that others were paid.
   */
  | {
      result: 'blocked';
      by: string;
      since: number;
      what: 'customer' | 'instrument' | 'report';
      /** Of this very obligation: it has to be found out about first. */
      own?: AttemptStatus;
    }
  /**
   * `until`: may be asked again then (epoch milliseconds). `obligation`: closed unpaid, so nothing may be charged.
   * `attempt`: what a network's ceiling or the issuer's advice forbids stands as an attempt that was never sent.
   */
  | {
      result: 'refused';
      rule: string;
      until?: number;
      obligation?: ClosedObligation;
      attempt?: AttemptStatus;
    }
  | { result: 'already_paid'; obligation: ClosedObligation };

/** What recording an attempt's outcome changed. */
export interface RecordedAttempt {
  attempt: AttemptStatus;
  obligation_state: ObligationState;
  /** A second success of the same obligation. */
  overpaid: boolean;
  /** Should Chimera hear of this decline? */
  notify_chimera: boolean;
  /** Earliest next attempt on this method by the issuer's advice, epoch milliseconds. */
  not_before?: number;
}
