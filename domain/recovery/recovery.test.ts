import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DECLINE_CLASSES, type DeclineClass } from '../decline/classes.ts';
import type { RecoverySnapshot } from './claims.ts';
import { BLOCKED_RETRY_MS } from './charges.ts';
import { decide } from './decide.ts';
import { describe as statusOf } from './describe.ts';
import { begin } from './begin.ts';
import { TECH_RETRY_MS } from './cascade.ts';
import { evolve } from './evolve.ts';
import type { Fact } from './state.ts';
import type { AttemptState } from './status.ts';
import {
  attempt,
  candidatesOf,
  claimed,
  DAY,
  HOUR,
  keyOf,
  label,
  NOW,
  type Outcome,
  runUntilWait,
  recorded,
  snapshot,
} from './recovery-fixtures.ts';

test('after a soft decline the first alternative is charged, the customer notified and the recovery ended', () => {
  const { done } = runUntilWait(begin(snapshot()), {});
  expect(done).toEqual(['claim a:1', 'charge a', 'record approved', 'notify recovered', 'finish']);
});

test('a declined alternative is followed by the next one, and the customer is notified only of the success', () => {
  const { done } = runUntilWait(begin(snapshot()), { a: { state: 'declined', class: 'LATER' } });
  expect(done).toEqual([
    'claim a:1',
    'charge a',
    'record declined',
    'claim b:1',
    'charge b',
    'record approved',
    'notify recovered',
    'finish',
  ]);
});

test.each<[DeclineClass, string[]]>([
  ['FRAUD', ['close stopped by fraud', 'notify payment_declined_update_card', 'finish']],
  ['STOP', ['close stopped by rule:STOP', 'notify payment_stopped', 'finish']],
  ['HARD', ['notify payment_declined_update_card', 'wait for method']],
  ['CONFIG', ['review rule:CONFIG', 'wait for review']],
  ['UNKNOWN', ['review rule:UNKNOWN', 'wait for review']],
  ['FIX', ['claim a:1', 'charge a', 'record approved', 'notify recovered', 'finish']],
  ['AUTH', ['claim a:1', 'charge a', 'record approved', 'notify recovered', 'finish']],
  ['TECH', ['wait']],
])('a failure of class %s is handled by the strategy of its class', (failureClass, expected) => {
  expect(runUntilWait(begin(snapshot({}, failureClass)), {}).done).toEqual(expected);
});

test('TECH retries the failed method after a minute, then starts the cascade', () => {
  const state = begin(snapshot({}, 'TECH'));
  expect(decide(state, NOW + TECH_RETRY_MS - 1)).toEqual({ do: 'wait', until: NOW + TECH_RETRY_MS });
  const { done } = runUntilWait(state, { failed: { state: 'declined', class: 'TECH' } }, NOW + TECH_RETRY_MS);
  expect(done).toEqual([
    'claim failed:1',
    'charge failed',
    'record declined',
    'claim a:1',
    'charge a',
    'record approved',
    'notify recovered',
    'finish',
  ]);
});

test.each<[DeclineClass, string]>([
  ['STOP', 'close stopped by rule:STOP'],
  ['FRAUD', 'report_fraud,close stopped by fraud'],
  ['CONFIG', 'review rule:CONFIG'],
  ['UNKNOWN', 'review rule:UNKNOWN'],
])('class %s on an alternative ends the cascade', (declineClass, next) => {
  const { done } = runUntilWait(begin(snapshot()), { a: { state: 'declined', class: declineClass } });
  expect(done.join()).toContain(`claim a:1,charge a,record declined,${next}`);
  expect(done).not.toContain('claim b:1');
});

test('an unknown charge is queried at the gateway and never followed by another card', () => {
  const { done, state } = runUntilWait(begin(snapshot()), { a: { state: 'unknown' } });
  expect(done).toEqual(['claim a:1', 'charge a', 'record unknown', 'resolve_charge', 'wait']);
  expect(statusOf(state, NOW)).toMatchObject({ state: 'unknown', next: { action: 'poll' } });
});

