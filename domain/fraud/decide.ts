/** The rules of a fraud case's process, without Temporal and without a clock (specification: workflows, 5). */

import type { FraudPolicy } from '../policy.ts';
import type { ReviewDecision } from './messages.ts';
import type { Fact, FraudCaseState, Heard, KnownFraudCase, Step } from './state.ts';

/** In whose name policy decides where nobody has. */
const POLICY_ACTOR = 'policy';

/**
 * What is true after something happened.
 * @returns a new state; the one given stays as it is
 */
export function evolve(state: FraudCaseState, fact: Fact): FraudCaseState {
  switch (fact.fact) {
    case 'heard':
      return { ...state, heard: [...state.heard, fact.heard] };
    case 'dropped':
      return without(state, fact.heard);
    case 'done':
      return without(informed(state, fact), fact.heard);
    case 'read':
    case 'decided_by_policy':
      return informed(state, fact);
    case 'noticed':
      return state.known ? { ...state, known: { ...state.known, notice_due: undefined } } : state;
  }
}

/** A run keeps the policy that it began with. */
function informed(
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

function without(state: FraudCaseState, heard: Heard): FraudCaseState {
  return { ...state, heard: state.heard.filter((one) => one !== heard) };
}

/**
 * The one next step. What was heard comes before what is waited for: a later outcome ends a review, and takes back what
 * the customer was to be told. Outcomes go in the order in which they happened, whichever came first.
 *
 * @param now epoch milliseconds
 */
export function decide(state: FraudCaseState, now: number): Step {
  const { known, policy } = state;
  const next = state.heard[0];
  if (next?.heard === 'outcome') return { do: 'apply', heard: earliestOutcome(state.heard, next) };
  if (state.missing) return next ? { do: 'drop', heard: next } : { do: 'finish' };
  if (!known || !policy) return { do: 'read' };
  if (next?.heard === 'reinstatement') return { do: 'reinstate', heard: next };
  if (next) return known.review ? { do: 'decide', heard: next } : { do: 'drop', heard: next };
  if (known.notice_due !== undefined) return { do: 'notify', notification_id: known.notice_due };
  return known.review ? review(known.review, policy, now) : { do: 'finish' };
}

type HeardOutcome = Extract<Heard, { heard: 'outcome' }>;

/** Of two that happened at the same moment the one that came first. */
function earliestOutcome(heard: readonly Heard[], first: HeardOutcome): HeardOutcome {
  const outcomes = heard.filter((one) => one.heard === 'outcome');
  return outcomes.reduce(
    (best, one) => (one.report.occurred_at < best.report.occurred_at ? one : best),
    first,
  );
}

function review(
  { since, reminded }: NonNullable<KnownFraudCase['review']>,
  policy: FraudPolicy,
  now: number,
): Step {
  const deadline = since + policy.reviewDeadline;
  if (now >= deadline) return { do: 'decide_by_policy', decision: byDefault(policy) };
  const reminder = since + policy.reviewReminder;
  if (reminded || reminder >= deadline) return { do: 'wait', until: deadline };
  return now >= reminder ? { do: 'remind' } : { do: 'wait', until: reminder };
}

function byDefault({ reviewDefault: decision }: FraudPolicy): ReviewDecision {
  return {
    decision,
    actor: POLICY_ACTOR,
    reason: 'nobody decided before the deadline of fraud.reviewDeadline',
  };
}
