/** The rules of a fraud case's process, without Temporal and without a clock (docs/reference/workflows.md, 'applyFraudOutcome'). */

import type { FraudPolicy } from '../policy.ts';
import type { ReviewDecision } from './messages.ts';
import type { Fact, FraudCaseState, ReceivedMessage, KnownFraudCase, Step } from './state.ts';

/** The actor of decisions that policy makes at the deadline. */
const POLICY_ACTOR = 'policy';

/**
 * The state after a fact.
 * @returns a new state; the given one is not modified
 */
export function evolve(state: FraudCaseState, fact: Fact): FraudCaseState {
  switch (fact.fact) {
    case 'heard':
      return { ...state, received: [...state.received, fact.received] };
    case 'dropped':
      return withoutReceived(state, fact.received);
    case 'done':
      return withoutReceived(withCase(state, fact), fact.received);
    case 'read':
    case 'decided_by_policy':
      return withCase(state, fact);
    case 'noticed':
      return state.known ? { ...state, known: { ...state.known, notice_due: undefined } } : state;
  }
}

/** A run keeps the policy that it started with. */
function withCase(
  state: FraudCaseState,
  { found, policy }: { found?: KnownFraudCase; policy: FraudPolicy },
): FraudCaseState {
  const { known, missing: _, ...rest } = state;
  const gone = known && { gone: { customer_id: known.customer_id } };
  return {
    ...rest,
    ...(found ? { known: found } : { missing: true, ...gone }),
    policy: state.policy ?? policy,
  };
}

function withoutReceived(state: FraudCaseState, received: ReceivedMessage): FraudCaseState {
  return { ...state, received: state.received.filter((one) => one !== received) };
}

/**
 * The next step. Received messages come before timers: a later outcome ends a review and withdraws the customer's
 * pending notice. Outcomes are applied in the order of their occurrence, not of their arrival.
 *
 * @param now epoch milliseconds
 */
export function decide(state: FraudCaseState, now: number): Step {
  const { known, policy } = state;
  const next = state.received[0];
  if (next?.received === 'outcome') return { do: 'apply', received: earliestOutcome(state.received, next) };
  if (state.missing) return next ? { do: 'drop', received: next } : { do: 'finish' };
  if (!known || !policy) return { do: 'read' };
  if (next?.received === 'reinstatement') return { do: 'reinstate', received: next };
  if (next) return known.review ? { do: 'decide', received: next } : { do: 'drop', received: next };
  if (known.notice_due !== undefined) return { do: 'notify', notification_id: known.notice_due };
  return known.review ? reviewStep(known.review, policy, now) : { do: 'finish' };
}

type ReceivedOutcome = Extract<ReceivedMessage, { received: 'outcome' }>;

/** Of two with the same time, the one that arrived first. */
function earliestOutcome(received: readonly ReceivedMessage[], first: ReceivedOutcome): ReceivedOutcome {
  const outcomes = received.filter((one) => one.received === 'outcome');
  return outcomes.reduce(
    (best, one) => (one.report.occurred_at < best.report.occurred_at ? one : best),
    first,
  );
}

function reviewStep(
  { since, reminded }: NonNullable<KnownFraudCase['review']>,
  policy: FraudPolicy,
  now: number,
): Step {
  const deadline = since + policy.reviewDeadline;
  if (now >= deadline) return { do: 'decide_by_policy', decision: defaultDecision(policy) };
  const reminder = since + policy.reviewReminder;
  if (reminded || reminder >= deadline) return { do: 'wait', until: deadline };
  return now >= reminder ? { do: 'remind' } : { do: 'wait', until: reminder };
}

function defaultDecision({ reviewDefault: decision }: FraudPolicy): ReviewDecision {
  return {
    decision,
    actor: POLICY_ACTOR,
    reason: 'no decision before fraud.reviewDeadline',
  };
}