test('a pending charge waits for its result, and no other method is charged meanwhile', () => {
  const { done, state } = runUntilWait(begin(snapshot()), { a: { state: 'pending' } });
  expect(done).toEqual(['claim a:1', 'charge a', 'record pending', 'wait']);
  expect(decide(state, NOW)).toEqual({ do: 'wait', until: NOW + HOUR });
  expect(statusOf(state, NOW)).toMatchObject({ state: 'pending', next: { action: 'poll' } });
});

test('a permanently dead alternative is only removed from the cascade', () => {
  const { done } = runUntilWait(begin(snapshot()), { a: { state: 'declined', class: 'HARD' } });
  expect(done).toContain('claim b:1');
});

test('with cascadeOnHard a hard decline continues with the alternatives', () => {
  const policy = { ...snapshot().policy, cascadeOnHard: true };
  expect(runUntilWait(begin(snapshot({ policy }, 'HARD')), {}).done[0]).toBe('claim a:1');
});

test.each<[string, Partial<RecoverySnapshot>, Record<string, Outcome>, string]>([
  ['no alternative', { alternatives: [] }, {}, 'notify no_alternative'],
  [
    'all declined',
    {},
    { a: { state: 'declined', class: 'LATER' }, b: { state: 'declined', class: 'FIX' } },
    'notify all_declined',
  ],
  [
    'one requires authentication',
    {},
    { a: { state: 'declined', class: 'AUTH' }, b: { state: 'declined', class: 'FIX' } },
    'notify authenticate',
  ],
])(
  'after an unsuccessful cascade (%s) the customer is notified once and the recovery stays open',
  (_, changes, outcomes, notice) => {
    const { done } = runUntilWait(begin(snapshot(changes)), outcomes);
    expect(done.filter((step) => step.startsWith('notify'))).toEqual([notice]);
    expect(done.at(-1)).toMatch(/^wait for/);
  },
);

test('a method that the customer adds is charged immediately', () => {
  const { state } = runUntilWait(begin(snapshot({ alternatives: [] })), {});
  const { done } = runUntilWait(
    evolve(state, { fact: 'method_added', payment_method_id: 'new' }),
    {},
    NOW + HOUR,
  );
  expect(done).toEqual(['claim new:1', 'charge new', 'record approved', 'notify recovered', 'finish']);
});

test('at the end of the window the obligation is exhausted and the customer is notified', () => {
  const { state } = runUntilWait(begin(snapshot({ alternatives: [] })), {});
  const { done } = runUntilWait(state, {}, NOW + 14 * DAY);
  expect(done).toEqual(['close exhausted by window_over', 'notify recovery_ended', 'finish']);
});

test('without a window the recovery ends with its first cascade and with one notice', () => {
  const policy = { ...snapshot().policy, window: 0 };
  const { done } = runUntilWait(begin(snapshot({ alternatives: [], policy, closes_at: NOW })), {});
  expect(done).toEqual(['notify no_alternative', 'close exhausted by window_over', 'finish']);
});

test('a one-time payment is never charged again, and the customer is not notified', () => {
  const { done } = runUntilWait(begin(snapshot({ kind: 'one_time', gateway_payment_ref: 'pi_9' })), {});
  expect(done).toEqual(['close stopped by not_recurring', 'finish']);
});

test.each(['unknown', 'pending'] as const)(
  'a payment reported as %s without a reference waits for an operator',
  (status) => {
    const failure = { ...snapshot().failure, status };
    expect(runUntilWait(begin(snapshot({ failure })), {}).done).toEqual([
      `review reported_${status}`,
      'wait for review',
    ]);
  },
);

