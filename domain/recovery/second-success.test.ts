/** Second successes: none is caused after an external payment, and none that has happened is missed. */

import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import type { RecoverySnapshot } from './claims.ts';
import { decide } from './decide.ts';
import { describe } from './describe.ts';
import { closesBeforeNextMessage } from './ending.ts';
import { evolve } from './evolve.ts';
import type { Fact, RecoveryState } from './state.ts';
import {
  attempt,
  DAY,
  HOUR,
  keyOf,
  MINUTE,
  NOW,
  runUntilWait,
  recorded,
  snapshot,
} from './recovery-fixtures.ts';

const KEY = keyOf('a', 1);
const lost = { result: 'unknown', reason: 'no response' } as const;

/** A charge whose response was lost: the gateway is queried immediately. */
function unresolvedCharge(): RecoveryState {
  const charged = begin(snapshot({ alternatives: ['a'], attempts: [attempt('a', 1, 'unknown')] }));
  return evolve(charged, { fact: 'charge_reported', at: NOW });
}

const approvedLate = (): Fact[] => [
  { fact: 'charge_resolved', key: KEY, found: { result: 'approved' }, at: NOW },
  { fact: 'attempt_recorded', recorded: { ...recorded('a', 1, 'approved'), overpaid: true }, at: NOW },
];

test('a settlement closes the obligation before an unresolved charge is queried, so that it counts as the second', () => {
  const settled = evolve(unresolvedCharge(), { fact: 'settled', payment_ref: 'pi_2' });
  expect(decide(settled, NOW)).toMatchObject({ do: 'close', ending: { outcome: 'paid_elsewhere' } });
});

test.each<[string, Fact]>([
  ['cancelled', { fact: 'cancelled' }],
  ['stopped by revoked consent', { fact: 'consent_revoked' }],
  ['paused', { fact: 'paused' }],
  ['suspended', { fact: 'customer_status', status: 'suspended', at: NOW }],
])('a lost request is not sent again once the recovery is %s', (_, fact) => {
  expect(decide(unresolvedCharge(), NOW)).toEqual({ do: 'resolve_charge', key: KEY });
  expect(decide(evolve(unresolvedCharge(), fact), NOW)).toEqual({
    do: 'resolve_charge',
    key: KEY,
    only_read: true,
  });
});

test('a settlement is processed although the recovery is ending, and an unresolved charge is refunded', () => {
  const cancelled = evolve(unresolvedCharge(), { fact: 'cancelled' });
  const settled = evolve(cancelled, { fact: 'settled', payment_ref: 'pi_2' });
  const { state } = runUntilWait(settled, {});
  expect(state.phase).toMatchObject({ name: 'closed', ending: { outcome: 'paid_elsewhere' } });
  const paidTwice = approvedLate().reduce(evolve, state);
  expect(runUntilWait(paidTwice, {}).done).toContain('refund');
});

test('an update that could not be verified is kept: the gateway is queried again until it responds', () => {
  const paid = { state: 'paid_elsewhere', rule: 'settled', attempts: [attempt('a', 1, 'declined')] } as const;
  const rechecking = evolve(begin(snapshot({ ...paid, attempts: [...paid.attempts] })), {
    fact: 'charge_reported',
    key: KEY,
    at: NOW,
  });
  const away = evolve(rechecking, { fact: 'charge_resolved', key: KEY, found: lost, at: NOW });
  expect(decide(away, NOW)).toEqual({ do: 'wait', until: NOW + 5 * MINUTE });
  expect(describe(away, NOW)).toMatchObject({ state: 'done', outcome: 'paid_elsewhere' });
  expect(describe(away, NOW)).not.toHaveProperty('next');
  expect(decide(away, NOW + 5 * MINUTE)).toEqual({ do: 'resolve_charge', key: KEY });
  const paidTwice = approvedLate().reduce(evolve, away);
  expect(runUntilWait(paidTwice, {}).done).toContain('refund');
});

