import { describe, expect, test } from 'vitest';
import type { FraudPolicy } from '../policy.ts';
import { decide, evolve } from './decide.ts';
import type { FraudOutcomeReport } from './messages.ts';
import type { Fact, FraudCaseState, ReceivedMessage, KnownFraudCase, Step } from './state.ts';

const HOUR = 3_600_000;
const policy: FraudPolicy = { reviewReminder: 4 * HOUR, reviewDeadline: 24 * HOUR, reviewDefault: 'clear' };
const clearedCase: KnownFraudCase = { customer_id: 'c', customer_status: 'active', outcome: 'cleared' };
const suspected: KnownFraudCase = {
  ...clearedCase,
  outcome: 'suspected',
  review: { since: 0, reminded: false },
};
const reminded: KnownFraudCase = { ...suspected, review: { since: 0, reminded: true } };
const outcome = (
  event_id: string,
  occurred_at: string,
): Extract<ReceivedMessage, { received: 'outcome' }> => ({
  received: 'outcome',
  report: { event_id, occurred_at } as FraudOutcomeReport,
});
const decision: ReceivedMessage = {
  received: 'decision',
  decision: { decision: 'suspend', actor: 'a', reason: 'r' },
};
const reinstatement: ReceivedMessage = { received: 'reinstatement', by: { actor: 'a', reason: 'r' } };

function after(...facts: Fact[]): FraudCaseState {
  return facts.reduce(evolve, { case_id: 'case', received: [] });
}
const received = (one: ReceivedMessage): Fact => ({ fact: 'heard', received: one });
const read = (found?: KnownFraudCase): Fact => ({ fact: 'read', ...(found && { found }), policy });

test.each<[string, Fact[], number, Step]>([
  ['a new run reads the case first', [], 0, { do: 'read' }],
  ['an operator’s decision waits until the case is read', [received(decision)], 0, { do: 'read' }],
  ['a case with nothing to do is finished', [read(clearedCase)], 0, { do: 'finish' }],
  ['an unknown case is finished', [read()], 0, { do: 'finish' }],
  [
    'a request about an unknown case is dropped',
    [read(), received(reinstatement)],
    0,
    { do: 'drop', received: reinstatement },
  ],
  ['a suspicion waits for its reminder', [read(suspected)], 1, { do: 'wait', until: 4 * HOUR }],
  ['operators are reminded', [read(suspected)], 4 * HOUR, { do: 'remind' }],
  ['a suspicion then waits for its deadline', [read(reminded)], 4 * HOUR, { do: 'wait', until: 24 * HOUR }],
  [
    'a reminder that is due only at the deadline or later is not sent',
    [{ ...read(suspected), policy: { ...policy, reviewReminder: 30 * HOUR } } as Fact],
    1,
    { do: 'wait', until: 24 * HOUR },
  ],
  [
    'the policy decides at the deadline',
    [read(reminded)],
    24 * HOUR,
    { do: 'decide_by_policy', decision: expect.objectContaining({ decision: 'clear', actor: 'policy' }) },
  ],
  [
    'a missed reminder is not sent late',
    [read(suspected)],
    25 * HOUR,
    { do: 'decide_by_policy', decision: expect.objectContaining({ decision: 'clear' }) },
  ],
  ['an operator decides', [read(suspected), received(decision)], 0, { do: 'decide', received: decision }],
  [
    'a decision without a review is dropped',
    [read(clearedCase), received(decision)],
    0,
    { do: 'drop', received: decision },
  ],
  [
    'an operator can reinstate while a suspicion waits',
    [read(suspected), received(reinstatement)],
    0,
    { do: 'reinstate', received: reinstatement },
  ],
  [
    'the customer is notified once nothing else is left to do',
    [read({ ...clearedCase, notice_due: 'notice' })],
    0,
    { do: 'notify', notification_id: 'notice' },
  ],
  [
    'the customer is notified only once',
    [read({ ...clearedCase, notice_due: 'notice' }), { fact: 'noticed' }],
    0,
    { do: 'finish' },
  ],
  [
    'the decision at the deadline ends the review',
    [read(suspected), { fact: 'decided_by_policy', found: clearedCase, policy }],
    24 * HOUR,
    { do: 'finish' },
  ],
])('%s', (_, facts, now, step) => {
  expect(decide(after(...facts), now)).toEqual(step);
});

describe('outcomes', () => {
  const later = outcome('later', '2026-01-01T00:00:02.000Z');
  const earlier = outcome('earlier', '2026-01-01T00:00:01.000Z');
  const twin = outcome('twin', '2026-01-01T00:00:01.000Z');

  test('are applied in the order of their occurrence, before timers and operator requests', () => {
    let state = after(
      read(suspected),
      received(later),
      received(earlier),
      received(twin),
      received(decision),
    );
    const applied: unknown[] = [];
    for (let step = decide(state, 30 * HOUR); step.do === 'apply'; step = decide(state, 30 * HOUR)) {
      applied.push(step.received);
      state = evolve(state, { fact: 'done', received: step.received, found: clearedCase, policy });
    }
    expect(applied).toEqual([earlier, twin, later]);
    // The last one has ended the review.
    expect(decide(state, 30 * HOUR)).toEqual({ do: 'drop', received: decision });
  });

  test('a decision received before an outcome is processed first', () => {
    const state = after(read(suspected), received(decision), received(earlier));
    expect(decide(state, 0)).toEqual({ do: 'decide', received: decision });
  });

  test('a case created after the first read is known from then on', () => {
    const state = after(read(), received(earlier), {
      fact: 'done',
      received: earlier,
      found: suspected,
      policy,
    });
    expect(decide(state, 0)).toEqual({ do: 'wait', until: 4 * HOUR });
  });
});

test('a case that the graph no longer has is gone, not unknown', () => {
  const erased = after(read(suspected), read());
  expect(erased).toMatchObject({ missing: true, gone: { customer_id: 'c' } });
  expect(decide(erased, 0)).toEqual({ do: 'finish' });
  // Also after another message about it.
  expect(after(read(suspected), read(), received(decision), read())).toHaveProperty('gone');
  expect(after(read())).not.toHaveProperty('gone');
});

test('a run keeps the policy that it started with', () => {
  const changed = { ...policy, reviewDeadline: HOUR };
  const state = after(read(reminded), { fact: 'read', found: reminded, policy: changed });
  expect(decide(state, 2 * HOUR)).toEqual({ do: 'wait', until: 24 * HOUR });
});
