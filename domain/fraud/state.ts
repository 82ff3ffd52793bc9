/** What a run knows of a fraud case, what it hears and learns, and what it does next. */

import type { FraudPolicy } from '../policy.ts';
import type { FraudOutcomeReport, ReviewDecision } from './messages.ts';
import type { FraudOutcome } from './messages.ts';
import type { ReviewOutcome } from './events.ts';

/** A case as the graph has it. */
export interface KnownFraudCase {
  customer_id: string;
  customer_status: string;
  /** The last one that was applied. */
  outcome: FraudOutcome | ReviewOutcome;
  /** It awaits a person. */
  review?: {
    /** Epoch milliseconds, by our own clock: whoever reports a suspicion late leaves as much time to decide. */
    since: number;
    reminded: boolean;
  };
  /** Id of the notice that the customer is still to get. */
  notice_due?: string;
}

/** Something that came from outside and was not acted on yet. */
export type ReceivedMessage =
  | { received: 'outcome'; report: FraudOutcomeReport }
  | { received: 'decision'; decision: ReviewDecision }
  | { received: 'reinstatement'; by: { actor: string; reason: string } };

export interface FraudCaseState {
  case_id: string;
  /** In the order in which it came. */
  received: readonly ReceivedMessage[];
  /** Absent: the graph was not asked yet, or has no such case. */
  known?: KnownFraudCase;
  /** The graph was asked, and has no such case (any more). */
  missing?: boolean;
  /** The graph had it and has it no more: this customer was erased meanwhile. */
  gone?: { customer_id: string };
  /** As it was when the run began; absent: as `known`. */
  policy?: FraudPolicy;
}

/** What the graph answers to a step. `found` is the case after it, whoever changed it. */
export interface CaseAnswer {
  found?: KnownFraudCase;
  policy: FraudPolicy;
}

export type Fact =
  | { fact: 'heard'; received: ReceivedMessage }
  /** The case was read, or reminded of. */
  | ({ fact: 'read' } & CaseAnswer)
  /** What was heard has been acted on, or came to nothing. */
  | ({ fact: 'done'; received: ReceivedMessage } & CaseAnswer)
  /** It is of no use, and nobody was asked about it. */
  | { fact: 'dropped'; received: ReceivedMessage }
  /** Nobody has decided in time, and policy has. */
  | ({ fact: 'decided_by_policy' } & CaseAnswer)
  /** Handed over, or given to a process of its own. */
  | { fact: 'noticed' };

export type Step =
  | { do: 'apply'; received: Extract<ReceivedMessage, { received: 'outcome' }> }
  /** Nothing is known of the case yet, and what is to be done needs that. */
  | { do: 'read' }
  | { do: 'decide'; received: Extract<ReceivedMessage, { received: 'decision' }> }
  | { do: 'reinstate'; received: Extract<ReceivedMessage, { received: 'reinstatement' }> }
  /** A decision about nothing: a later outcome has ended the review, or another decision has. */
  | { do: 'drop'; received: ReceivedMessage }
  | { do: 'decide_by_policy'; decision: ReviewDecision }
  | { do: 'remind' }
  | { do: 'notify'; notification_id: string }
  | { do: 'wait'; until: number }
  | { do: 'finish' };
