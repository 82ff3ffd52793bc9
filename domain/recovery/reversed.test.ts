/** Reversed payments do not count as paid; an operator decides. */

import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { evolve } from './evolve.ts';
import type { Fact, RecoveryState } from './state.ts';
import {
  attempt,
  DAY,
  HOUR,
  keyOf,
  label,
  NOW,
  runUntilWait,
  recorded,
  snapshot,
} from './recovery-fixtures.ts';

const KEY = keyOf('a', 1);
const REVIEWED = ['review payment_came_back', 'wait for review'];
const reversed = { result: 'approved', gateway_ref: 'pi_1', reversal: 'refunded' } as const;
const chargeResolved = (at = NOW): Fact => ({ fact: 'charge_resolved', key: KEY, found: reversed, at });

const unresolvedCharge = () =>
  begin(snapshot({ alternatives: ['a', 'b'], attempts: [attempt('a', 1, 'unknown')] }));
const afterDecline = () => begin(snapshot({ alternatives: ['b'], attempts: [attempt('a', 1, 'declined')] }));

test.each<[string, () => RecoveryState, Fact]>([
  [
    'the payment that the report names',
    () => begin(snapshot({ gateway_payment_ref: 'pi_9' })),
    { fact: 'looked_up', payment: 'reversed', at: NOW },
  ],
  [
    'the payment that a report of an unknown outcome names',
    () => {
      const failure = { ...snapshot({}, 'UNKNOWN').failure, status: 'unknown' as const };
      return begin(snapshot({ failure, gateway_payment_ref: 'pi_9' }, 'UNKNOWN'));
    },
    { fact: 'looked_up', payment: 'reversed', at: NOW },
  ],
  ['an unresolved charge', unresolvedCharge, chargeResolved()],
  ['a charge recorded as declined', afterDecline, chargeResolved()],
  [
    'the obligation’s payment after an authentication',
    afterDecline,
    { fact: 'authenticated', payment: 'reversed', at: NOW },
  ],
  [
    'the obligation’s payment at the end of the window',
    afterDecline,
    { fact: 'already_succeeded', reversed: true },
  ],
])('%s does not count as paid once reversed: it is reviewed, and nothing is charged', (_, state, fact) => {
  const known = evolve(state(), fact);
  expect(known.phase.name).toBe('open');
  expect(runUntilWait(known, {}).done.slice(0, 2)).toEqual(REVIEWED);
});

test('a settlement with a reversed payment is already under review in the graph, and nothing is charged', () => {
  const fact = { fact: 'settlement_in_review', rule: 'payment_came_back', at: NOW } as const;
  expect(runUntilWait(evolve(afterDecline(), fact), {}).done).toEqual(['wait for review']);
});

test('the gateway is still queried about an unresolved charge, because a dispute may be won', () => {
  const { state } = runUntilWait(evolve(unresolvedCharge(), chargeResolved()), {});
  const later = NOW + 31 * DAY;
  expect(decide(state, later)).toMatchObject({ do: 'resolve_charge', key: KEY });
  const won = evolve(state, { fact: 'charge_resolved', key: KEY, found: { result: 'approved' }, at: later });
  expect(label(decide(won, later))).toBe('record approved');
});

test('after an operator’s resolution as declined the next attempt creates another payment', () => {
  const { state } = runUntilWait(evolve(unresolvedCharge(), chargeResolved()), {});
  const declinedByOperator = evolve(state, { fact: 'resolved_by_operator', key: KEY, result: 'declined' });
  expect(decide(declinedByOperator, NOW)).toEqual({
    do: 'record',
    key: KEY,
    answer: {
      result: 'declined',
      codes: { reason: 'resolved by an operator' },
      gateway_ref: 'pi_1',
      payment_over: true,
    },
  });
  const declined = evolve(declinedByOperator, {
    fact: 'attempt_recorded',
    recorded: recorded('a', 1, 'declined', 'LATER'),
    at: NOW,
  });
  expect(runUntilWait(declined, {}).done).toContain('charge b');
});

test('after an external payment it is still the second success, and its remaining amount is refunded', () => {
  const settled = evolve(unresolvedCharge(), { fact: 'settled', payment_ref: 'pi_2' });
  const { state } = runUntilWait(settled, {});
  expect(state.phase.name).toBe('closed');
  expect(evolve(state, chargeResolved()).charge).toMatchObject({ key: KEY, answer: reversed });
});

test('a closed obligation stays closed', () => {
  const closed = begin(
    snapshot({ state: 'recovered', rule: 'approved', attempts: [attempt('a', 1, 'approved')] }),
  );
  const inReview = { fact: 'settlement_in_review', rule: 'payment_came_back', at: NOW } as const;
  for (const fact of [inReview, chargeResolved()]) {
    expect(runUntilWait(evolve(closed, fact), {}).done.at(-1)).toBe('finish');
  }
});

test('an attempt that finds a reversed payment is not sent, and reviewed before the next one', () => {
  const charging = begin(snapshot({ alternatives: ['a', 'b'] }));
  const void_ = recorded('a', 1, 'void');
  const at = NOW + HOUR;
  const known = evolve(charging, {
    fact: 'attempt_recorded',
    recorded: { ...void_, attempt: { ...void_.attempt, rule: 'payment_came_back' } },
    at,
  });
  expect(runUntilWait(known, {}, at).done.slice(0, 2)).toEqual(REVIEWED);
  const again = evolve(known, { fact: 'retry_now', alternatives: ['a', 'b'], at });
  expect(label(decide(again, at))).toBe('claim a:2');
});

test('a run that takes over in review does not read the payment again', () => {
  const review = { state: 'needs_review', rule: 'payment_came_back', gateway_payment_ref: 'pi_9' } as const;
  const resumed = begin(snapshot(review));
  expect(runUntilWait(resumed, {}).done).toEqual(['wait for review']);
  const again = evolve(resumed, { fact: 'retry_now', alternatives: ['a'], at: NOW });
  expect(label(decide(again, NOW))).toBe('claim failed:1');
});

test.each(['stopped', 'exhausted', 'cancelled'] as const)(
  'a reversed success does not reopen or pay an obligation that ended %s',
  (outcome) => {
    const closed = snapshot({ state: outcome, rule: outcome, attempts: [attempt('a', 1, 'declined')] });
    const asked = evolve(begin(closed), { fact: 'charge_reported', key: KEY, at: NOW });
    expect(runUntilWait(evolve(asked, chargeResolved()), {}).done).toEqual(['finish']);
  },
);

test('a settlement already under review stays so after the reversed charge is resolved', () => {
  const met = evolve(unresolvedCharge(), {
    fact: 'settlement_in_review',
    rule: 'settlement_mismatch',
    at: NOW,
  });
  const resolved = { fact: 'resolved_by_operator', key: KEY, result: 'declined' } as const;
  const { done } = runUntilWait(evolve(evolve(met, chargeResolved()), resolved), {
    a: { state: 'declined', class: 'LATER' },
  });
  expect(done).toEqual(['record declined', 'wait for review']);
});
