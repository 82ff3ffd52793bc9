/** A payment that the gateway does not cancel keeps its obligation open: it receives messages and is not charged. */

import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { describe } from './describe.ts';
import { evolve } from './evolve.ts';
import { type Ending, type Fact, type RecoveryState, withDue } from './state.ts';
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

/** A recovery that waits for a method and is cancelled by an operator. */
function cancelledRecovery(): RecoveryState {
  const { state } = runUntilWait(begin(snapshot({ alternatives: ['a'], attempts: [declined] })), {});
  return evolve(state, { fact: 'cancelled' });
}

function notCancelled(state: RecoveryState, at: number, payment: 'processing' | 'unknown' = 'unknown') {
  const step = decide(state, at);
  if (step.do !== 'close') throw new Error(`expected a close, got ${label(step)}`);
  return evolve(state, { fact: 'not_cancelled', payment, ending: step.ending, at });
}

/** The delays after each refusal, in hours, until the review, and one more. */
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
      state = evolve(state, {
        fact: 'clock_stored',
        clock: { closes_at: state.clock.closes_at, stopped_at: now },
      });
    }
    const step = decide(state, now);
    if (step.do !== 'wait' || step.until === undefined)
      throw new Error(`expected a wait, got ${label(step)}`);
    hours.push((step.until - now) / HOUR);
    now = step.until;
    if (asked) return hours;
  }
  throw new Error('expected a review');
}

test('the cancellation is retried with growing delays; after a day it is reviewed and retried daily', () => {
  expect(waits('unknown')).toEqual([1 / 60, 5 / 60, 0.5, 2, 6, 16, 24]);
});

test('a processing payment is awaited like a pending charge', () => {
  expect(waits('processing')).toEqual([1, 24, 24, 24]);
});

