/** A run that takes over from a lost one continues from the graph and repeats nothing. */

import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import type { Claim, ClosedObligation } from './claims.ts';
import { decide } from './decide.ts';
import { describe } from './describe.ts';
import { evolve } from './evolve.ts';
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

const declined = { attempts: [attempt('a', 1, 'declined', 'LATER')], alternatives: ['a'] };

test('a second success that is not refunded yet is refunded first, and the customer is notified', () => {
  const paid = { state: 'recovered', rule: 'approved' } as const;
  const { done } = runUntilWait(begin(snapshot({ ...declined, ...paid, refunds_due: ['settled:pi_2'] })), {});
  expect(done).toEqual(['refund', 'notify refund_issued', 'finish']);
});

test.each(['LATER', 'HARD'] as const)(
  'a customer notified of the failure (%s) is not notified again, but reminded when due',
  (failureClass) => {
    const notified = snapshot({ ...declined, notified_at: NOW + HOUR }, failureClass);
    const again = { state: 'declined', class: 'LATER' } as const;
    const { done, state } = runUntilWait(begin(notified), {}, NOW + 2 * HOUR);
    expect(done).not.toContainEqual(expect.stringContaining('notify'));
    expect(runUntilWait(state, { failed: again, a: again }, NOW + 3 * DAY).done).toContain('notify reminder');
  },
);

test('a recovery paused by an operator stays paused until it is resumed', () => {
  const state = begin(snapshot({ paused: true }));
  expect(runUntilWait(state, {}).done).toEqual(['wait']);
  expect(describe(state, NOW)).toMatchObject({ paused: true, state: 'waiting' });
  expect(runUntilWait(evolve(state, { fact: 'resumed' }), {}).done[0]).toBe('claim a:1');
});

test('an unresolved charge unknown to the run is resolved before the obligation is closed', () => {
  const { state } = runUntilWait(begin(snapshot({ alternatives: [] }, 'FIX')), {});
  const over = NOW + 14 * DAY;
  expect(decide(state, over)).toMatchObject({ do: 'close', ending: { outcome: 'exhausted' } });
  const unresolvedAttempt = attempt('a', 1, 'unknown');
  const closing = evolve(state, { fact: 'closing_unresolved', attempt: unresolvedAttempt, at: over });
  expect(decide(closing, over)).toEqual({ do: 'resolve_charge', key: keyOf('a', 1) });
  expect(describe(closing, over)).toMatchObject({ state: 'unknown', attempts: [unresolvedAttempt] });
});

test('an unresolved charge that needs an operator is shown under review even after an external payment', () => {
  const unresolved = attempt('a', 1, 'unknown');
  const settled = evolve(begin(snapshot({ attempts: [unresolved] })), { fact: 'settled' });
  const { state } = runUntilWait(settled, {}, NOW + HOUR);
  expect(state.phase.name).toBe('closed');
  let [now, current] = [NOW + HOUR, state];
  const done: string[] = [];
  for (let wait = 0; wait < 10; wait++) {
    const step = decide(current, now);
    if (step.do === 'wait' && step.until) now = step.until;
    const played = runUntilWait(current, {}, now);
    done.push(...played.done);
    current = played.state;
  }
  expect(done.filter((step) => step === 'review attempt_unknown')).toHaveLength(1);
  expect(describe(current, now)).toMatchObject({
    state: 'needs_review',
    outcome: 'paid_elsewhere',
    rule: 'attempt_unknown',
    waiting_for: 'review',
  });
});

test('an unresolved charge unknown to the run that blocks a claim is resolved first', () => {
  const state = begin(snapshot());
  const candidate = { payment_method_id: 'b', not_before: 0, reason: 'alternative' } as const;
  const blocked = (own: ReturnType<typeof attempt>) =>
    evolve(state, {
      fact: 'claim_answered',
      candidate,
      claim: { result: 'blocked', by: 'invoice-1', since: NOW, what: 'instrument', own },
      at: NOW,
    });
  expect(decide(blocked(attempt('a', 1, 'unknown')), NOW)).toEqual({
    do: 'resolve_charge',
    key: keyOf('a', 1),
  });
  // Still in flight.
  expect(decide(blocked(attempt('a', 1, 'in_flight')), NOW)).toEqual({ do: 'wait', until: NOW + 60_000 });
});

