import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { recheckCharge } from './unresolved.ts';
import { evolve } from './evolve.ts';
import type { RecoveryState } from './state.ts';
import type { AttemptState } from './status.ts';
import { claimed, DAY, HOUR, keyOf, MINUTE, NOW, recorded, snapshot } from './recovery-fixtures.ts';

/** A recovery that has made one attempt. Only what `hear` looks at. */
function recoveryWith(state: AttemptState): RecoveryState {
  const attempt = { n: 1, key: 'k', payment_method_id: 'm', state, started_at: new Date(NOW).toISOString() };
  return { attempts: [attempt] } as unknown as RecoveryState;
}

test.each(['declined', 'void'] as const)(
  'news of an attempt that is %s makes the gateway be asked',
  (state) => {
    expect(recheckCharge(recoveryWith(state), 'k', NOW).recheck?.key).toBe('k');
    expect(recheckCharge(recoveryWith(state), undefined, NOW).recheck?.key).toBe('k');
  },
);

test('news of an attempt that is known to have succeeded, or of none, changes nothing', () => {
  for (const key of ['k', undefined, 'another']) {
    const state = recoveryWith('approved');
    expect(recheckCharge(state, key, NOW)).toBe(state);
  }
  const declined = recoveryWith('declined');
  expect(recheckCharge(declined, 'another', NOW)).toBe(declined);
});

test('news of an attempt in doubt moves the next look at it to now', () => {
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

/** The graph has been told where the clock stands, if that was the next step. */
function storeClock(state: RecoveryState, now: number): RecoveryState {
  const step = decide(state, now);
  return step.do === 'keep_clock' ? evolve(state, { fact: 'clock_kept', clock: step.clock }) : state;
}

test('a charge declined as UNKNOWN is found out about on the ladder, and only then a person is asked', () => {
  const candidate = { payment_method_id: 'a', not_before: 0, reason: 'alternative' } as const;
  const charging = evolve(begin(snapshot({ alternatives: ['a', 'b'] })), {
    ...{ fact: 'claim_answered', candidate, claim: claimed('a', 1), at: NOW },
  });
  const answer = { result: 'declined', codes: { decline_code: 'duplicate_transaction' } } as const;
  // As the graph writes it down, at first and after each look at the gateway.
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
  // The truth, however late.
  const paid = evolve(state, {
    fact: 'found_out',
    key: keyOf('a', 1),
    found: { result: 'approved' },
    at: now,
  });
  expect(decide(paid, now)).toMatchObject({ do: 'record', answer: { result: 'approved' } });
});
