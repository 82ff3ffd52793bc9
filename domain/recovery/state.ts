/**
 * The recovery of one obligation as a pure state machine: `evolve(state, fact)` returns the state after a fact,
 * `decide(state, now)` the next step. The workflow only executes the steps and reports their results as facts, so that
 * every rule of the process can be read and tested without Temporal.
 */

import type { DeclineClass } from '../decline/classify.ts';
import type { ChargeAnswer, GatewayPayment, PaymentNoticeTemplate } from '../ports.ts';
import type { RecoveryPolicy } from '../policy.ts';
import type {
  Claim,
  ClaimedAttempt,
  ClosedObligation,
  RecordedAttempt,
  RecoverySnapshot,
  RecoveryRefresh,
} from './claims.ts';
import type { AttemptStatus, RecoveryOutcome, RecoveryStatus } from './status.ts';

/** A method to be charged. */
export interface Candidate {
  payment_method_id: string;
  /** Epoch milliseconds; 0: immediately. */
  not_before: number;
  /** An unresolved attempt of another obligation is on this card: other methods may be charged meanwhile. */
  blocked?: boolean;
  /** Its last charge never reached the gateway; it waits for the gateway. */
  unsent?: boolean;
  reason: 'alternative' | 'same_method' | 'added' | 'authenticated' | 'retry';
}

/** How a run closes the obligation. */
export interface Ending {
  outcome: Exclude<RecoveryOutcome, 'ignored'>;
  rule: string;
  /** The external payment at the gateway, if it was named. */
  payment_ref?: string;
}

export interface FraudReport {
  /** Chimera's deduplication key: the event or attempt that raised the suspicion. */
  event_id: string;
  payment_method_id: string;
  code?: string;
  occurred_at: string;
}

/** A charge whose outcome is not known yet: nothing else may be charged until it is resolved. */
export interface UnresolvedCharge {
  key: string;
  payment_method_id: string;
  state: 'unknown' | 'pending';
  claimed_at: number;
  /** Still in flight in the graph: the run that claimed it was lost. */
  in_flight?: true;
  /** How often the gateway has been queried. */
  tries: number;
  /** When it is queried again; absent: only an operator or a late gateway update resolves it. */
  next_at?: number;
  /** Its payment (`pi_…`), which succeeded and was reversed: an operator decides. */
  came_back?: string;
  /** When the gateway first had no payment for this obligation an hour or more after the claim. */
  absent_since?: number;
}

export interface DueNotice {
  template: PaymentNoticeTemplate;
  /** Distinguishes several notices of one template; part of the notification's id. */
  stage: string;
}

/** The recovery's clock. */
export interface Clock {
  /** When the window ends, as of the last time the clock ran: epoch milliseconds, like every time here. */
  closes_at: number;
  /** Since when it is stopped. */
  stopped_at?: number;
}

export interface RecoveryState extends Clock {
  payment_id: string;
  customer_id: string;
  /** Minor units. */
  amount: number;
  currency: string;
  failed_payment_method_id: string;
  class: DeclineClass;
  rule: string;
  /** Epoch milliseconds, like every time here. */
  opened_at: number;
  policy: RecoveryPolicy;
  attempts: AttemptStatus[];
  candidates: Candidate[];
  /** The first cascade is over: the customer may be notified, and only new methods and due retries are charged. */
  cascade_ended: boolean;
  /** The payment that the report names, to be read before anything is charged. */
  lookup_ref?: string;
  /** The reported payment was processing when it was read; it is read again at `next_at`. */
  processing?: { tries: number; next_at: number };
  /** Claimed and not yet recorded. */
  claim?: ClaimedAttempt;
  /** An attempt's result that is not recorded yet. */
  to_record?: { key: string; answer: ChargeAnswer };
  unresolved?: UnresolvedCharge;
  /** An attempt that may have a new outcome: the gateway is queried at `next_at`, until it responds. */
  recheck?: { key: string; next_at: number; tries: number };
  /** Another obligation's unresolved attempt blocks the claim; retried then, or when `claimFreed` arrives. */
  blocked_until?: number;
  /** The customer is not active; checked again then. */
  suspended_until?: number;
  /** Only an operator or a late gateway update can continue the recovery. */
  review?: { rule: string; flagged: boolean };
  ending?: Ending;
  closed: boolean;
  /** Closed with an unresolved charge: the payment is cancelled once the charge is resolved. */
  payment_open?: boolean;
  /** The gateway did not cancel the payment: retried at `next_at`. `processing`: because it may still succeed. */
  cancelling?: { processing: boolean; tries: number; next_at: number };
  /** When the graph was last read completely. */
  read_at: number;
  /** When the customer was last notified of the unpaid obligation. */
  notified_at?: number;
  /** Paused by an operator: nothing is charged until the recovery is resumed. */
  paused: boolean;
  /** The clock as stored in the graph, from which a run that takes over continues. */
  stored_clock: Clock;
  /** The due notices, in order. */
  notices: DueNotice[];
  /** Attempts to be refunded: second successes. */
  refunds: string[];
  /** Processed events of added methods, for deduplication. */
  handled_event_ids: string[];
  /** Suspicions that are not reported to Chimera yet. */
  fraud_reports: FraudReport[];
}