test.each(['open', 'needs_review'] as const)(
  'consent revoked through another payment ends it when it was %s',
  (found) => {
    const { done } = runUntilWait(begin(snapshot({ state: found, consent_revoked: true })), {});
    expect(done).toEqual(['close stopped by consent_revoked', 'notify payment_stopped', 'finish']);
  },
);

test('a claim refused for revoked consent ends it, even without a signal', () => {
  const candidate = { payment_method_id: 'a', not_before: 0, reason: 'alternative' } as const;
  const refused = evolve(begin(snapshot()), {
    fact: 'claim_answered',
    candidate,
    claim: { result: 'refused', rule: 'consent_revoked' },
    at: NOW,
  });
  expect(runUntilWait(refused, {}).done[0]).toBe('close stopped by consent_revoked');
});

test.each(['STOP', 'FRAUD'] as const)(
  'an obligation under review that a %s has ended is closed by the run that takes over',
  (failureClass) => {
    const review = { state: 'needs_review', rule: 'stripe:testmode_decline' } as const;
    const state = begin(snapshot(review, failureClass));
    expect(runUntilWait(state, {}).done.slice(0, 1)).toEqual([expect.stringMatching(/^close stopped/)]);
  },
);

test('a one-time payment under review is closed by the run that takes over, and never charged', () => {
  const review = { state: 'needs_review', rule: 'settlement_mismatch', kind: 'one_time' } as const;
  expect(runUntilWait(begin(snapshot(review)), {}).done[0]).toBe('close stopped by not_recurring');
});

test.each(['gateway_payment_not_ours', 'payment_came_back'])(
  'after a review by %s a run that takes over does not read the payment again',
  (rule) => {
    const review = { state: 'needs_review', rule, gateway_payment_ref: 'pi_9' } as const;
    const state = begin(snapshot(review, 'FIX'));
    const again = evolve(state, { fact: 'retry_now', alternatives: ['a'], at: NOW });
    expect(runUntilWait(again, {}).done[0]).toBe('claim a:1');
  },
);

test('a review of an attempt ends with it, but a settlement review that joined it remains, and nothing is charged', () => {
  const unknown = snapshot({ alternatives: ['b'], attempts: [attempt('a', 1, 'unknown')] });
  const lost = begin({ ...unknown, state: 'needs_review', rule: 'attempt_unknown' });
  const met = evolve(lost, { fact: 'settlement_in_review', rule: 'settlement_mismatch', at: NOW });
  const declinedCharge = { result: 'declined', codes: {} } as const;
  const known = evolve(met, { fact: 'charge_resolved', key: keyOf('a', 1), found: declinedCharge, at: NOW });
  const { done, state } = runUntilWait(known, { a: { state: 'declined', class: 'LATER' } });
  expect(done.at(-1)).toBe('wait for review');
  expect(state.review?.rule).toBe('settlement_mismatch');
});

test.each(['absent', 'unknown'] as const)(
  'a lost run’s charge that the gateway reports as %s is no longer in flight once its claim is over',
  (result) => {
    const state = begin(snapshot({ attempts: [attempt('a', 1, 'in_flight')] }));
    const found = result === 'absent' ? { result } : { result, reason: 'no response' };
    const asked = (at: number) => evolve(state, { fact: 'charge_resolved', key: keyOf('a', 1), found, at });
    // A webhook may trigger a query earlier, when the charge may still be in transit.
    expect(decide(asked(NOW + MINUTE - 1), NOW + MINUTE)).toMatchObject({ do: 'wait' });
    const over = asked(NOW + MINUTE);
    expect(decide(over, NOW + MINUTE)).toMatchObject({ do: 'record', answer: { result: 'unknown' } });
    const written = evolve(over, {
      ...{ fact: 'attempt_recorded', recorded: recorded('a', 1, 'unknown'), at: NOW + MINUTE },
    });
    expect(written.charge).toEqual({
      ...{ key: keyOf('a', 1), payment_method_id: 'a', state: 'unknown', claimed_at: NOW },
      ...{ tries: 1, next_at: NOW + 6 * MINUTE },
    });
  },
);

