/**
 * The recovery of one obligation as a pure state machine: `evolve(state, fact)` says what is true after something
 * happened, `decide(state, now)` what is to be done next. The workflow only carries out what `decide` says and
 * reports back what came of it, so that every rule of the process can be read and tested without Temporal.
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

/** A method that is to be tried. */
export interface Candidate {
  payment_method_id: string;
  /** Epoch milliseconds; 0: at once. */
  not_before: number;
  /** Another obligation's attempt in doubt stands on this instrument: others may be tried meanwhile. */
  blocked?: boolean;
  /** Its last charge never reached the gateway: it waits for that. */
  unsent?: boolean;
  reason: 'alternative' | 'same_method' | 'added' | 'authenticated' | 'retry';
}

/** Outcomes that a run itself brings about by closing the obligation. */
export interface Ending {
  outcome: Exclude<RecoveryOutcome, 'ignored'>;
  rule: string;
  /** The payment at the gateway that others were paid by, where they say which. */
  payment_ref?: string;
}

export interface FraudReport {
  /** Chimera's deduplication key: the event or attempt that the suspicion comes from. */
  event_id: string;
  payment_method_id: string;
  code?: string;
  occurred_at: string;
}

/** A charge whose outcome nobody knows yet: nothing else may be charged until somebody does. */
export interface UnresolvedCharge {
  key: string;
  payment_method_id: string;
  state: 'unknown' | 'pending';
  claimed_at: number;
  /** The graph still has it in flight: the run that claimed it was lost. */
  in_flight?: true;
  /** How often the gateway has been asked. */
  tries: number;
  /** When it is asked again; absent: only a person or a late truth can tell. */
  next_at?: number;
  /** Its payment (`pi_…`) has succeeded, and does not hold its whole amount now: a person decides what that means. */
  came_back?: string;
  /** When the gateway first had no payment of this obligation although it had had an hour to arrive. */
  absent_since?: number;
}

export interface DueNotice {
  template: PaymentNoticeTemplate;
  /** Tells several notices of one template apart: part of the notification's id. */
  stage: string;
}

/** The clock of the window. */
export interface Clock {
  /** When the window ends, if the clock goes on from where it stands: epoch milliseconds, like every time here. */
  closes_at: number;
  /** Since when it stands still. */
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
  /** Epoch milliseconds, like every time in here. */
  opened_at: number;
  policy: RecoveryPolicy;
  attempts: AttemptStatus[];
  candidates: Candidate[];
  /** The first cascade is over: customers may be written to, and only new methods and due retries are tried. */
  cascade_ended: boolean;
  /** The payment named by the report, to be read before anything is charged. */
  lookup_ref?: string;
  /** It was being processed when it was read: read again then. */
  processing?: { tries: number; next_at: number };
  /** Claimed and not yet recorded. */
  claim?: ClaimedAttempt;
  /** What is known of an attempt and not written down yet. */
  to_record?: { key: string; answer: ChargeAnswer };
  unresolved?: UnresolvedCharge;
  /** An attempt of which something new may be known: asked about at this time, and again until the gateway answers. */
  recheck?: { key: string; next_at: number; tries: number };
  /** Somebody else's unresolved attempt stands in the way; ask again then, or when `claimFreed` comes. */
  blocked_until?: number;
  /** The customer is not active; ask again then. */
  suspended_until?: number;
  /** Only a person or a late truth can go on from here. */
  review?: { rule: string; flagged: boolean };
  ending?: Ending;
  closed: boolean;
  /** Closed while a charge was in doubt: what is left of the payment is cancelled when the doubt is over. */
  payment_open?: boolean;
  /** The gateway did not cancel the payment: asked again then. `processing`: because that may still succeed. */
  cancelling?: { processing: boolean; tries: number; next_at: number };
  /** When the graph was last read as a whole. */
  read_at: number;
  /** When the customer was last written to about what is still unpaid. */
  notified_at?: number;
  /** Stopped by a person: nothing is charged until they say so. */
  paused: boolean;
  /** The clock as the graph has it: all that a run which takes over knows of it. */
  stored_clock: Clock;
  /** The messages that are due, in order. */
  notices: DueNotice[];
  /** Attempts whose money goes back: a second success. */
  refunds: string[];
  /** Events of added methods that were acted on: the same one twice is one. */
  handled_event_ids: string[];
  /** Suspicions that Chimera has not been told of. */
  fraud_reports: FraudReport[];
}