test.each<[Extract<Fact, { fact: 'looked_up' }>['payment'], string]>([
  ['adopted', 'claim a:1'],
  ['cancelled', 'claim a:1'],
  ['succeeded', 'close paid_elsewhere by gateway_payment_succeeded'],
  ['processing', 'wait'],
  ['not_ours', 'review gateway_payment_not_ours'],
])('the reported payment is read before anything is charged: %s', (payment, next) => {
  const state = begin(snapshot({ gateway_payment_ref: 'pi_9' }));
  expect(decide(state, NOW)).toEqual({ do: 'look_up', gateway_payment_ref: 'pi_9' });
  expect(label(decide(evolve(state, { fact: 'looked_up', payment, at: NOW }), NOW))).toBe(next);
});

const unresolvedFailure = (status: 'declined' | 'unknown' | 'pending') => {
  const { failure } = snapshot({}, 'UNKNOWN');
  return { failure: { ...failure, status } };
};

test.each<[Extract<Fact, { fact: 'looked_up' }>['payment'], string, string]>([
  ['adopted', 'claim a:1', 'LATER'],
  ['cancelled', 'claim a:1', 'LATER'],
  ['succeeded', 'close paid_elsewhere by gateway_payment_succeeded', 'UNKNOWN'],
  ['processing', 'wait', 'UNKNOWN'],
  ['not_ours', 'review gateway_payment_not_ours', 'UNKNOWN'],
])(
  'a failure with an unknown outcome is read at the gateway and handled by the result: %s',
  (payment, next, as) => {
    for (const status of ['declined', 'unknown', 'pending'] as const) {
      const state = begin(snapshot({ ...unresolvedFailure(status), gateway_payment_ref: 'pi_9' }));
      expect(decide(state, NOW)).toEqual({ do: 'look_up', gateway_payment_ref: 'pi_9' });
      expect(statusOf(state, NOW)).toMatchObject({ state: 'unknown', class: 'UNKNOWN' });
      const known = evolve(state, { fact: 'looked_up', payment, at: NOW });
      expect(label(decide(known, NOW))).toBe(next);
      expect(known.class).toBe(as);
    }
  },
);

test('after a lookup without payment and without alternatives, the failed method is retried on the schedule', () => {
  const named = { ...unresolvedFailure('unknown'), gateway_payment_ref: 'pi_9', alternatives: [] };
  const { done, state } = runUntilWait(begin(snapshot(named)), {});
  expect(done).toEqual(['look_up', 'notify no_alternative', 'wait for method']);
  expect(runUntilWait(state, {}, NOW + DAY).done).toContain('claim failed:1');
});

test('a run that takes over after the lookup continues with the cascade', () => {
  for (const status of ['declined', 'unknown', 'pending'] as const) {
    const state = begin(snapshot({ ...unresolvedFailure(status), looked_up: true }));
    expect(label(decide(state, NOW))).toBe('claim a:1');
  }
});

test('STOP received between claim and charge voids the claim instead of charging', () => {
  const claimedState = evolve(begin(snapshot()), {
    fact: 'claim_answered',
    candidate: { payment_method_id: 'a', not_before: 0, reason: 'alternative' },
    claim: claimed('a', 1),
    at: NOW,
  });
  const stopped = evolve(claimedState, { fact: 'noted', recovery: snapshot({}, 'STOP') });
  const { done } = runUntilWait(stopped, {});
  expect(done).toEqual(['record not_sent', 'close stopped by rule:STOP', 'notify payment_stopped', 'finish']);
});

test('a newer failure of another class has no effect', () => {
  const state = begin(snapshot());
  expect(evolve(state, { fact: 'noted', recovery: snapshot({}, 'HARD') })).toEqual(state);
});

test('a recovery blocked by another obligation waits, reports it, and continues when the claim is freed', () => {
  const state = evolve(begin(snapshot()), {
    fact: 'claim_answered',
    candidate: { payment_method_id: 'a', not_before: 0, reason: 'alternative' },
    claim: { result: 'blocked', by: 'invoice-2', since: NOW, what: 'customer' },
    at: NOW,
  });
  expect(decide(state, NOW)).toEqual({ do: 'wait', until: NOW + BLOCKED_RETRY_MS, for: 'claim' });
  expect(statusOf(state, NOW)).toMatchObject({ state: 'waiting', waiting_for: 'claim' });
  expect(label(decide(evolve(state, { fact: 'claim_freed' }), NOW))).toBe('claim a:1');
  expect(label(decide(state, NOW + BLOCKED_RETRY_MS))).toBe('claim a:1');
});