test.each(['CONFIG', 'UNKNOWN'] as const)(
  'a charge declined as %s whose run was lost before the review still leads to the review',
  (declineClass) => {
    const lost = { attempts: [attempt('a', 1, 'declined', declineClass)], alternatives: ['a', 'b'] };
    const { done, state } = runUntilWait(begin(snapshot(lost)), {});
    expect(done).toEqual([`review rule:${declineClass}`, 'wait for review']);
    // As in the lost run, an operator lets it continue.
    const again = evolve(state, { fact: 'retry_now', alternatives: ['b'], at: NOW });
    expect(runUntilWait(again, {}).done[0]).toBe('claim b:1');
  },
);

test('an attempt after such a decline implies that an operator allowed it', () => {
  const first = attempt('a', 1, 'declined', 'CONFIG');
  for (const then of [attempt('b', 1, 'declined', 'LATER'), attempt('b', 1, 'void')]) {
    const { done } = runUntilWait(begin(snapshot({ attempts: [first, then], alternatives: ['c'] })), {});
    expect(done[0]).toBe('claim c:1');
  }
});

test('a decline before the obligation was reopened has no effect', () => {
  const before = attempt('a', 1, 'declined', 'CONFIG', NOW - DAY);
  expect(runUntilWait(begin(snapshot({ attempts: [before] })), {}).done[0]).toBe('claim a:2');
});

test('STOP and a one-time payment end it, regardless of the latest decline', () => {
  const attempts = [attempt('a', 1, 'declined', 'CONFIG')];
  expect(runUntilWait(begin(snapshot({ attempts }, 'STOP')), {}).done[0]).toMatch(/^close stopped/);
  expect(runUntilWait(begin(snapshot({ attempts, kind: 'one_time' })), {}).done[0]).toBe(
    'close stopped by not_recurring',
  );
});

test('a run that finds the obligation closed reports no fraud again', () => {
  const failure = { ...snapshot({}, 'FRAUD').failure, notify_chimera: true };
  expect(begin(snapshot({ failure })).due.fraud_reports).toHaveLength(1);
  expect(begin(snapshot({ failure, state: 'stopped', rule: 'fraud' })).due.fraud_reports).toEqual([]);
});

test.each([
  [{ read_at: NOW + 14 * DAY }, 'exhausted'],
  [{ read_at: NOW + 14 * DAY - 1 }, 'cancelled'],
  // The window did not run while the clock was stopped.
  [{ read_at: NOW + 20 * DAY, clock_stopped_at: NOW + DAY }, 'cancelled'],
])('an ending that the gateway held up is restored from the clock %o: %s', (found, outcome) => {
  const review = { state: 'needs_review', rule: 'payment_not_cancellable' } as const;
  expect(begin(snapshot({ ...review, ...found, alternatives: [] })).phase).toMatchObject({
    name: 'closing',
    ending: { outcome },
  });
});

test('an unknown outcome counts as temporary once its payment was read, also by an earlier run', () => {
  const failure = { ...snapshot({}, 'UNKNOWN').failure, status: 'unknown' as const };
  const unread = { failure, gateway_payment_ref: 'pi_9' };
  expect(begin(snapshot(unread, 'UNKNOWN')).class).toBe('UNKNOWN');
  expect(begin(snapshot({ failure, looked_up: true }, 'UNKNOWN')).class).toBe('LATER');
});

test('a claim that finds the obligation closed by another run ends this one without a notice or a charge', () => {
  const closed: ClosedObligation = {
    payment_id: 'invoice-1',
    customer_id: 'customer-1',
    outcome: 'exhausted',
    rule: 'window_over',
    attempts: [],
  };
  const answer = (claim: Claim) =>
    evolve(begin(snapshot()), {
      fact: 'claim_answered',
      candidate: { payment_method_id: 'a', not_before: 0, reason: 'alternative' },
      claim,
      at: NOW,
    });
  const refused = answer({ result: 'refused', rule: 'closed', obligation: closed });
  const paid = answer({ result: 'already_paid', obligation: { ...closed, outcome: 'recovered' } });
  expect([refused, paid].map((state) => runUntilWait(state, {}).done)).toEqual([['finish'], ['finish']]);
});
