import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { recheckCharge } from './unresolved.ts';
import { evolve } from './evolve.ts';
import type { RecoveryState } from './state.ts';
import type { AttemptState } from './status.ts';
import { claimed, DAY, HOUR, keyOf, MINUTE, NOW, recorded, snapshot } from './recovery-fixtures.ts';

/** A recovery with one attempt; only the fields that `recheckCharge` reads. */
function recoveryWith(state: AttemptState): RecoveryState {
  const attempt = { n: 1, key: 'k', payment_method_id: 'm', state, started_at: new Date(NOW).toISOString() };
  return { attempts: [attempt] } as unknown as RecoveryState;
}

test.each(['declined', 'void'] as const)(
  'an update about an attempt that is %s triggers a query of the gateway',
  (state) => {
    expect(recheckCharge(recoveryWith(state), 'k', NOW).recheck?.key).toBe('k');
    expect(recheckCharge(recoveryWith(state), undefined, NOW).recheck?.key).toBe('k');
  },
);

test('an update about a succeeded attempt, or about none, changes nothing', () => {
  for (const key of ['k', undefined, 'another']) {
    const state = recoveryWith('approved');
    expect(recheckCharge(state, key, NOW)).toBe(state);
  }
  const declined = recoveryWith('declined');
  expect(recheckCharge(declined, 'another', NOW)).toBe(declined);
});

test('an update about an unresolved attempt moves its next query to now', () => {
  const unresolved = {
    key: 'k',
    payment_method_id: 'm',
    state: 'unknown',
    claimed_at: NOW,
    tries: 0,
    next_at: NOW + 1,
  } as const;
  expect(recheckCharge({ ...recoveryWith('unknown'), unresolved }, 'k', NOW).unresolved?.next_at).toBe(NOW);
});

/** Stores the clock, if that is the next step. */
function storeClock(state: RecoveryState, now: number): RecoveryState {
  const step = decide(state, now);
  return step.do === 'keep_clock' ? evolve(state, { fact: 'clock_kept', clock: step.clock }) : state;
}

test('a charge declined as UNKNOWN is queried on the schedule and only then reviewed', () => {
  const candidate = { payment_method_id: 'a', not_before: 0, reason: 'alternative' } as const;
  const charging = evolve(begin(snapshot({ alternatives: ['a', 'b'] })), {
    ...{ fact: 'claim_answered', candidate, claim: claimed('a', 1), at: NOW },
  });
  const answer = { result: 'declined', codes: { decline_code: 'duplicate_transaction' } } as const;
  // As the graph records it, at first and after each query of the gateway.
  const recordedUnknown = recorded('a', 1, 'unknown', 'UNKNOWN');
  let state = evolve(evolve(charging, { fact: 'charge_answered', answer }), {
    ...{ fact: 'attempt_recorded', recorded: recordedUnknown, at: NOW },
  });
  const rungs: number[] = [];
  let now = NOW;
  for (let rung = 0; rung < 10; rung += 1) {
    state = storeClock(state, now);
    const step = decide(state, now);
    if (step.do === 'flag_for_review') break;
    if (step.do === 'wait' && step.until !== undefined) now = step.until;
    expect(decide(state, now)).toEqual({ do: 'find_out', key: keyOf('a', 1) });
    rungs.push(now - NOW);
    state = evolve(state, { fact: 'found_out', key: keyOf('a', 1), found: answer, at: now });
    expect(decide(state, now)).toMatchObject({ do: 'record' });
    state = evolve(state, { fact: 'attempt_recorded', recorded: recordedUnknown, at: now });
  }
  expect(rungs).toEqual([
    0,
    5 * MINUTE,
    5 * MINUTE + HOUR,
    5 * MINUTE + HOUR + DAY,
    5 * MINUTE + HOUR + 2 * DAY,
  ]);
  expect(decide(state, now)).toEqual({ do: 'flag_for_review', rule: 'attempt_unknown' });
  // A late result still counts.
  const paid = evolve(state, {
    fact: 'found_out',
    key: keyOf('a', 1),
    found: { result: 'approved' },
    at: now,
  });
  expect(decide(paid, now)).toMatchObject({ do: 'record', answer: { result: 'approved' } });
});
