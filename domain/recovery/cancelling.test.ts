/** A payment that the gateway does not cancel keeps its obligation open, and neither deaf nor charged. */

import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { describe } from './describe.ts';
import { evolve } from './evolve.ts';
import type { Ending, Fact, RecoveryState } from './state.ts';
import {
  attempt,
  DAY,
  HOUR,
  keyOf,
  label,
  MINUTE,
  NOW,
  runUntilWait,
  recorded,
  snapshot,
} from './recovery-fixtures.ts';

const CANCELLED: Ending = { outcome: 'cancelled', rule: 'cancelled' };
const declined = attempt('a', 1, 'declined', 'LATER');

/** It waits for a method, and a person calls it off. */
function cancelledRecovery(): RecoveryState {
  const { state } = runUntilWait(begin(snapshot({ alternatives: ['a'], attempts: [declined] })), {});
  return evolve(state, { fact: 'cancelled' });
}

function notCancelled(state: RecoveryState, at: number, payment: 'processing' | 'unknown' = 'unknown') {
  const step = decide(state, at);
  if (step.do !== 'close') throw new Error(`wants to ${label(step)} instead`);
  return evolve(state, { fact: 'not_cancelled', payment, ending: step.ending, at });
}

/** How long it waits after each refusal, in hours, until a person is asked to look; then once more. */
function waits(payment: 'processing' | 'unknown'): number[] {
  let state = cancelledRecovery();
  let now = NOW;
  const hours: number[] = [];
  for (let tries = 0; tries < 40; tries++) {
    state = notCancelled(state, now, payment);
    const asked = state.review !== undefined;
    if (asked) {
      expect(label(decide(state, now))).toBe('review payment_not_cancellable');
      state = evolve(state, { fact: 'flagged_for_review', at: now });
      state = evolve(state, { fact: 'clock_kept', clock: { closes_at: state.closes_at, stopped_at: now } });
    }
    const step = decide(state, now);
    if (step.do !== 'wait' || step.until === undefined) throw new Error(`wants to ${label(step)} instead`);
    hours.push((step.until - now) / HOUR);
    now = step.until;
    if (asked) return hours;
  }
  throw new Error('no person is asked to look');
}

test('it is asked again after a minute, less and less often, at last daily; after a day a person looks at it', () => {
  expect(waits('unknown')).toEqual([1 / 60, 5 / 60, 0.5, 2, 6, 16, 24]);
});

test('one that is being processed is waited for as a pending charge is', () => {
  expect(waits('processing')).toEqual([1, 24, 24, 24]);
});

test('meanwhile it says what it waits for, and charges nothing', () => {
  const state = notCancelled(cancelledRecovery(), NOW);
  expect(describe(state, NOW)).toMatchObject({
    state: 'waiting',
    waiting_for: 'gateway',
    next: { action: 'poll', at: new Date(NOW + MINUTE).toISOString() },
  });
  const added = evolve(state, { fact: 'method_added', payment_method_id: 'new' });
  expect(decide(added, NOW)).toEqual({ do: 'wait', until: NOW + MINUTE, for: 'gateway' });
  const processing = describe(notCancelled(cancelledRecovery(), NOW, 'processing'), NOW);
  expect(processing).toMatchObject({ state: 'pending', next: { action: 'poll' } });
  expect(processing).not.toHaveProperty('waiting_for');
});

test('cancelled at last it is closed as it was to be', () => {
  const { done } = runUntilWait(notCancelled(cancelledRecovery(), NOW), {}, NOW + MINUTE);
  expect(done).toEqual(['close cancelled by cancelled', 'finish']);
});

test('one that succeeded meanwhile recovers the payment, also while a person looks at it', () => {
  const waiting = notCancelled(cancelledRecovery(), NOW);
  const review = { rule: 'payment_not_cancellable', flagged: true };
  for (const state of [waiting, { ...waiting, review }]) {
    const paid = evolve(state, { fact: 'already_succeeded' });
    const key = declined.key;
    expect(decide(paid, NOW)).toEqual({ do: 'find_out', key });
    const facts: Fact[] = [
      { fact: 'found_out', key, found: { result: 'approved' }, at: NOW },
      { fact: 'attempt_recorded', recorded: recorded('a', 1, 'approved'), at: NOW },
    ];
    expect(runUntilWait(facts.reduce(evolve, paid), {}).done).toEqual(['notify recovered', 'finish']);
  }
});