export type Fact =
  /** A newer failure of the open obligation; only STOP and FRAUD change the course. */
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
  /** This attempt may have paid it, and the run did not know of it. */
  | { fact: 'closing_in_doubt'; attempt: AttemptStatus; at: number }
  /** The gateway says that the payment to be cancelled had succeeded. */
  | { fact: 'already_succeeded'; came_back?: true }
  | { fact: 'payment_cancelled' }
  /** `ending`: that the obligation was to be closed with; absent: it is closed. */
  | { fact: 'not_cancelled'; payment: 'processing' | 'unknown'; ending?: Ending; at: number }
  | { fact: 'refunded'; key: string; notify: boolean }
  | { fact: 'clock_kept'; clock: Clock }
  | { fact: 'noticed'; notice: DueNotice; at: number }
  | { fact: 'fraud_reported' }
  | { fact: 'reread'; found: RecoveryRefresh; at: number }
  | { fact: 'customer_status'; status: string; at: number }
  /** The customer says to have authenticated; what the gateway says of the payment. */
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
  /** A settlement names a payment that cannot have settled it, or that came back; the graph has it under review. */
  | { fact: 'settlement_in_review'; rule: string; at: number }
  /** Somebody else was paid, too: `key` is the later of the two successes, and `ending` what is true now. */
  | { fact: 'crossed'; key: string; ending: Ending }
  /** A webhook speaks of a charge: whatever it says, the gateway is asked. */
  | { fact: 'charge_heard'; key?: string; at: number }
  | { fact: 'resolved_by_person'; key: string; result: 'approved' | 'declined' }
  | { fact: 'paused' }
  | { fact: 'resumed' }
  /** Everything that may be tried is tried now; `alternatives` as the graph has them now. */
  | { fact: 'retry_now'; alternatives: string[]; at: number }
  | { fact: 'cancelled' };

/** What reading the gateway told of an attempt. */
export type ChargeOutcome =
  | ChargeAnswer
  /** No payment of this obligation is there, and the request may not be sent again. */
  | { result: 'absent' };

export type Step =
  | { do: 'look_up'; gateway_payment_ref: string }
  | { do: 'claim'; candidate: Candidate; n: number }
  | { do: 'charge'; claim: ClaimedAttempt }
  | { do: 'record'; key: string; answer: ChargeAnswer }
  /** `only_read`: a request that never arrived is not sent again, because nothing may be charged any more. */
  | { do: 'find_out'; key: string; only_read?: true }
  /** What the graph has that no signal has told. */
  | { do: 'reread' }
  | { do: 'refund'; key: string }
  | { do: 'report_fraud'; report: FraudReport }
  | { do: 'flag_for_review'; rule: string }
  /**
   * `keep_payment`: a charge on it is in doubt, so it cannot be cancelled yet. `notice`: what the customer is to hear of
   * the ending, which is owed from then on whatever becomes of the run.
   */
  | { do: 'close'; ending: Ending; keep_payment: boolean; notice?: PaymentNoticeTemplate }
  /** The graph is told where the window's clock stands. */
  | { do: 'keep_clock'; clock: Clock }
  | { do: 'cancel_payment' }
  | { do: 'notify'; notice: DueNotice }
  /** `until`: epoch milliseconds; absent: until something is heard. */
  | { do: 'wait'; until?: number; for?: NonNullable<RecoveryStatus['waiting_for']> }
  | { do: 'finish' };