test('an open recovery continues while an update waits for the gateway, and queries in between', () => {
  const { state } = runUntilWait(
    begin(snapshot({ attempts: [attempt('a', 1, 'declined', 'AUTH')], alternatives: [] })),
    {},
  );
  const rechecking = evolve(state, { fact: 'charge_reported', key: KEY, at: NOW });
  const away = evolve(rechecking, { fact: 'charge_resolved', key: KEY, found: lost, at: NOW });
  expect(decide(away, NOW)).toMatchObject({ do: 'wait', until: NOW + 5 * MINUTE, for: 'authentication' });
  let current = away;
  for (let asked = 1; asked < 30; asked++) {
    current = evolve(current, { fact: 'charge_resolved', key: KEY, found: lost, at: NOW });
  }
  expect(current.recheck).toMatchObject({ tries: 30 });
  current = evolve(current, { fact: 'charge_resolved', key: KEY, found: lost, at: NOW });
  expect(current.recheck).toBeUndefined();
});

test('an unresolved charge whose payment succeeded through an earlier attempt is void, and the recovery ends', () => {
  const attempts = [attempt('b', 1, 'declined', 'AUTH'), attempt('a', 1, 'unknown')];
  const asked = evolve(begin(snapshot({ attempts })), {
    fact: 'charge_resolved',
    key: KEY,
    found: { result: 'approved', charged_token: 'pm_b' },
    at: NOW,
  });
  const done = evolve(asked, { fact: 'attempt_recorded', recorded: recorded('b', 1, 'approved'), at: NOW });
  expect(runUntilWait(done, {}, NOW + 2 * HOUR).done).toEqual(['notify recovered', 'finish']);
  expect(done.attempts).toMatchObject([
    { payment_method_id: 'b', state: 'approved' },
    { payment_method_id: 'a', state: 'void', rule: 'paid_by_another_attempt' },
  ]);
});

test('a payment settled with an unresolved charge is still cancelled by a run that takes over', () => {
  const closedWhileUnresolved = {
    state: 'paid_elsewhere',
    rule: 'settled',
    attempts: [attempt('a', 1, 'unknown')],
  } as const;
  const resumed = begin(
    snapshot({ ...closedWhileUnresolved, attempts: [...closedWhileUnresolved.attempts] }),
  );
  const known: Fact[] = [
    { fact: 'charge_resolved', key: KEY, found: { result: 'declined', codes: {} }, at: NOW + HOUR },
    { fact: 'attempt_recorded', recorded: recorded('a', 1, 'declined', 'LATER'), at: NOW + HOUR },
  ];
  expect(runUntilWait(known.reduce(evolve, resumed), {}, NOW + HOUR).done).toEqual([
    'cancel_payment',
    'finish',
  ]);
});

test('the time of an unresolved charge extends the window when a run takes over', () => {
  const pending = attempt('a', 1, 'pending');
  const resumed = begin(snapshot({ alternatives: [], attempts: [pending], read_at: NOW + 10 * DAY }));
  const known: Fact[] = [
    { fact: 'charge_resolved', key: KEY, found: { result: 'declined', codes: {} }, at: NOW + 20 * DAY },
    { fact: 'attempt_recorded', recorded: recorded('a', 1, 'declined', 'LATER'), at: NOW + 20 * DAY },
  ];
  expect(known.reduce(evolve, resumed).clock.closes_at).toBe(NOW + 34 * DAY);
});

test('an operator’s resolution of a charge does not overtake an earlier settlement', () => {
  const settled = evolve(unresolvedCharge(), { fact: 'settled', payment_ref: 'pi_2' });
  const resolved = evolve(settled, { fact: 'resolved_by_operator', key: KEY, result: 'approved' });
  expect(runUntilWait(resolved, {}).done.slice(0, 2)).toEqual([
    'close paid_elsewhere by settled',
    'record approved',
  ]);
});

test('a settlement with a mismatched payment stays under review after the unresolved charge is declined', () => {
  const wrong = evolve(unresolvedCharge(), {
    fact: 'settlement_in_review',
    rule: 'settlement_mismatch',
    at: NOW,
  });
  expect(describe(wrong, NOW)).toMatchObject({ state: 'needs_review' });
  const declined: Fact[] = [
    { fact: 'charge_resolved', key: KEY, found: { result: 'declined', codes: {} }, at: NOW },
    { fact: 'attempt_recorded', recorded: recorded('a', 1, 'declined', 'LATER'), at: NOW },
  ];
  const known = declined.reduce(evolve, wrong);
  expect(runUntilWait(known, {}).done).toEqual(['wait for review']);
  expect(describe(known, NOW)).toMatchObject({ state: 'needs_review', waiting_for: 'review' });
  const paid = approvedLate().map((fact) =>
    fact.fact === 'attempt_recorded' ? { ...fact, recorded: recorded('a', 1, 'approved') } : fact,
  );
  expect(runUntilWait(paid.reduce(evolve, wrong), {}).done).toEqual(['notify recovered', 'finish']);
});

