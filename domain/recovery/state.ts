/**
 * The recovery of one obligation as a pure state machine: `evolve(state, fact)` returns the state after a fact,
 * `decide(state, now)` the next step. The workflow only executes the steps and reports their results as facts, so that
 * every rule of the process can be read and tested without Temporal.
 *
 * The state is in one of three phases (open, closing, closed). A charge outlives the phase that it was claimed in, so it is
 * next to it, and so are the reasons that hold the recovery back (review, pause, suspension), its clock, and what is due.
 */

import type { DeclineClass } from '../decline/classify.ts';
import type { ChargeAnswer, GatewayPayment, PaymentNoticeTemplate } from '../ports.ts';
import type {
  Claim,
  ClaimedAttempt,
  ClosedObligation,
  RecordedAttempt,
  RecoverySnapshot,
  RecoveryRefresh,
} from './claims.ts';
import type { Clock, StoredClock } from './clock.ts';
import type { AttemptStatus, RecoveryOutcome, RecoveryStatus } from './status.ts';

export interface RecoveryState {
  obligation: Obligation;
  /** The class and rule of the failure, or of what ended the recovery. */
  class: DeclineClass;
  rule: string;
  attempts: AttemptStatus[];
  phase: Phase;
  /** The charge in progress: nothing else is charged until it is resolved. */
  charge?: Charge;
  /** Only an operator or a late gateway update can continue the recovery. `flagged`: stored in the graph. */
  review?: { rule: string; flagged: boolean };
  /** Paused by an operator: nothing is charged until the recovery is resumed. */
  paused: boolean;
  /** The customer is not active; checked again then. */
  suspended_until?: number;
  /** An attempt that may have a new outcome: the gateway is queried until it responds. */
  recheck?: Retry & { key: string };
  clock: Clock;
  due: DueWork;
  /** The first cascade is over: the customer may be notified, and only new methods and due retries are charged. */
  cascade_ended: boolean;
  /** When the graph was last read completely. */
  read_at: number;
  /** When the customer was last notified of the unpaid obligation. */
  notified_at?: number;
  /** Processed events of added methods, for deduplication. */
  handled_event_ids: string[];
}

/** What never changes in a run. */
export type Obligation = Pick<
  RecoverySnapshot,
  'payment_id' | 'customer_id' | 'amount' | 'currency' | 'failed_payment_method_id' | 'opened_at' | 'policy'
>;

export type Phase = Open | Closing | Closed;
export type OpenRecovery = RecoveryState & { phase: Open };

/** The obligation is owed, and its candidates are charged when they are due. */
export interface Open {
  name: 'open';
  candidates: Candidate[];
  lookup?: LookUp;
  /** Another obligation's unresolved attempt blocks the claim; retried then, or when `claimFreed` arrives. */
  blocked_until?: number;
}

/** Nothing more is charged; the obligation is still open in the graph. */
export interface Closing {
  name: 'closing';
  ending: Ending;
  /** Read first, so that closing cancels the payment. */
  lookup?: LookUp;
  cancelling?: Cancelling;
}

/** Closed in the graph; the run resolves what is left. */
export interface Closed {
  name: 'closed';
  ending: Ending;
  /** The payment is cancelled once no charge of it is unresolved. */
  payment_open: boolean;
  cancelling?: Cancelling;
}

/** How often something was tried, and when it is tried again. */
interface Retry {
  tries: number;
  next_at: number;
}

/** The payment that the report names, to be read before anything is charged. */
export interface LookUp {
  ref: string;
  /** It was processing when it was read. */
  processing?: Retry;
}

/** The gateway did not cancel the payment. `processing`: because it may still succeed. */
export interface Cancelling extends Retry {
  processing: boolean;
}

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

/** `answer`: its result, which is not recorded yet. */
export type Charge = ClaimedCharge | UnresolvedCharge | LateSuccess;

/** Claimed, and charged unless a message forbids it first. */
interface ClaimedCharge extends ClaimedAttempt {
  state: 'claimed';
  answer?: ChargeAnswer;
}

/** A charge whose outcome is not known yet. */
export interface UnresolvedCharge {
  state: 'unknown' | 'pending';
  key: string;
  payment_method_id: string;
  claimed_at: number;
  /** Still in flight in the graph: the run that claimed it was lost. */
  in_flight?: true;
  /** How often the gateway has been queried. */
  tries: number;
  /** When it is queried again; absent: only an operator or a late gateway update resolves it. */
  next_at?: number;
  /** Its payment (`pi_…`), which succeeded and was reversed: an operator decides. */
  reversed_payment?: string;
  /** When the gateway first had no payment for this obligation an hour or more after the claim. */
  absent_since?: number;
  answer?: ChargeAnswer;
}

/** An attempt that had counted as resolved, and has succeeded. */
interface LateSuccess {
  state: 'succeeded_late';
  key: string;
  answer: ChargeAnswer;
}

