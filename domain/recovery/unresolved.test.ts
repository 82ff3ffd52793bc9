import { describe, expect, test } from 'vitest';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { evolve } from './evolve.ts';
import type { Fact, RecoveryState } from './state.ts';
import type { AttemptState } from './status.ts';
import { attempt, claimed, DAY, HOUR, keyOf, MINUTE, NOW, recorded, snapshot } from './recovery-fixtures.ts';

/** A recovery that has one attempt, and an update about it or another one. */
function updated(attemptState: AttemptState, key?: string): RecoveryState {
  const state = begin(snapshot({ attempts: [attempt('a', 1, attemptState, 'LATER')] }));
  return evolve(state, { fact: 'charge_reported', at: NOW, ...(key === undefined ? {} : { key }) });
}

test.each(['declined', 'void'] as const)(
  'an update about an attempt that is %s triggers a query of the gateway',
  (state) => {
    expect(updated(state, keyOf('a', 1)).recheck?.key).toBe(keyOf('a', 1));
    expect(updated(state).recheck?.key).toBe(keyOf('a', 1));
  },
);

test('an update about a succeeded attempt, or about none, changes nothing', () => {
  for (const key of [keyOf('a', 1), undefined, 'another']) {
    expect(updated('approved', key)).toEqual(
      begin(snapshot({ attempts: [attempt('a', 1, 'approved', 'LATER')] })),
    );
  }
  expect(updated('declined', 'another').recheck).toBeUndefined();
});

test('an update about an unresolved attempt moves its next query to now', () => {
  expect(updated('unknown', keyOf('a', 1)).charge).toMatchObject({ state: 'unknown', next_at: NOW });
});

/** Stores the clock, if that is the next step. */
function storeClock(state: RecoveryState, now: number): RecoveryState {
  const step = decide(state, now);
  return step.do === 'store_clock' ? evolve(state, { fact: 'clock_stored', clock: step.clock }) : state;
}

test('a charge declined as UNKNOWN is queried on the schedule and only then reviewed', () => {
  const candidate = { payment_method_id: 'a', not_before: 0, reason: 'alternative' } as const;
  const charging = evolve(begin(snapshot({ alternatives: ['a', 'b'] })), {
    ...{ fact: 'claim_answered', candidate, claim: claimed('a', 1), at: NOW },
  });
  const answer = { result: 'declined', codes: { decline_code: 'duplicate_transaction' } } as const;
  // As the graph records it, at first and after each query of the gateway.
  const recordedUnknown = recorded('a', 1, 'unknown', 'UNKNOWN');
  let state = evolve(evolve(charging, { fact: 'charge_answered', answer }), {
    ...{ fact: 'attempt_recorded', recorded: recordedUnknown, at: NOW },
  });
  const rungs: number[] = [];
  let now = NOW;
  for (let rung = 0; rung < 10; rung += 1) {
    state = storeClock(state, now);
    const step = decide(state, now);
    if (step.do === 'flag_for_review') break;
    if (step.do === 'wait' && step.until !== undefined) now = step.until;
    expect(decide(state, now)).toEqual({ do: 'resolve_charge', key: keyOf('a', 1) });
    rungs.push(now - NOW);
    state = evolve(state, { fact: 'charge_resolved', key: keyOf('a', 1), found: answer, at: now });
    expect(decide(state, now)).toMatchObject({ do: 'record' });
    state = evolve(state, { fact: 'attempt_recorded', recorded: recordedUnknown, at: now });
  }
  expect(rungs).toEqual([
    0,
    5 * MINUTE,
    5 * MINUTE + HOUR,
    5 * MINUTE + HOUR + DAY,
    5 * MINUTE + HOUR + 2 * DAY,
  ]);
  expect(decide(state, now)).toEqual({ do: 'flag_for_review', rule: 'attempt_unknown' });
  // A late result still counts.
  const paid = evolve(state, {
    fact: 'charge_resolved',
    key: keyOf('a', 1),
    found: { result: 'approved' },
    at: now,
  });
  expect(decide(paid, now)).toMatchObject({ do: 'record', answer: { result: 'approved' } });
});

