/** The clock of the window over the life of several runs: what each leaves behind, the next one goes on with. */

import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { evolve } from './evolve.ts';
import type { Clock, RecoveryState } from './state.ts';
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

const clockToStore = (state: RecoveryState, now = NOW): Clock => {
  const step = decide(state, now);
  if (step.do !== 'keep_clock') throw new Error(`nothing is kept: ${label(step)}`);
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

test('a stop of days is kept before the recovery rests, once, and so is its end', () => {
  const { state } = runUntilWait(begin(snapshot({}, 'CONFIG')), {});
  expect(state.stored_clock).toEqual({ closes_at: END, stopped_at: NOW });
  const freed = evolve(state, { fact: 'retry_now', alternatives: [], at: NOW + 5 * DAY });
  const declined = { failed: { state: 'declined', class: 'LATER' } } as const;
  const { state: waiting } = runUntilWait(freed, declined, NOW + 5 * DAY);
  expect(waiting.stored_clock).toEqual({ closes_at: END + 5 * DAY });
});

test('what is over in minutes is not written down', () => {
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
  expect(waiting.stored_clock).toEqual({ closes_at: END });
});

test('a notice that names the day on which the window ends goes out after the graph knows that day', () => {
  const unresolved = begin(snapshot({ ...singleAlternative, attempts: [attempt('a', 1, 'pending')] }, 'FIX'));
  const known = evolve(unresolved, {
    fact: 'attempt_recorded',
    recorded: recorded('a', 1, 'declined', 'FIX'),
    at: NOW + 6 * DAY,
  });
  expect(clockToStore(known, NOW + 6 * DAY)).toEqual({ closes_at: END + 6 * DAY });
  const stored = evolve(known, { fact: 'clock_kept', clock: clockToStore(known, NOW + 6 * DAY) });
  expect(label(decide(stored, NOW + 6 * DAY))).toBe('notify all_declined');
});

test('so does one that a run writes which takes over', () => {
  const stopped = { clock_stopped_at: NOW + DAY, read_at: NOW + 4 * DAY };
  const state = begin(snapshot({ ...stopped, alternatives: [] }, 'FIX'));
  expect(clockToStore(state, NOW + 4 * DAY)).toEqual({ closes_at: END + 3 * DAY });
});

const takenOver = { clock_stopped_at: NOW + DAY, read_at: NOW + 20 * DAY, notified_at: NOW + DAY };

test('a review that a run takes over stands still since it began', () => {
  const review = { state: 'needs_review', rule: 'gateway_payment_not_ours' } as const;
  const state = begin(snapshot({ ...takenOver, ...review, alternatives: [] }));
  const freed = evolve(state, { fact: 'retry_now', alternatives: [], at: NOW + 21 * DAY });
  expect(freed.closes_at).toBe(END + 20 * DAY);
});

test('an instrument that stood in the way is asked for before the window is over', () => {
  const state = begin(snapshot({ ...takenOver, ...singleAlternative }, 'FIX'));
  expect(label(decide(state, NOW + 20 * DAY))).toBe('claim a:1');
  const still = blocked(state, NOW + 20 * DAY);
  expect(runUntilWait(still, {}, NOW + 20 * DAY).done).toEqual(['notify reminder', 'wait for claim']);
  const claim = claimed('a', 1, NOW + 30 * DAY);
  const free = evolve(still, { fact: 'claim_answered', candidate: A, claim, at: NOW + 30 * DAY });
  expect(free.closes_at).toBe(END + 29 * DAY);
});

test('a payment of others is looked up before the window is over', () => {
  const state = begin(snapshot({ ...takenOver, gateway_payment_ref: 'pi_9' }));
  expect(label(decide(state, NOW + 20 * DAY))).toBe('look_up');
  const returned = evolve(state, { fact: 'looked_up', payment: 'adopted', at: NOW + 20 * DAY });
  expect(returned.closes_at).toBe(END + 19 * DAY);
});

test('where nothing stands in the way any more the clock goes on at once', () => {
  const state = begin(snapshot({ ...takenOver, alternatives: [] }, 'FIX'));
  expect(state).toMatchObject({ closes_at: END + 19 * DAY, stopped_at: undefined });
  const withUnresolved = { ...takenOver, attempts: [attempt('a', 1, 'unknown')], alternatives: [] };
  expect(begin(snapshot(withUnresolved)).stopped_at).toBe(NOW + DAY);
});

test('a doubt that nobody has written of yet has stopped the clock at its claim', () => {
  const withUnresolved = { attempts: [attempt('a', 1, 'unknown', undefined, NOW + HOUR)], alternatives: [] };
  expect(begin(snapshot({ ...withUnresolved, read_at: NOW + 9 * DAY })).stopped_at).toBe(NOW + HOUR);
});