/** What is due whatever the phase, each in order. */
export interface DueWork {
  /** Attempts to be refunded: second successes. */
  refunds: string[];
  /** Suspicions that are not reported to Chimera yet. */
  fraud_reports: FraudReport[];
  notices: DueNotice[];
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

export interface DueNotice {
  template: PaymentNoticeTemplate;
  /** Distinguishes several notices of one template; part of the notification's id. */
  stage: string;
}

export type Fact =
  | FactWhileOpen
  | {
      fact: 'looked_up';
      payment: 'adopted' | 'succeeded' | 'reversed' | 'cancelled' | 'processing' | 'not_ours';
      at: number;
    }
  | { fact: 'charge_answered'; answer: ChargeAnswer }
  | { fact: 'charge_resolved'; key: string; found: ChargeOutcome; at: number }
  /** A webhook about a charge arrived: the gateway is queried, regardless of its content. */
  | { fact: 'charge_reported'; key?: string; at: number }
  | { fact: 'resolved_by_operator'; key: string; result: 'approved' | 'declined' }
  | { fact: 'attempt_recorded'; recorded: RecordedAttempt; at: number; retry_after_ms?: number }
  | { fact: 'settled'; payment_ref?: string; rule?: string }
  /** An external payment succeeded too: `key` is the later success, `ending` the resulting ending. */
  | { fact: 'second_success'; key: string; ending: Ending }
  | { fact: 'closed'; obligation: ClosedObligation; payment_open: boolean }
  /** Closing found an unresolved attempt, unknown to the run, that may have paid the obligation. */
  | { fact: 'closing_unresolved'; attempt: AttemptStatus; at: number }
  /** The payment to be cancelled had already succeeded. */
  | { fact: 'already_succeeded'; reversed?: true }
  | { fact: 'payment_cancelled' }
  /** `ending`: the ending with which the obligation was to be closed; absent: it is closed. */
  | { fact: 'not_cancelled'; payment: 'processing' | 'unknown'; ending?: Ending; at: number }
  | { fact: 'flagged_for_review'; at: number }
  | { fact: 'refunded'; key: string; notify: boolean }
  | { fact: 'fraud_reported' }
  | { fact: 'notified'; notice: DueNotice; at: number }
  | { fact: 'clock_stored'; clock: StoredClock }
  | { fact: 'paused' }
  | { fact: 'resumed' }
  /** Everything that may be charged is charged now; `alternatives` from the graph's current state. */
  | { fact: 'retry_now'; alternatives: string[]; at: number };

/** What has no effect any more once the recovery is closing. */
export type FactWhileOpen =
  | { fact: 'claim_answered'; candidate: Candidate; claim: Claim; at: number }
  /** A newer failure of the open obligation; only STOP and FRAUD have an effect. */
  | { fact: 'noted'; recovery: RecoverySnapshot }
  | { fact: 'refreshed'; found: RecoveryRefresh; at: number }
  | { fact: 'customer_status'; status: string; at: number }
  /** The customer reportedly authenticated; `payment` is the payment's state at the gateway. */
  | {
      fact: 'authenticated';
      payment: GatewayPayment['state'] | 'reversed' | 'none';
      gateway_ref?: string;
      at: number;
    }
  | { fact: 'claim_freed' }
  | { fact: 'method_added'; payment_method_id: string; event_id?: string }
  | { fact: 'consent_revoked' }
  | { fact: 'fraud_known' }
  /** A settlement names a payment that cannot have settled it or was reversed; the graph has set the review. */
  | { fact: 'settlement_in_review'; rule: string; at: number }
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
  | { do: 'resolve_charge'; key: string; only_read?: true }
  /** Reads changes from the graph that no signal reported. */
  | { do: 'refresh' }
  | { do: 'refund'; key: string }
  | { do: 'report_fraud'; report: FraudReport }
  | { do: 'flag_for_review'; rule: string }
  /**
   * `keep_payment`: its charge is unresolved, so the payment cannot be cancelled yet. `notice`: the customer's notice about
   * the ending, due from then on even if the run is lost.
   */
  | { do: 'close'; ending: Ending; keep_payment: boolean; notice?: PaymentNoticeTemplate }
  /** Stores the recovery's clock in the graph. */
  | { do: 'store_clock'; clock: StoredClock }
  | { do: 'cancel_payment' }
  | { do: 'notify'; notice: DueNotice }
  /** `until`: epoch milliseconds; absent: until a message arrives. */
  | { do: 'wait'; until?: number; for?: NonNullable<RecoveryStatus['waiting_for']> }
  | { do: 'finish' };

export function isOpen(state: RecoveryState): state is OpenRecovery {
  return state.phase.name === 'open';
}

export function unresolvedCharge({ charge }: RecoveryState): UnresolvedCharge | undefined {
  return charge?.state === 'unknown' || charge?.state === 'pending' ? charge : undefined;
}

export function withDue(state: RecoveryState, changes: Partial<DueWork>): RecoveryState {
  return { ...state, due: { ...state.due, ...changes } };
}