test.each<[string, Fact]>([
  ['a webhook speaks of the payment', { fact: 'charge_heard', at: NOW }],
  ['a person wants it tried again', { fact: 'retry_now', alternatives: ['a', 'b'], at: NOW }],
])('it is asked at once when %s', (_, fact) => {
  const state = evolve(notCancelled(cancelledRecovery(), NOW), fact);
  expect(decide(state, NOW)).toMatchObject({ do: 'close', ending: CANCELLED });
});

test('a settlement takes the place of the end that waits, and its repeat does not hurry the gateway', () => {
  const settlement: Fact = { fact: 'settled', payment_ref: 'pi_2' };
  const settled = evolve(notCancelled(cancelledRecovery(), NOW), settlement);
  expect(decide(settled, NOW)).toMatchObject({ do: 'close', ending: { outcome: 'paid_elsewhere' } });
  const waiting = notCancelled(settled, NOW);
  expect(decide(evolve(waiting, settlement), NOW)).toMatchObject({ do: 'wait', until: NOW + MINUTE });
});

test('a window that is over stays over while its payment is not cancelled', () => {
  const over = { ...begin(snapshot({ alternatives: [], closes_at: NOW })), notices: [] };
  const waiting = notCancelled(over, NOW);
  const added = evolve(waiting, { fact: 'method_added', payment_method_id: 'new' });
  expect(decide(added, NOW)).toEqual({ do: 'wait', until: NOW + MINUTE, for: 'gateway' });
  expect(runUntilWait(added, {}, NOW + MINUTE).done[0]).toBe('close exhausted by window_over');
  // A review stops the window's clock, and does not open it again.
  const review = { rule: 'payment_not_cancellable', flagged: false };
  const reviewed = evolve({ ...added, review }, { fact: 'flagged_for_review', at: NOW });
  expect(runUntilWait(reviewed, {}, NOW + MINUTE).done[0]).toBe('close exhausted by window_over');
});

test('what was paid elsewhere is closed first; its own payment is cancelled afterwards, and a person sees if not', () => {
  const closed = {
    ...cancelledRecovery(),
    ending: { outcome: 'paid_elsewhere', rule: 'settled' },
  } as RecoveryState;
  let state: RecoveryState = { ...closed, closed: true, payment_open: true };
  let now = NOW;
  for (let tries = 0; tries < 7; tries++) {
    expect(decide(state, now)).toEqual({ do: 'cancel_payment' });
    state = evolve(state, { fact: 'not_cancelled', payment: 'unknown', at: now });
    expect(describe(state, now)).toMatchObject({ state: 'done', outcome: 'paid_elsewhere' });
    expect(describe(state, now)).not.toHaveProperty('waiting_for');
    now = state.cancelling?.next_at ?? 0;
  }
  expect(label(decide(state, now))).toBe('review payment_not_cancellable');
  state = evolve(state, { fact: 'flagged_for_review', at: now });
  expect(decide(state, now)).toEqual({ do: 'cancel_payment' });
  expect(decide(evolve(state, { fact: 'payment_cancelled' }), now)).toEqual({ do: 'finish' });
});

test.each([
  ['was called off or settled', {}, 'cancelled'],
  ['had waited to the end of its window', { closes_at: NOW - DAY }, 'exhausted'],
  ['was stopped by its bank', { failure: snapshot({}, 'STOP').failure }, 'stopped'],
  ['was never to be charged', { kind: 'one_time' as const }, 'stopped'],
])(
  'a run that takes over from one that %s goes on with the end, and charges nothing',
  (_, changes, outcome) => {
    const review = { state: 'needs_review', rule: 'payment_not_cancellable', attempts: [declined] } as const;
    const state = begin(snapshot({ ...review, attempts: [declined], ...changes }));
    expect(decide(state, NOW)).toMatchObject({ do: 'close', ending: { outcome } });
    const retried = evolve(state, { fact: 'retry_now', alternatives: ['a', 'b'], at: NOW });
    expect(decide(retried, NOW)).toMatchObject({ do: 'close', ending: { outcome } });
  },
);

test('while the gateway does not answer what its payment came to, the end of the window does not ask in circles', () => {
  const over = NOW + 15 * DAY;
  const declined = snapshot({ alternatives: [], attempts: [attempt('a', 1, 'declined', 'FIX')] }, 'FIX');
  let state = evolve({ ...begin(declined), notices: [] }, { fact: 'already_succeeded' });
  const key = keyOf('a', 1);
  expect(decide(state, over)).toEqual({ do: 'find_out', key });
  const found = { result: 'unknown', reason: 'away' } as const;
  state = evolve(state, { fact: 'found_out', key, found, at: over });
  expect(decide({ ...state, read_at: over, notified_at: over }, over)).toMatchObject({ do: 'wait' });
});