test('an absent payment counts as not charged only if it is absent twice, an hour apart', () => {
  const key = keyOf('a', 1);
  const absent = (state: RecoveryState, at: number) =>
    evolve(state, { fact: 'charge_resolved', key, found: { result: 'absent' }, at });
  let state = begin(snapshot({ attempts: [attempt('a', 1, 'unknown')] }));
  // Within an hour of the claim, the request may still be in transit.
  for (const at of [NOW + MINUTE, NOW + HOUR, NOW + 2 * HOUR - 1]) {
    state = absent(state, at);
    expect(decide(storeClock(state, at), at)).toMatchObject({ do: 'wait' });
  }
  const never = absent(state, NOW + 2 * HOUR);
  expect(decide(never, NOW + 2 * HOUR)).toMatchObject({ do: 'record', answer: { result: 'not_sent' } });
});

test('a late success of another attempt does not replace a charge in progress, and is queried again', () => {
  const attempts = [attempt('b', 1, 'declined', 'LATER')];
  const rechecking = evolve(begin(snapshot({ alternatives: ['a'], attempts })), {
    ...{ fact: 'charge_reported', key: keyOf('b', 1), at: NOW },
  });
  const candidate = { payment_method_id: 'a', not_before: 0, reason: 'alternative' } as const;
  const charging = evolve(rechecking, { fact: 'claim_answered', candidate, claim: claimed('a', 1), at: NOW });
  const late = {
    fact: 'charge_resolved',
    key: keyOf('b', 1),
    found: { result: 'approved' },
    at: NOW,
  } as const;
  expect(evolve(charging, late)).toMatchObject({
    charge: { state: 'claimed', key: keyOf('a', 1) },
    recheck: { key: keyOf('b', 1) },
  });
});

describe('while a charge is unresolved', () => {
  const unresolved = () => begin(snapshot({ alternatives: ['b'], attempts: [attempt('a', 1, 'unknown')] }));

  test.each<[string, Fact]>([
    ['an operator requests a retry', { fact: 'retry_now', alternatives: ['b', 'c'], at: NOW }],
    ['the customer authenticates', { fact: 'authenticated', payment: 'confirmable', at: NOW }],
  ])('nothing else is charged when %s', (_, fact) => {
    expect(evolve(unresolved(), fact)).toEqual(unresolved());
  });

  test('a response to a charge that was not just claimed is ignored', () => {
    const answer = { result: 'approved' } as const;
    expect(evolve(unresolved(), { fact: 'charge_answered', answer })).toEqual(unresolved());
  });

  test('a suspension does not resume the clock, and neither does it under review', () => {
    const reviewed = evolve(begin(snapshot()), {
      fact: 'settlement_in_review',
      rule: 'settlement_mismatch',
      at: NOW,
    });
    for (const state of [unresolved(), reviewed]) {
      const suspended = evolve(state, { fact: 'customer_status', status: 'suspended', at: NOW + HOUR });
      expect(suspended.clock).toEqual(state.clock);
    }
  });
});

test('a claimed charge is not sent once a review forbids it', () => {
  const candidate = { payment_method_id: 'a', not_before: 0, reason: 'alternative' } as const;
  const charging = evolve(begin(snapshot()), {
    fact: 'claim_answered',
    candidate,
    claim: claimed('a', 1),
    at: NOW,
  });
  expect(decide(charging, NOW)).toMatchObject({ do: 'charge' });
  const reviewed = evolve(charging, { fact: 'settlement_in_review', rule: 'settlement_mismatch', at: NOW });
  expect(decide(reviewed, NOW)).toMatchObject({ do: 'record', answer: { result: 'not_sent' } });
});
