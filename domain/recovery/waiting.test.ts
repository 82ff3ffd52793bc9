import { expect, test } from 'vitest';
import type { ClosedObligation, RecoverySnapshot } from './claims.ts';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { describe as statusOf } from './describe.ts';
import { evolve } from './evolve.ts';
import type { RecoveryState, Step } from './state.ts';
import {
  attempt,
  candidatesOf,
  claimed,
  DAY,
  HOUR,
  keyOf,
  label,
  NOW,
  recorded,
  runUntilWait,
  snapshot,
} from './recovery-fixtures.ts';

const MINUTE = 60_000;
const LATER = { state: 'declined', class: 'LATER' } as const;
const noAlternatives: Partial<RecoverySnapshot> = { alternatives: [] };

/** Advances the time from one timer to the next, and returns the actions with their days. */
function runDays(state: RecoveryState, outcomes: Parameters<typeof runUntilWait>[1], days: number) {
  const actions: string[] = [];
  let current = state;
  let now = NOW;
  while (now <= NOW + days * DAY) {
    const { done, state: next } = runUntilWait(current, outcomes, now);
    const acts = done.filter((step) => /^(charge|notify|close)/.test(step));
    actions.push(...acts.map((act) => `${((now - NOW) / DAY).toFixed(2)} ${act}`));
    current = next;
    const step = decide(current, now);
    if (step.do !== 'wait' || step.until === undefined) break;
    expect(step.until).toBeGreaterThan(now);
    now = step.until;
  }
  return actions;
}

test('a soft-declined method is retried on its schedule, and reminders have their own timers', () => {
  expect(runDays(begin(snapshot(noAlternatives)), { failed: LATER }, 15)).toEqual([
    '0.00 notify no_alternative',
    '1.00 charge failed',
    '3.00 charge failed',
    '3.00 notify reminder',
    '5.00 charge failed',
    '7.00 charge failed',
    '7.00 notify reminder',
    '14.00 close exhausted by window_over',
    '14.00 notify recovery_ended',
  ]);
});

test('after a technical decline the method is retried after a minute, then the cascade, then its schedule', () => {
  const tech = {
    failed: { state: 'declined', class: 'TECH' },
    a: { state: 'declined', class: 'FIX' },
  } as const;
  const actions = runDays(begin(snapshot({ alternatives: ['a'] }, 'TECH')), tech, 2);
  expect(actions).toEqual([
    '0.00 charge failed',
    '0.00 charge a',
    '0.00 notify all_declined',
    '0.01 charge failed',
    '0.08 charge failed',
    '1.00 charge failed',
  ]);
});

test('a soft-declined alternative has its own schedule, one with invalid details has none', () => {
  const { state } = runUntilWait(begin(snapshot()), { a: LATER, b: { state: 'declined', class: 'FIX' } });
  expect(
    candidatesOf(state).map((one) => `${one.payment_method_id} ${(one.not_before - NOW) / DAY}`),
  ).toEqual(['failed 1', 'a 1']);
});

test("the issuer's advice delays the schedule and never shortens it", () => {
  const at = (not_before: number) => {
    const { failure } = snapshot();
    const state = begin(snapshot({ ...noAlternatives, failure: { ...failure, not_before } }));
    return (candidatesOf(state)[0]!.not_before - NOW) / DAY;
  };
  expect(at(NOW + HOUR)).toBe(1);
  expect(at(NOW + 2 * DAY)).toBe(2);
});

test('a run that takes over continues the schedules', () => {
  const attempts = [1, 2].map((n) => attempt('failed', n, 'declined', 'LATER', NOW + (2 * n - 1) * DAY));
  const state = begin(snapshot({ ...noAlternatives, attempts, read_at: NOW + 4 * DAY }));
  expect(candidatesOf(state)).toEqual([
    { payment_method_id: 'failed', not_before: NOW + 5 * DAY, reason: 'retry' },
  ]);
});

test('a clock that lags behind the schedule does not use a slot twice', () => {
  const state = begin(snapshot(noAlternatives));
  const lagging = attempt('failed', 1, 'declined', 'LATER', NOW + DAY - 5_000);
  const recorded = {
    attempt: lagging,
    obligation_state: 'open',
    overpaid: false,
    notify_chimera: false,
  } as const;
  const next = evolve(state, { fact: 'attempt_recorded', recorded, at: NOW + DAY });
  expect(candidatesOf(next).map((one) => one.not_before)).toEqual([NOW + 3 * DAY]);
});