test('a refused claim leads to the next method; a suspended customer waits', () => {
  const candidate = { payment_method_id: 'a', not_before: 0, reason: 'alternative' } as const;
  const refuse = (rule: string) =>
    evolve(begin(snapshot()), {
      fact: 'claim_answered',
      candidate,
      claim: { result: 'refused', rule },
      at: NOW,
    });
  expect(label(decide(refuse('no_consent'), NOW))).toBe('claim b:1');
  expect(label(decide(refuse('customer_suspended'), NOW))).toBe('wait for customer_status');
});

test('an unsent charge is claimed again under the next number, with a growing delay', () => {
  let state = begin(snapshot({ alternatives: ['a'] }));
  const waits: number[] = [];
  let now = NOW;
  for (let n = 1; n <= 3; n++) {
    const step = decide(state, now);
    expect(label(step)).toBe(`claim a:${n}`);
    state = evolve(state, {
      fact: 'claim_answered',
      candidate: candidatesOf(state)[0]!,
      claim: claimed('a', n),
      at: now,
    });
    state = evolve(state, { fact: 'charge_answered', answer: { result: 'not_sent', reason: 'refused' } });
    state = evolve(state, { fact: 'attempt_recorded', recorded: recorded('a', n, 'void'), at: now });
    const next = decide(state, now);
    if (next.do !== 'wait' || next.until === undefined)
      throw new Error(`expected a wait, got ${label(next)}`);
    waits.push(next.until - now);
    now = next.until;
  }
  for (const [index, least] of [5_000, 10_000, 20_000].entries()) {
    expect(waits[index]).toBeGreaterThanOrEqual(least);
    expect(waits[index]).toBeLessThan(2 * least);
  }
});

/** The delay from an unsent charge to the next claim, after these earlier attempts. */
function waitAfterUnsent(before: AttemptState[], payment_id = 'invoice-1', retry_after_ms?: number): number {
  const attempts = before.map((state, index) => attempt('a', index + 1, state, 'LATER', NOW - DAY));
  const n = attempts.length + 1;
  const key = `recovery:${payment_id}:a:${n}`;
  const { attempt: voided, ...rest } = recorded('a', n, 'void');
  const state = evolve(begin(snapshot({ attempts })), {
    fact: 'attempt_recorded',
    recorded: { ...rest, attempt: { ...voided, key } },
    at: NOW,
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
  });
  const again = candidatesOf(state).find((one) => one.payment_method_id === 'a');
  return (again?.not_before ?? 0) - NOW;
}

test('charges that fail together do not retry together, and a replay gives the same delays', () => {
  const waits = Array.from({ length: 1_000 }, (_, index) => waitAfterUnsent([], `invoice-${index}`));
  expect(new Set(waits).size).toBeGreaterThan(800);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(5_000);
  expect(Math.max(...waits)).toBeLessThan(10_000);
  expect(waitAfterUnsent([], 'invoice-7')).toBe(waits[7]);
});

test('a past failure does not extend the next back-off, and no back-off exceeds an hour', () => {
  expect(waitAfterUnsent(['void', 'void', 'void', 'declined'])).toBeLessThan(10_000);
  expect(waitAfterUnsent(['declined', 'void', 'void'])).toBeGreaterThanOrEqual(20_000);
  expect(waitAfterUnsent(Array.from({ length: 40 }, () => 'void' as const))).toBeLessThanOrEqual(HOUR);
});

test('the gateway’s retry-after is respected and spread out', () => {
  const waits = Array.from({ length: 100 }, (_, index) => waitAfterUnsent([], `invoice-${index}`, 60_000));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(60_000);
  expect(new Set(waits).size).toBeGreaterThan(80);
});

