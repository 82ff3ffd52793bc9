/** The recovery's clock over several runs: each run continues from the clock that the previous one stored. */

import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { evolve } from './evolve.ts';
import { clockOf, clockToStore as storedClock, resumeClock, stopClock, type StoredClock } from './clock.ts';
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

test('a clock that is resumed before it was stopped, by another machine’s time, keeps its end', () => {
  const stopped = stopClock(clockOf({ closes_at: END }), NOW);
  expect(resumeClock(stopped, NOW - MINUTE)).toEqual({ closes_at: END, stored: { closes_at: END } });
  expect(resumeClock(stopped, NOW + HOUR).closes_at).toBe(END + HOUR);
  expect(stopClock(stopped, NOW + HOUR).stopped_at).toBe(NOW);
});

test('a clock is stored once it differs by more than two hours', () => {
  const resumedAfter = (ms: number) => resumeClock(stopClock(clockOf({ closes_at: END }), NOW), NOW + ms);
  expect(storedClock(resumedAfter(2 * HOUR))).toBeUndefined();
  expect(storedClock(resumedAfter(2 * HOUR + 1))).toEqual({ closes_at: END + 2 * HOUR + 1 });
});

test('a settlement under review stops the clock, and a stopped clock closes nothing', () => {
  const { state } = runUntilWait(begin(snapshot({ alternatives: [] }, 'FIX')), {});
  const reviewed = evolve(state, {
    fact: 'settlement_in_review',
    rule: 'settlement_mismatch',
    at: NOW + DAY,
  });
  expect(reviewed.clock.stopped_at).toBe(NOW + DAY);
  const blockedForWeeks = blocked(begin(snapshot({ ...takenOver, ...singleAlternative }, 'FIX')), NOW + DAY);
  const { done } = runUntilWait(blockedForWeeks, {}, NOW + 60 * DAY);
  expect(done).not.toContainEqual(expect.stringMatching(/^close/));
});

test('a review stops the clock until it is lifted, whatever is recorded meanwhile', () => {
  const charged = begin(snapshot({ alternatives: ['a'], attempts: [attempt('a', 1, 'unknown')] }));
  const reviewed = evolve(charged, { fact: 'settlement_in_review', rule: 'settlement_mismatch', at: NOW });
  const known = evolve(reviewed, {
    fact: 'attempt_recorded',
    recorded: recorded('a', 1, 'declined', 'LATER'),
    at: NOW + DAY,
  });
  expect(known.clock).toMatchObject({ closes_at: END, stopped_at: NOW });
});

test('while a method that is free is due, a blocked card does not stop the clock; one that is due later does not help', () => {
  const B = { payment_method_id: 'b', not_before: 0, reason: 'alternative' } as const;
  const due = begin(snapshot({ alternatives: ['a', 'b'] }, 'FIX'));
  expect(blocked(due).clock.stopped_at).toBeUndefined();
  const later = evolve(due, {
    fact: 'claim_answered',
    candidate: B,
    claim: { result: 'refused', rule: 'ceiling', until: NOW + DAY },
    at: NOW,
  });
  expect(blocked(later).clock.stopped_at).toBe(NOW);
});