test('no reminder follows a notice that was sent after the reminder was due', () => {
  const { state } = runUntilWait(begin(snapshot(noAlternatives, 'FIX')), {}, NOW + 4 * DAY);
  expect(runUntilWait(state, {}, NOW + 5 * DAY).done).not.toContain('notify reminder');
  expect(runUntilWait(state, {}, NOW + 7 * DAY).done).toContain('notify reminder');
});

test('of several missed reminders only the last one is sent', () => {
  const { state } = runUntilWait(begin(snapshot(noAlternatives, 'FIX')), {});
  const late = runUntilWait(state, {}, NOW + 8 * DAY);
  expect(late.done.filter((step) => step === 'notify reminder')).toHaveLength(1);
  expect(late.state.notified_at).toBe(NOW + 8 * DAY);
});

test('the status names the next action: retry, reminder or closing', () => {
  const status = (state: RecoveryState, now: number) =>
    statusOf(runUntilWait(state, { failed: LATER }, now).state, now);
  const state = begin(snapshot(noAlternatives));
  expect(status(state, NOW)).toMatchObject({
    state: 'waiting',
    waiting_for: 'method',
    next: { action: 'charge', payment_method_id: 'failed', at: new Date(NOW + DAY).toISOString() },
  });
  const fix = begin(snapshot(noAlternatives, 'FIX'));
  expect(status(fix, NOW).next).toEqual({ action: 'remind', at: new Date(NOW + 3 * DAY).toISOString() });
  expect(status(fix, NOW + 8 * DAY).next).toEqual({
    action: 'close',
    at: new Date(NOW + 14 * DAY).toISOString(),
  });
});

test('a waiting recovery reads the graph at least daily: a method whose signal was lost is charged', () => {
  const { state } = runUntilWait(begin(snapshot(noAlternatives, 'FIX')), {});
  const methods = [{ payment_method_id: 'new', changed_at: NOW + HOUR }];
  const next = decide(state, NOW);
  expect(next).toMatchObject({ do: 'wait', until: NOW + DAY });
  expect(runUntilWait(state, {}, NOW + DAY, { methods }).done).toEqual([
    'refresh',
    'claim new:1',
    'charge new',
    'record approved',
    'notify recovered',
    'finish',
  ]);
});

test.each<[string, Parameters<typeof snapshot>[1], string, number, boolean]>([
  ['the failed method, unchanged', 'FIX', 'failed', NOW - DAY, false],
  ['the failed method, corrected', 'FIX', 'failed', NOW + HOUR, true],
  ['a method that became eligible without a change', 'FIX', 'other', NOW - DAY, true],
  ['after a hard decline, a method that existed before', 'HARD', 'other', NOW - DAY, false],
  ['after a hard decline, a method added since', 'HARD', 'other', NOW + HOUR, true],
])(
  'a method found by a refresh is charged if it is new or changed: %s',
  (_, failureClass, id, changed_at, tried) => {
    const { state } = runUntilWait(begin(snapshot(noAlternatives, failureClass)), {});
    const { done } = runUntilWait(state, {}, NOW + DAY, { methods: [{ payment_method_id: id, changed_at }] });
    expect(done.includes(`charge ${id}`)).toBe(tried);
  },
);

test('a method that declined since is charged only once it has changed again', () => {
  const attempts = [attempt('a', 1, 'declined', 'FIX', NOW + HOUR)];
  const state = begin(snapshot({ ...noAlternatives, attempts }, 'FIX'));
  const found = (changed_at: number) => ({ methods: [{ payment_method_id: 'a', changed_at }] });
  expect(runUntilWait(state, {}, NOW + DAY, found(NOW)).done).not.toContain('charge a');
  expect(runUntilWait(state, {}, NOW + DAY, found(NOW + 2 * HOUR)).done).toContain('charge a');
});

