/** A reported payment that is still processing at the gateway: an external bank debit, for days. */

import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { describe } from './describe.ts';
import { evolve } from './evolve.ts';
import type { Fact, RecoveryState } from './state.ts';
import { DAY, HOUR, label, MINUTE, NOW, runUntilWait, snapshot } from './recovery-fixtures.ts';

const lookedUp = (payment: Extract<Fact, { fact: 'looked_up' }>['payment'], at = NOW): Fact => ({
  fact: 'looked_up',
  payment,
  at,
});
const processing = () => evolve(begin(snapshot({ gateway_payment_ref: 'pi_9' })), lookedUp('processing'));

test('it is read again after an hour, a day and daily, and only then reviewed; nothing is charged or notified', () => {
  let [state, now]: [RecoveryState, number] = [processing(), NOW];
  const read: number[] = [];
  for (;;) {
    expect(describe(state, now)).toMatchObject({ state: 'pending', next: { action: 'poll' } });
    state = runUntilWait(state, {}, now).state;
    const step = decide(state, now);
    if (step.do !== 'wait' || step.until === undefined)
      throw new Error(`expected a wait, got ${label(step)}`);
    now = step.until;
    read.push(now);
    expect(label(decide(state, now))).toBe('look_up');
    state = evolve(state, lookedUp('processing', now));
    if (state.phase.name === 'open' && !state.phase.lookup) break;
  }
  expect(read).toEqual([NOW + HOUR, NOW + HOUR + DAY, NOW + HOUR + 2 * DAY]);
  expect(runUntilWait(state, {}, now).done).toEqual(['review gateway_payment_processing', 'wait for review']);
});

test('a gateway update about it is read immediately', () => {
  const rechecking = evolve(processing(), { fact: 'charge_reported', at: NOW + MINUTE });
  expect(label(decide(rechecking, NOW + MINUTE))).toBe('look_up');
  const paid = evolve(rechecking, lookedUp('succeeded', NOW + MINUTE));
  expect(label(decide(paid, NOW + MINUTE))).toBe('close paid_elsewhere by gateway_payment_succeeded');
});

test('returned by the bank, it becomes the recovery’s payment, and the days extend the window', () => {
  const state = evolve(processing(), lookedUp('adopted', NOW + 5 * DAY));
  expect(runUntilWait(state, {}, NOW + 5 * DAY).done).toContain('claim a:1');
  expect(state.clock.closes_at).toBe(NOW + 19 * DAY);
});

test.each<[Fact, string]>([
  [{ fact: 'cancelled' }, 'close cancelled by cancelled'],
  [{ fact: 'settled' }, 'close paid_elsewhere by settled'],
  [{ fact: 'noted', recovery: snapshot({}, 'STOP') }, 'look_up'],
  [{ fact: 'retry_now', alternatives: [], at: NOW }, 'look_up'],
])('%o takes effect without waiting for it', (fact, next) => {
  expect(label(decide(evolve(processing(), fact), NOW))).toBe(next);
});
