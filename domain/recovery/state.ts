/**
 * The recovery of one obligation as a pure state machine: `evolve(state, fact)` says what is true after something
 * happened, `decide(state, now)` what is to be done next. The workflow only carries out what `decide` says and
 * reports back what came of it, so that every rule of the process can be read and tested without Temporal.
 */

import type { DeclineClass } from '../decline/classify.ts';
import type { ChargeAnswer, NoticeTemplate } from '../ports.ts';
import type { RecoveryPolicy } from '../policy.ts';
import type { Claim, ClaimedAttempt, ClosedObligation, RecordedAttempt, RecoverySnapshot } from './claims.ts';
import type { AttemptStatus, RecoveryOutcome } from './status.ts';

/** A method that is to be tried. */
export interface Candidate {
  payment_method_id: string;
  /** Epoch milliseconds; 0: at once. */
  not_before: number;
  why: 'alternative' | 'same_method' | 'added';
}

/** Outcomes that a run itself brings about by closing the obligation. */
export type Ending = { outcome: Exclude<RecoveryOutcome, 'ignored'>; rule: string };

export interface FraudReport {
  /** Chimera's deduplication key: the event or attempt that the suspicion comes from. */
  event_id: string;
  payment_method_id: string;
  code?: string;
  occurred_at: string;
}

export interface RecoveryState {
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
  closes_at: number;
  policy: RecoveryPolicy;
  attempts: AttemptStatus[];
  candidates: Candidate[];
  /** The first cascade is over: customers may be written to, and only new methods are tried. */
  cascade_ended: boolean;
  /** The payment named by the report, to be read before anything is charged. */
  look_up?: string;
  /** Claimed and not yet recorded. */
  claim?: ClaimedAttempt;
  /** What the gateway said of the claim, not yet recorded. */
  answer?: ChargeAnswer;
  /** Somebody else's unresolved attempt stands in the way; ask again then, or when `claimFreed` comes. */
  blocked_until?: number;
  /** The customer is not active; ask again then. */
  suspended_until?: number;
  /** Only a person or a late truth can go on from here. */
  review?: { rule: string; flagged: boolean };
  ending?: Ending;
  closed: boolean;
  /** The message that is due. */
  notice?: NoticeTemplate;
  /** Suspicions that Chimera has not been told of. */
  reports: FraudReport[];
}

export type Fact =
  | { fact: 'opened'; recovery: RecoverySnapshot }
  /** A newer failure of the open obligation; only STOP and FRAUD change the course. */
  | { fact: 'noted'; recovery: RecoverySnapshot }
  | { fact: 'looked_up'; payment: 'adopted' | 'succeeded' | 'cancelled' | 'processing' | 'not_ours' }
  | { fact: 'claim_answered'; candidate: Candidate; claim: Claim; at: number }
  | { fact: 'charge_answered'; answer: ChargeAnswer }
  | { fact: 'attempt_recorded'; recorded: RecordedAttempt; at: number; retry_after_ms?: number }
  | { fact: 'flagged_for_review' }
  | { fact: 'closed'; obligation: ClosedObligation }
  /** The gateway says that the payment to be cancelled had succeeded. */
  | { fact: 'close_refused' }
  | { fact: 'noticed' }
  | { fact: 'fraud_reported' }
  | { fact: 'claim_freed' }
  | { fact: 'method_added'; payment_method_id: string }
  | { fact: 'settled'; rule: string };

export type Step =
  | { do: 'look_up'; gateway_payment_ref: string }
  | { do: 'claim'; candidate: Candidate; n: number }
  | { do: 'charge'; claim: ClaimedAttempt }
  | { do: 'record'; claim: ClaimedAttempt; answer: ChargeAnswer }
  | { do: 'report_fraud'; report: FraudReport }
  | { do: 'flag_for_review'; rule: string }
  | { do: 'close'; ending: Ending }
  | { do: 'notify'; template: NoticeTemplate }
  /** `until`: epoch milliseconds; absent: until something is heard. */
  | { do: 'wait'; until?: number; for?: 'claim' | 'method' | 'authentication' | 'review' | 'customer_status' }
  | { do: 'finish' };