test('an obligation closed by another process ends the run without a notice', () => {
  const { state } = runUntilWait(begin(snapshot(noAlternatives, 'FIX')), {});
  const { payment_id, customer_id } = state.obligation;
  const closed: ClosedObligation = {
    payment_id,
    customer_id,
    outcome: 'paid_elsewhere',
    rule: 'settled',
    attempts: [],
  };
  expect(runUntilWait(state, {}, NOW + DAY, { closed }).done).toEqual(['refresh', 'finish']);
});

test('a suspended customer is neither charged nor notified until reinstated', () => {
  const suspended = evolve(begin(snapshot(noAlternatives)), {
    fact: 'customer_status',
    status: 'suspended',
    at: NOW,
  });
  expect(runUntilWait(suspended, {}).done).toEqual(['wait for customer_status']);
  const reinstated = evolve(suspended, { fact: 'customer_status', status: 'active', at: NOW + HOUR });
  expect(runUntilWait(reinstated, {}, NOW + HOUR).done[0]).toBe('notify no_alternative');
});

test('a suspension that outlasts the window ends the recovery without a notice', () => {
  const suspended = evolve(begin(snapshot()), { fact: 'customer_status', status: 'suspended', at: NOW });
  const { done } = runUntilWait(suspended, {}, NOW + 14 * DAY, { customer_status: 'suspended' });
  expect(done).toEqual(['close exhausted by window_over', 'finish']);
});

test('the window also ends during a suspension of a recovery blocked by another obligation', () => {
  const blockedState = evolve(begin(snapshot({}, 'FIX')), {
    fact: 'claim_answered',
    candidate: { payment_method_id: 'a', not_before: 0, reason: 'alternative' },
    claim: { result: 'blocked', by: 'invoice-2', since: NOW, what: 'customer' },
    at: NOW,
  });
  const state = evolve(blockedState, { fact: 'customer_status', status: 'suspended', at: NOW + HOUR });
  expect(state.clock.closes_at).toBe(NOW + 14 * DAY + HOUR);
  expect(label(decide(state, state.clock.closes_at))).toBe('close exhausted by window_over');
});

test('a claimed charge is not sent once the customer is suspended', () => {
  const claimedState = evolve(begin(snapshot()), {
    fact: 'claim_answered',
    candidate: { payment_method_id: 'a', not_before: 0, reason: 'alternative' },
    claim: claimed('a', 1),
    at: NOW,
  });
  const state = evolve(claimedState, { fact: 'customer_status', status: 'suspended', at: NOW });
  expect(runUntilWait(state, {}).done).toEqual(['record not_sent', 'wait for customer_status']);
});

test('a recovery cancelled with an unresolved charge under review stays under review', () => {
  const unresolvedCharge = {
    key: 'recovery:invoice-1:a:1',
    payment_method_id: 'a',
    claimed_at: NOW,
    tries: 9,
  };
  const state = {
    ...begin(snapshot()),
    charge: { ...unresolvedCharge, state: 'pending' },
    review: { rule: 'attempt_pending', flagged: true },
  } as const;
  expect(label(decide(evolve(state, { fact: 'cancelled' }), NOW))).toBe('wait for review');
  expect(label(decide(evolve(state, { fact: 'consent_revoked' }), NOW))).toBe('wait for review');
});

test('the recovery of an erased customer is cancelled', () => {
  const erased = evolve(begin(snapshot()), { fact: 'customer_status', status: 'erased', at: NOW });
  expect(runUntilWait(erased, {}).done).toEqual(['close cancelled by customer_erased', 'finish']);
});

test('the recovery of a customer who is being erased waits, until the erasure cancels it or is taken back', () => {
  const hidden = evolve(begin(snapshot()), { fact: 'customer_status', status: 'erasing', at: NOW });
  expect(runUntilWait(hidden, {}).done).toEqual(['wait for customer_status']);
  const cancelled = evolve(hidden, { fact: 'cancelled' });
  expect(runUntilWait(cancelled, {}).done).toEqual(['close cancelled by cancelled', 'finish']);
  const back = evolve(hidden, { fact: 'customer_status', status: 'active', at: NOW });
  expect(runUntilWait(back, {}).done[0]).toMatch(/^claim/);
});