test.each([
  [
    'with the external one later',
    { outcome: 'recovered', rule: 'approved' },
    'settled:pi_2',
    ['recovered', 'refund_issued'],
  ],
  ['with Persona’s own one later', { outcome: 'paid_elsewhere', rule: 'settled' }, KEY, ['refund_issued']],
] as const)(
  'of two concurrent successes, %s, the customer is notified of the valid one and of the refund',
  (_, ending, key, notices) => {
    const paid: Fact[] = [
      { fact: 'charge_resolved', key: KEY, found: { result: 'approved' }, at: NOW },
      { fact: 'attempt_recorded', recorded: recorded('a', 1, 'approved'), at: NOW },
      { fact: 'second_success', key, ending },
    ];
    const { done } = runUntilWait(paid.reduce(evolve, unresolvedCharge()), {});
    expect(done.filter((step) => step.startsWith('notify'))).toEqual(notices.map((one) => `notify ${one}`));
  },
);

test('a settlement is repeated without effect, another payment replaces it, and a closed obligation keeps its ending', () => {
  const settled = evolve(begin(snapshot()), { fact: 'settled', payment_ref: 'pi_2' });
  expect(evolve(settled, { fact: 'settled', payment_ref: 'pi_2' }).phase).toBe(settled.phase);
  const other = evolve(settled, { fact: 'settled', payment_ref: 'pi_3' });
  expect(other.phase).toMatchObject({ ending: { payment_ref: 'pi_3' } });
  const { state } = runUntilWait(evolve(begin(snapshot()), { fact: 'cancelled' }), {});
  expect(evolve(state, { fact: 'settled', payment_ref: 'pi_2' })).toEqual(state);
});

test('only a settlement that names a payment is stored before the next message', () => {
  const named = evolve(begin(snapshot()), { fact: 'settled', payment_ref: 'pi_2' });
  expect(closesBeforeNextMessage(named)).toBe(true);
  expect(closesBeforeNextMessage(evolve(begin(snapshot()), { fact: 'settled' }))).toBe(false);
  expect(closesBeforeNextMessage(begin(snapshot()))).toBe(false);
});

test('a second success is refunded once, and not at all if operators decide that', () => {
  const twice = (policy: RecoverySnapshot['policy']) => {
    const closed = begin(snapshot({ state: 'paid_elsewhere', rule: 'settled', policy }));
    const fact = {
      fact: 'second_success',
      key: KEY,
      ending: { outcome: 'paid_elsewhere', rule: 'settled' },
    } as const;
    return evolve(evolve(closed, fact), fact).due.refunds;
  };
  const { policy } = snapshot();
  expect(twice(policy)).toEqual([KEY]);
  expect(twice({ ...policy, refundDuplicate: false })).toEqual([]);
});

test('a late success of an attempt that is known to have succeeded is no second one', () => {
  const attempts = [attempt('a', 1, 'approved')];
  const paid = begin(snapshot({ state: 'recovered', rule: 'approved', attempts }));
  const asked = evolve(paid, { fact: 'charge_resolved', key: KEY, found: { result: 'approved' }, at: NOW });
  expect(asked.charge).toBeUndefined();
});

test.each([
  ['recovered', 'approved'],
  ['paid_elsewhere', 'settled'],
] as const)('a reversed late success after the end as %s is recorded as the second one', (state, rule) => {
  const attempts = [attempt('b', 1, 'approved'), attempt('a', 1, 'declined', 'LATER')];
  const found = { result: 'approved', gateway_ref: 'pi_1', reversal: 'refunded' } as const;
  const closed = begin(snapshot({ state, rule, attempts }));
  const late = evolve(closed, { fact: 'charge_resolved', key: KEY, found, at: NOW });
  expect(late.charge).toMatchObject({ state: 'succeeded_late', key: KEY });
});

test('the obligation of an external payment keeps its own payment while a charge of it is unresolved', () => {
  const settled = evolve(unresolvedCharge(), { fact: 'settled', payment_ref: 'pi_2' });
  expect(decide(settled, NOW)).toMatchObject({ do: 'close', keep_payment: true });
  const without = evolve(begin(snapshot()), { fact: 'settled', payment_ref: 'pi_2' });
  expect(decide(without, NOW)).toMatchObject({ do: 'close', keep_payment: false });
});