export type Fact =
  /** A newer failure of the open obligation; only STOP and FRAUD have an effect. */
  | { fact: 'noted'; recovery: RecoverySnapshot }
  | {
      fact: 'looked_up';
      payment: 'adopted' | 'succeeded' | 'came_back' | 'cancelled' | 'processing' | 'not_ours';
      at: number;
    }
  | { fact: 'claim_answered'; candidate: Candidate; claim: Claim; at: number }
  | { fact: 'charge_answered'; answer: ChargeAnswer }
  | { fact: 'found_out'; key: string; found: ChargeOutcome; at: number }
  | { fact: 'attempt_recorded'; recorded: RecordedAttempt; at: number; retry_after_ms?: number }
  | { fact: 'flagged_for_review'; at: number }
  | { fact: 'closed'; obligation: ClosedObligation; payment_open: boolean }
  /** Closing found an unresolved attempt, unknown to the run, that may have paid the obligation. */
  | { fact: 'closing_in_doubt'; attempt: AttemptStatus; at: number }
  /** The payment to be cancelled had already succeeded. */
  | { fact: 'already_succeeded'; came_back?: true }
  | { fact: 'payment_cancelled' }
  /** `ending`: the ending with which the obligation was to be closed; absent: it is closed. */
  | { fact: 'not_cancelled'; payment: 'processing' | 'unknown'; ending?: Ending; at: number }
  | { fact: 'refunded'; key: string; notify: boolean }
  | { fact: 'clock_kept'; clock: Clock }
  | { fact: 'noticed'; notice: DueNotice; at: number }
  | { fact: 'fraud_reported' }
  | { fact: 'reread'; found: RecoveryRefresh; at: number }
  | { fact: 'customer_status'; status: string; at: number }
  /** The customer reportedly authenticated; `payment` is the payment's state at the gateway. */
  | {
      fact: 'authenticated';
      payment: GatewayPayment['state'] | 'came_back' | 'none';
      gateway_ref?: string;
      at: number;
    }
  | { fact: 'claim_freed' }
  | { fact: 'method_added'; payment_method_id: string; event_id?: string }
  | { fact: 'consent_revoked' }
  | { fact: 'fraud_known' }
  | { fact: 'settled'; payment_ref?: string; rule?: string }
  /** A settlement names a payment that cannot have settled it or was reversed; the graph has set the review. */
  | { fact: 'settlement_in_review'; rule: string; at: number }
  /** An external payment succeeded too: `key` is the later success, `ending` the resulting ending. */
  | { fact: 'crossed'; key: string; ending: Ending }
  /** A webhook about a charge arrived: the gateway is queried, regardless of its content. */
  | { fact: 'charge_heard'; key?: string; at: number }
  | { fact: 'resolved_by_person'; key: string; result: 'approved' | 'declined' }
  | { fact: 'paused' }
  | { fact: 'resumed' }
  /** Everything that may be charged is charged now; `alternatives` from the graph's current state. */
  | { fact: 'retry_now'; alternatives: string[]; at: number }
  | { fact: 'cancelled' };

/** The outcome of an attempt according to the gateway. */
export type ChargeOutcome =
  | ChargeAnswer
  /** The gateway has no payment for this obligation, and the request must not be sent again. */
  | { result: 'absent' };

export type Step =
  | { do: 'look_up'; gateway_payment_ref: string }
  | { do: 'claim'; candidate: Candidate; n: number }
  | { do: 'charge'; claim: ClaimedAttempt }
  | { do: 'record'; key: string; answer: ChargeAnswer }
  /** `only_read`: a request that never arrived is not sent again, because charging is now forbidden. */
  | { do: 'find_out'; key: string; only_read?: true }
  /** Reads changes from the graph that no signal reported. */
  | { do: 'reread' }
  | { do: 'refund'; key: string }
  | { do: 'report_fraud'; report: FraudReport }
  | { do: 'flag_for_review'; rule: string }
  /**
   * `keep_payment`: its charge is unresolved, so the payment cannot be cancelled yet. `notice`: the customer's notice about
   * the ending, due from then on even if the run is lost.
   */
  | { do: 'close'; ending: Ending; keep_payment: boolean; notice?: PaymentNoticeTemplate }
  /** Stores the recovery's clock in the graph. */
  | { do: 'keep_clock'; clock: Clock }
  | { do: 'cancel_payment' }
  | { do: 'notify'; notice: DueNotice }
  /** `until`: epoch milliseconds; absent: until a message arrives. */
  | { do: 'wait'; until?: number; for?: NonNullable<RecoveryStatus['waiting_for']> }
  | { do: 'finish' };