test('while blocked by another obligation the clock is stopped, and after a day the customer is notified', () => {
  let state = evolve(begin(snapshot({ alternatives: ['a'] }, 'FIX')), {
    fact: 'claim_answered',
    candidate: { payment_method_id: 'a', not_before: 0, reason: 'alternative' },
    claim: { result: 'blocked', by: 'invoice-2', since: NOW, what: 'customer' },
    at: NOW,
  });
  const { phase } = state;
  if (phase.name !== 'open') throw new Error('expected an open recovery');
  const blocked = { ...state, phase: { ...phase, blocked_until: NOW + 2 * DAY } };
  expect(runUntilWait(blocked, {}, NOW + DAY).done).toEqual([
    'refresh',
    'notify no_alternative',
    'wait for claim',
  ]);
  state = evolve(state, {
    fact: 'claim_answered',
    candidate: candidatesOf(state)[0]!,
    claim: claimed('a', 1),
    at: NOW + 14 * DAY,
  });
  expect(state.clock.closes_at).toBe(NOW + 28 * DAY);
});

test('a ceiling that lasts for weeks does not delay the customer’s notice', () => {
  const refused = evolve(begin(snapshot({ alternatives: ['a'] }, 'FIX')), {
    fact: 'claim_answered',
    candidate: { payment_method_id: 'a', not_before: 0, reason: 'alternative' },
    claim: { result: 'refused', rule: 'ceiling:visa', until: NOW + 9 * DAY },
    at: NOW,
  });
  expect(runUntilWait(refused, {}).done).toEqual(['notify no_alternative', 'wait for method']);
  expect(runUntilWait(runUntilWait(refused, {}).state, {}, NOW + 9 * DAY).done).toContain('charge a');
});

test('an authenticated payment is confirmed, and one that has succeeded is resolved', () => {
  const { state } = runUntilWait(begin(snapshot()), { a: { state: 'declined', class: 'AUTH' }, b: LATER });
  const stepAfter = (payment: 'confirmable' | 'succeeded' | 'payable') =>
    label(decide(evolve(state, { fact: 'authenticated', payment, at: NOW }), NOW));
  expect(stepAfter('confirmable')).toBe('claim a:2');
  expect(stepAfter('succeeded')).toBe('resolve_charge');
  expect(stepAfter('payable')).toBe('wait for authentication');
});

/** The next step after the clock is stored. */
function next(state: RecoveryState, now: number): Step {
  const step = decide(state, now);
  return step.do === 'store_clock'
    ? decide(evolve(state, { fact: 'clock_stored', clock: step.clock }), now)
    : step;
}

test('while an authenticated payment is processing nothing is charged, and its outcome is resolved', () => {
  const { state } = runUntilWait(begin(snapshot()), { a: { state: 'declined', class: 'AUTH' }, b: LATER });
  const paying = { fact: 'authenticated', payment: 'processing', gateway_ref: 'pi_1', at: NOW } as const;
  const waits = evolve(state, paying);
  expect(next(waits, NOW)).toMatchObject({ do: 'wait', until: NOW + HOUR });
  // The other method's retry is due meanwhile.
  const later = NOW + 2 * DAY;
  const still = evolve(waits, { fact: 'looked_up', payment: 'processing', at: later });
  expect(next(still, later)).toMatchObject({ do: 'wait', until: later + DAY });
  // A gateway update arrives.
  const changed = evolve(still, { fact: 'charge_reported', at: later });
  expect(decide(changed, later)).toEqual({ do: 'look_up', gateway_payment_ref: 'pi_1' });
  const looked = (payment: 'succeeded' | 'adopted') =>
    decide(evolve(changed, { fact: 'looked_up', payment, at: later }), later);
  expect(looked('succeeded')).toEqual({ do: 'resolve_charge', key: keyOf('a', 1) });
  expect(label(looked('adopted'))).toBe('refresh');
});