test('an attempt on a cancelled payment is followed by another; on a withdrawn one only if an operator allows it', () => {
  const found = (rule: string) => {
    const { attempt: voided, ...rest } = recorded('a', 1, 'void');
    const recordedVoid = { ...rest, attempt: { ...voided, rule } };
    return evolve(begin(snapshot()), { fact: 'attempt_recorded', recorded: recordedVoid, at: NOW });
  };
  expect(label(decide(found('payment_cancelled'), NOW + 10_000))).toBe('claim a:2');
  const { done, state } = runUntilWait(found('payment_withdrawn'), {}, NOW + 10_000);
  expect(done).toEqual(['review payment_withdrawn', 'wait for review']);
  const retried = evolve(state, { fact: 'retry_now', alternatives: ['a', 'b'], at: NOW + HOUR });
  expect(label(decide(retried, NOW + HOUR))).toBe('claim a:2');
});

test('a run that finds an unresolved attempt of an earlier run resolves it after the claim and does not charge', () => {
  const state = begin(snapshot({ attempts: [attempt('a', 1, 'in_flight')] }));
  expect(decide(state, NOW)).toEqual({ do: 'wait', until: NOW + 60_000 });
  expect(decide(state, NOW + 60_000)).toEqual({ do: 'resolve_charge', key: keyOf('a', 1) });
});

test('a run that takes over skips methods attempted since the opening', () => {
  const state = begin(snapshot({ attempts: [attempt('a', 1, 'declined', 'LATER')] }));
  expect(label(decide(state, NOW))).toBe('claim b:1');
});

test('for any classes and outcomes there is at most one approval, and no claim after an unresolved charge or a stop', () => {
  const outcome = fc.record({
    state: fc.constantFrom<AttemptState>('approved', 'declined', 'pending', 'unknown'),
    class: fc.constantFrom(...DECLINE_CLASSES),
  });
  const methods = ['a', 'b', 'c', 'd'];
  fc.assert(
    fc.property(
      fc.constantFrom(...DECLINE_CLASSES),
      fc.array(outcome, { minLength: 5, maxLength: 5 }),
      fc.boolean(),
      (failureClass, outcomes, cascadeOnHard) => {
        const table = Object.fromEntries([...methods, 'failed'].map((method, i) => [method, outcomes[i]!]));
        const base = snapshot({ alternatives: methods }, failureClass);
        const state = begin({ ...base, policy: { ...base.policy, cascadeOnHard } });
        const { done, state: last } = runUntilWait(state, table, NOW + TECH_RETRY_MS);
        const charged = done.filter((step) => step.startsWith('charge ')).map((step) => step.slice(7));
        expect(new Set(charged).size).toBe(charged.length);
        const ends = (method: string) => {
          const { state: newState, class: declineClass } = table[method]!;
          return newState !== 'declined' || ['STOP', 'FRAUD', 'CONFIG', 'UNKNOWN'].includes(declineClass!);
        };
        for (const method of charged.slice(0, -1)) expect(ends(method)).toBe(false);
        const approvals = last.attempts.filter((one) => one.state === 'approved').length;
        expect(approvals).toBe(done.includes('record approved') ? 1 : 0);
      },
    ),
  );
});

test('a fraud that is noted adds its report to those that are due', () => {
  const fraud = (event_id: string) => {
    const failure = { ...snapshot({}, 'FRAUD').failure, event_id, notify_chimera: true };
    return snapshot({ failure }, 'FRAUD');
  };
  const state = evolve(
    begin({ ...fraud('event-1'), failure: { ...fraud('event-1').failure, class: 'LATER' } }),
    {
      fact: 'noted',
      recovery: fraud('event-2'),
    },
  );
  expect(state.due.fraud_reports.map(({ event_id }) => event_id)).toEqual(['event-1', 'event-2']);
});