test('meanwhile the status shows what it waits for, and nothing is charged', () => {
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

test('once the payment is cancelled, the obligation is closed as intended', () => {
  const { done } = runUntilWait(notCancelled(cancelledRecovery(), NOW), {}, NOW + MINUTE);
  expect(done).toEqual(['close cancelled by cancelled', 'finish']);
});

test('a payment that succeeded meanwhile recovers the obligation, even under review', () => {
  const waiting = notCancelled(cancelledRecovery(), NOW);
  const review = { rule: 'payment_not_cancellable', flagged: true };
  for (const state of [waiting, { ...waiting, review }]) {
    const paid = evolve(state, { fact: 'already_succeeded' });
    const key = declined.key;
    expect(decide(paid, NOW)).toEqual({ do: 'resolve_charge', key });
    const facts: Fact[] = [
      { fact: 'charge_resolved', key, found: { result: 'approved' }, at: NOW },
      { fact: 'attempt_recorded', recorded: recorded('a', 1, 'approved'), at: NOW },
    ];
    expect(runUntilWait(facts.reduce(evolve, paid), {}).done).toEqual(['notify recovered', 'finish']);
  }
});

test('a payment that succeeded before its cascade was cancelled is not reported as failed', () => {
  const inCascade = begin(snapshot({ attempts: [declined], alternatives: ['b'] }));
  const paid = evolve(evolve(inCascade, { fact: 'cancelled' }), { fact: 'already_succeeded' });
  expect(decide(paid, NOW)).toEqual({ do: 'resolve_charge', key: declined.key });
});

test.each<[string, Fact]>([
  ['a webhook about the payment arrives', { fact: 'charge_reported', at: NOW }],
  ['an operator requests a retry', { fact: 'retry_now', alternatives: ['a', 'b'], at: NOW }],
])('the cancellation is retried immediately when %s', (_, fact) => {
  const state = evolve(notCancelled(cancelledRecovery(), NOW), fact);
  expect(decide(state, NOW)).toMatchObject({ do: 'close', ending: CANCELLED });
});

test('a settlement replaces the pending ending, and its repeat does not trigger another cancellation', () => {
  const settlement: Fact = { fact: 'settled', payment_ref: 'pi_2' };
  const settled = evolve(notCancelled(cancelledRecovery(), NOW), settlement);
  expect(decide(settled, NOW)).toMatchObject({ do: 'close', ending: { outcome: 'paid_elsewhere' } });
  const waiting = notCancelled(settled, NOW);
  expect(decide(evolve(waiting, settlement), NOW)).toMatchObject({ do: 'wait', until: NOW + MINUTE });
});

test('an ended window stays ended while its payment is not cancelled', () => {
  const over = withDue(begin(snapshot({ alternatives: [], closes_at: NOW })), { notices: [] });
  const waiting = notCancelled(over, NOW);
  const added = evolve(waiting, { fact: 'method_added', payment_method_id: 'new' });
  expect(decide(added, NOW)).toEqual({ do: 'wait', until: NOW + MINUTE, for: 'gateway' });
  expect(runUntilWait(added, {}, NOW + MINUTE).done[0]).toBe('close exhausted by window_over');
  // A review stops the clock and does not reopen the window.
  const review = { rule: 'payment_not_cancellable', flagged: false };
  const reviewed = evolve({ ...added, review }, { fact: 'flagged_for_review', at: NOW });
  expect(runUntilWait(reviewed, {}, NOW + MINUTE).done[0]).toBe('close exhausted by window_over');
});

test('an externally paid obligation is closed first, and its payment cancelled afterwards or reviewed', () => {
  const ending: Ending = { outcome: 'paid_elsewhere', rule: 'settled' };
  let state: RecoveryState = {
    ...cancelledRecovery(),
    phase: { name: 'closed', ending, payment_open: true },
  };
  let now = NOW;
  for (let tries = 0; tries < 7; tries++) {
    expect(decide(state, now)).toEqual({ do: 'cancel_payment' });
    state = evolve(state, { fact: 'not_cancelled', payment: 'unknown', at: now });
    expect(describe(state, now)).toMatchObject({ state: 'done', outcome: 'paid_elsewhere' });
    expect(describe(state, now)).not.toHaveProperty('waiting_for');
    now = state.phase.name === 'closed' ? (state.phase.cancelling?.next_at ?? 0) : 0;
  }
  expect(label(decide(state, now))).toBe('review payment_not_cancellable');
  state = evolve(state, { fact: 'flagged_for_review', at: now });
  expect(decide(state, now)).toEqual({ do: 'cancel_payment' });
  expect(decide(evolve(state, { fact: 'payment_cancelled' }), now)).toEqual({ do: 'finish' });
});

test.each([
  ['was cancelled or settled', {}, 'cancelled'],
  ['had reached the end of its window', { closes_at: NOW - DAY }, 'exhausted'],
  ['was stopped by the issuer', { failure: snapshot({}, 'STOP').failure }, 'stopped'],
  ['was a one-time payment', { kind: 'one_time' as const }, 'stopped'],
])(
  'a run that takes over from one that %s continues the ending and charges nothing',
  (_, changes, outcome) => {
    const review = { state: 'needs_review', rule: 'payment_not_cancellable', attempts: [declined] } as const;
    const state = begin(snapshot({ ...review, attempts: [declined], ...changes }));
    expect(decide(state, NOW)).toMatchObject({ do: 'close', ending: { outcome } });
    const retried = evolve(state, { fact: 'retry_now', alternatives: ['a', 'b'], at: NOW });
    expect(decide(retried, NOW)).toMatchObject({ do: 'close', ending: { outcome } });
  },
);

test('while the gateway does not report the payment’s outcome, the end of the window does not loop', () => {
  const over = NOW + 15 * DAY;
  const declined = snapshot({ alternatives: [], attempts: [attempt('a', 1, 'declined', 'FIX')] }, 'FIX');
  let state = evolve(withDue(begin(declined), { notices: [] }), { fact: 'already_succeeded' });
  const key = keyOf('a', 1);
  expect(decide(state, over)).toEqual({ do: 'resolve_charge', key });
  const found = { result: 'unknown', reason: 'unavailable' } as const;
  state = evolve(state, { fact: 'charge_resolved', key, found, at: over });
  expect(decide({ ...state, read_at: over, notified_at: over }, over)).toMatchObject({ do: 'wait' });
});

test('an ending closes a review, except one about an unresolved charge', () => {
  const reviewed = (changes: Parameters<typeof snapshot>[0]) =>
    describe(evolve(begin(snapshot({ state: 'needs_review', ...changes })), { fact: 'cancelled' }), NOW);
  expect(reviewed({ rule: 'rule:CONFIG' }).state).toBe('waiting');
  const attempts = [attempt('a', 1, 'unknown')];
  expect(reviewed({ rule: 'attempt_unknown', attempts }).state).toBe('needs_review');
});

test('the delays of a processing payment and of one that is not cancelled are counted separately', () => {
  const waited = (state: RecoveryState) => state.phase.name === 'closing' && state.phase.cancelling?.next_at;
  const first = notCancelled(cancelledRecovery(), NOW);
  const again = { fact: 'not_cancelled', ending: CANCELLED, at: NOW } as const;
  expect(waited(evolve(first, { ...again, payment: 'unknown' }))).toBe(NOW + 5 * MINUTE);
  expect(waited(evolve(first, { ...again, payment: 'processing' }))).toBe(NOW + HOUR);
});

test('a review of an unresolved charge is not replaced when the cancellation is refused for a day', () => {
  const review = { rule: 'attempt_unknown', flagged: true };
  const phase: RecoveryState['phase'] = {
    name: 'closing',
    ending: CANCELLED,
    cancelling: { processing: false, tries: 6, next_at: NOW },
  };
  const fact = { fact: 'not_cancelled', payment: 'unknown', ending: CANCELLED, at: NOW } as const;
  expect(evolve({ ...cancelledRecovery(), phase, review }, fact).review).toEqual(review);
  expect(evolve({ ...cancelledRecovery(), phase }, fact).review).toMatchObject({
    rule: 'payment_not_cancellable',
  });
});
