/** The recovery's clock over several runs: each run continues from the clock that the previous one stored. */

import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { evolve } from './evolve.ts';
import type { StoredClock } from './clock.ts';
import type { RecoveryState } from './state.ts';
import {
  attempt,
  claimed,
  DAY,
  HOUR,
  label,
  MINUTE,
  NOW,
  runUntilWait,
  recorded,
  snapshot,
} from './recovery-fixtures.ts';

const END = NOW + 14 * DAY;
const A = { payment_method_id: 'a', not_before: 0, reason: 'alternative' } as const;

const clockToStore = (state: RecoveryState, now = NOW): StoredClock => {
  const step = decide(state, now);
  if (step.do !== 'store_clock') throw new Error(`expected store_clock, got ${label(step)}`);
  return step.clock;
};

const blocked = (state: RecoveryState, at = NOW, what: 'instrument' | 'customer' = 'instrument') =>
  evolve(state, {
    fact: 'claim_answered',
    candidate: A,
    claim: { result: 'blocked', by: 'invoice-2', since: NOW, what },
    at,
  });
const singleAlternative = { alternatives: ['a'] };

test('a stop of days is stored once before the recovery waits, and so is its end', () => {
  const { state } = runUntilWait(begin(snapshot({}, 'CONFIG')), {});
  expect(state.clock.stored).toEqual({ closes_at: END, stopped_at: NOW });
  const freed = evolve(state, { fact: 'retry_now', alternatives: [], at: NOW + 5 * DAY });
  const declined = { failed: { state: 'declined', class: 'LATER' } } as const;
  const { state: waiting } = runUntilWait(freed, declined, NOW + 5 * DAY);
  expect(waiting.clock.stored).toEqual({ closes_at: END + 5 * DAY });
});

test('a stop of minutes is not stored', () => {
  const state = blocked(begin(snapshot(singleAlternative, 'FIX')), NOW, 'customer');
  expect(label(decide(state, NOW))).toBe('wait for claim');
  const freed = evolve(state, {
    fact: 'claim_answered',
    candidate: A,
    claim: claimed('a', 1),
    at: NOW + MINUTE,
  });
  const declined = { a: { state: 'declined', class: 'FIX' } } as const;
  const { state: waiting } = runUntilWait(freed, declined, NOW + MINUTE);
  expect(waiting.clock.stored).toEqual({ closes_at: END });
});

test('a notice that names the end of the window is sent after that end is stored', () => {
  const unresolved = begin(snapshot({ ...singleAlternative, attempts: [attempt('a', 1, 'pending')] }, 'FIX'));
  const known = evolve(unresolved, {
    fact: 'attempt_recorded',
    recorded: recorded('a', 1, 'declined', 'FIX'),
    at: NOW + 6 * DAY,
  });
  expect(clockToStore(known, NOW + 6 * DAY)).toEqual({ closes_at: END + 6 * DAY });
  const stored = evolve(known, { fact: 'clock_stored', clock: clockToStore(known, NOW + 6 * DAY) });
  expect(label(decide(stored, NOW + 6 * DAY))).toBe('notify all_declined');
});

test('a run that takes over stores the end of the window before it sends a notice', () => {
  const stopped = { clock_stopped_at: NOW + DAY, read_at: NOW + 4 * DAY };
  const state = begin(snapshot({ ...stopped, alternatives: [] }, 'FIX'));
  expect(clockToStore(state, NOW + 4 * DAY)).toEqual({ closes_at: END + 3 * DAY });
});

const takenOver = { clock_stopped_at: NOW + DAY, read_at: NOW + 20 * DAY, notified_at: NOW + DAY };

test('a review found by a run that takes over has stopped the clock since its start', () => {
  const review = { state: 'needs_review', rule: 'gateway_payment_not_ours' } as const;
  const state = begin(snapshot({ ...takenOver, ...review, alternatives: [] }));
  const freed = evolve(state, { fact: 'retry_now', alternatives: [], at: NOW + 21 * DAY });
  expect(freed.clock.closes_at).toBe(END + 20 * DAY);
});

test('a blocked card is claimed again before the window can end', () => {
  const state = begin(snapshot({ ...takenOver, ...singleAlternative }, 'FIX'));
  expect(label(decide(state, NOW + 20 * DAY))).toBe('claim a:1');
  const still = blocked(state, NOW + 20 * DAY);
  expect(runUntilWait(still, {}, NOW + 20 * DAY).done).toEqual(['notify reminder', 'wait for claim']);
  const claim = claimed('a', 1, NOW + 30 * DAY);
  const free = evolve(still, { fact: 'claim_answered', candidate: A, claim, at: NOW + 30 * DAY });
  expect(free.clock.closes_at).toBe(END + 29 * DAY);
});

test('an external payment is read before the window can end', () => {
  const state = begin(snapshot({ ...takenOver, gateway_payment_ref: 'pi_9' }));
  expect(label(decide(state, NOW + 20 * DAY))).toBe('look_up');
  const returned = evolve(state, { fact: 'looked_up', payment: 'adopted', at: NOW + 20 * DAY });
  expect(returned.clock.closes_at).toBe(END + 19 * DAY);
});

test('the clock resumes immediately once nothing blocks the recovery', () => {
  const state = begin(snapshot({ ...takenOver, alternatives: [] }, 'FIX'));
  expect(state.clock.closes_at).toBe(END + 19 * DAY);
  expect(state.clock.stopped_at).toBeUndefined();
  const withUnresolved = { ...takenOver, attempts: [attempt('a', 1, 'unknown')], alternatives: [] };
  expect(begin(snapshot(withUnresolved)).clock.stopped_at).toBe(NOW + DAY);
});

test('an unresolved charge that is not recorded yet has stopped the clock since its claim', () => {
  const withUnresolved = { attempts: [attempt('a', 1, 'unknown', undefined, NOW + HOUR)], alternatives: [] };
  expect(begin(snapshot({ ...withUnresolved, read_at: NOW + 9 * DAY })).clock.stopped_at).toBe(NOW + HOUR);
});
