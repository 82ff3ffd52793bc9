/** The state, facts and steps of a fraud case's process. */

import type { FraudPolicy } from '../policy.ts';
import type { FraudOutcomeReport, ReviewDecision } from './messages.ts';
import type { FraudOutcome } from './messages.ts';
import type { ReviewOutcome } from './events.ts';

/** A case as stored in the graph. */
export interface KnownFraudCase {
  customer_id: string;
  customer_status: string;
  /** The last applied outcome. */
  outcome: FraudOutcome | ReviewOutcome;
  /** Set while the case awaits an operator. */
  review?: {
    /** Epoch milliseconds, by Persona's clock: a suspicion that is reported late leaves the same time to decide. */
    since: number;
    reminded: boolean;
  };
  /** The id of the notice that is due to the customer. */
  notice_due?: string;
}

/** A received message that is not processed yet. */
export type ReceivedMessage =
  | { received: 'outcome'; report: FraudOutcomeReport }
  | { received: 'decision'; decision: ReviewDecision }
  | { received: 'reinstatement'; by: { actor: string; reason: string } };

export interface FraudCaseState {
  case_id: string;
  /** In the order of arrival. */
  received: readonly ReceivedMessage[];
  /** Absent: the graph was not read yet, or has no such case. */
  known?: KnownFraudCase;
  /** The graph was read and has no such case (any more). */
  missing?: boolean;
  /** The graph no longer has the case: this customer was erased meanwhile. */
  gone?: { customer_id: string };
  /** The policy at the start of the run; absent: not read yet, like `known`. */
  policy?: FraudPolicy;
}

/** The graph's result for a step. `found` is the case afterwards, including concurrent changes. */
export interface CaseAnswer {
  found?: KnownFraudCase;
  policy: FraudPolicy;
}

export type Fact =
  | { fact: 'heard'; received: ReceivedMessage }
  /** The case was read, or operators were reminded of it. */
  | ({ fact: 'read' } & CaseAnswer)
  /** The message was processed, with or without effect. */
  | ({ fact: 'done'; received: ReceivedMessage } & CaseAnswer)
  /** The message was discarded without a command. */
  | { fact: 'dropped'; received: ReceivedMessage }
  /** Policy decided, because no operator did in time. */
  | ({ fact: 'decided_by_policy' } & CaseAnswer)
  /** The notice was sent, or passed to its own workflow. */
  | { fact: 'noticed' };

export type Step =
  | { do: 'apply'; received: Extract<ReceivedMessage, { received: 'outcome' }> }
  /** The case has to be read before the next step. */
  | { do: 'read' }
  | { do: 'decide'; received: Extract<ReceivedMessage, { received: 'decision' }> }
  | { do: 'reinstate'; received: Extract<ReceivedMessage, { received: 'reinstatement' }> }
  /** A decision without a review: a later outcome or another decision has ended it. */
  | { do: 'drop'; received: ReceivedMessage }
  | { do: 'decide_by_policy'; decision: ReviewDecision }
  | { do: 'remind' }
  | { do: 'notify'; notification_id: string }
  | { do: 'wait'; until: number }
  | { do: 'finish' };