test('behind an old unresolved charge on the same card the claim is retried rarely, and immediately when freed', () => {
  const claim = (since: number) =>
    evolve(begin(snapshot({ alternatives: ['a'] }, 'FIX')), {
      fact: 'claim_answered',
      candidate: { payment_method_id: 'a', not_before: 0, reason: 'alternative' },
      claim: { result: 'blocked', by: 'invoice-2', since, what: 'instrument' },
      at: NOW,
    });
  const asks = (since: number) => next(claim(since), NOW);
  expect(asks(NOW - MINUTE)).toMatchObject({ for: 'claim', until: NOW + 10 * MINUTE });
  expect(asks(NOW - 5 * HOUR)).toMatchObject({ for: 'claim', until: NOW + 5 * HOUR });
  expect(asks(NOW - 9 * DAY)).toMatchObject({ for: 'claim', until: NOW + DAY });
  expect(label(decide(evolve(claim(NOW - 9 * DAY), { fact: 'claim_freed' }), NOW))).toBe('claim a:1');
});

test('the reported payment of a stopped recovery is adopted first, so that closing cancels it', () => {
  const state = begin(snapshot({ gateway_payment_ref: 'pi_9' }, 'STOP'));
  expect(runUntilWait(state, {}).done).toEqual([
    'look_up',
    'close stopped by rule:STOP',
    'notify payment_stopped',
    'finish',
  ]);
  const paid = evolve(state, { fact: 'looked_up', payment: 'succeeded', at: NOW });
  expect(label(decide(paid, NOW))).toBe('close paid_elsewhere by gateway_payment_succeeded');
});

test('retryNow after a configuration error charges the failed method first', () => {
  const { state } = runUntilWait(begin(snapshot({}, 'CONFIG')), {});
  const now = evolve(state, { fact: 'retry_now', alternatives: ['a'], at: NOW + 5 * MINUTE });
  expect(label(decide(now, NOW + 5 * MINUTE))).toBe('claim failed:1');
});

test('a card blocked by another obligation is skipped and charged once it is free', () => {
  const blockedState = evolve(begin(snapshot({}, 'FIX')), {
    fact: 'claim_answered',
    candidate: { payment_method_id: 'a', not_before: 0, reason: 'alternative' },
    claim: { result: 'blocked', by: 'invoice-2', since: NOW, what: 'instrument' },
    at: NOW,
  });
  const { done, state } = runUntilWait(blockedState, { b: { state: 'declined', class: 'FIX' } });
  expect(done).toEqual(['claim b:1', 'charge b', 'record declined', 'wait for claim']);
  expect(statusOf(state, NOW)).toMatchObject({ state: 'waiting', waiting_for: 'claim' });
  expect(label(decide(state, NOW + 10 * MINUTE))).toBe('claim a:1');
  expect(label(decide(evolve(state, { fact: 'claim_freed' }), NOW))).toBe('claim a:1');
});

test.each([
  ['pending', undefined, 'pending'],
  ['unknown', undefined, 'unknown'],
  ['declined', 'FIX', 'charging'],
] as const)(
  'a claim that another run resolved as %s counts with that outcome',
  (became, declineClass, phase) => {
    const state = evolve(begin(snapshot({}, 'FIX')), {
      fact: 'claim_answered',
      candidate: { payment_method_id: 'a', not_before: 0, reason: 'alternative' },
      claim: { result: 'resolved', attempt: attempt('a', 1, became, declineClass) },
      at: NOW,
    });
    expect(statusOf(state, NOW).state).toBe(phase);
    expect(decide(state, NOW)).not.toMatchObject({ do: 'claim', candidate: { payment_method_id: 'a' } });
  },
);

test('a method that is announced twice by one event is added once, also after many other events', () => {
  const announced = (state: RecoveryState, event_id: string) =>
    evolve(state, { fact: 'method_added', payment_method_id: 'new', event_id });
  const declined = (state: RecoveryState) =>
    evolve(state, { fact: 'attempt_recorded', recorded: recorded('new', 1, 'declined', 'FIX'), at: NOW });
  const isCandidate = (state: RecoveryState) =>
    candidatesOf(state).some(({ payment_method_id }) => payment_method_id === 'new');
  const once = declined(announced(begin(snapshot()), 'event-9'));
  expect(isCandidate(once)).toBe(false);
  expect(isCandidate(announced(once, 'event-9'))).toBe(false);
  expect(isCandidate(announced(once, 'event-10'))).toBe(true);
  const many = Array.from({ length: 100 }, (_, n) => `other-${n}`).reduce(announced, once);
  expect(isCandidate(announced(declined(many), 'other-99'))).toBe(false);
});
