/** Charges that never reach the gateway: its breaker is open, it refuses connections, or the rate limit is reached. */

import { expect, test } from 'vitest';
import { begin } from './begin.ts';
import { decide } from './decide.ts';
import { describe } from './describe.ts';
import { evolve } from './evolve.ts';
import { NOT_SENT, PAYMENT_CANCELLED } from './status.ts';
import type { RecoveryState } from './state.ts';
import { candidatesOf, claimed, DAY, NOW, recorded, snapshot } from './recovery-fixtures.ts';

function voidedBy(rule: string, retry_after_ms?: number) {
  const { attempt, ...rest } = recorded('a', 1, 'void');
  return evolve(begin(snapshot()), {
    fact: 'attempt_recorded',
    recorded: { ...rest, attempt: { ...attempt, rule } },
    at: NOW,
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
  });
}

test('the recovery waits for the gateway and retries when charges may be sent again', () => {
  const state = voidedBy(NOT_SENT, 30_000);
  expect(describe(state, NOW)).toMatchObject({
    state: 'waiting',
    waiting_for: 'gateway',
    next: { action: 'charge', payment_method_id: 'a' },
  });
  const step = decide(state, NOW);
  if (step.do !== 'wait' || step.until === undefined) throw new Error(`expected a wait, got ${step.do}`);
  expect(step.until).toBeGreaterThanOrEqual(NOW + 30_000);
  expect(decide(state, step.until)).toMatchObject({
    do: 'claim',
    candidate: { payment_method_id: 'a' },
    n: 2,
  });
});

test('a cancelled payment does not count as a gateway failure', () => {
  expect(describe(voidedBy(PAYMENT_CANCELLED), NOW)).not.toHaveProperty('waiting_for');
});

/** With its first candidate alone. */
function onlyCandidate(state: RecoveryState): RecoveryState {
  const candidates = candidatesOf(state).slice(0, 1);
  return { ...state, phase: { name: 'open', candidates } };
}

test('after another claim it waits for the new reason', () => {
  const state = voidedBy(NOT_SENT);
  const candidate = candidatesOf(state)[0]!;
  const at = candidate.not_before;
  const claim = { result: 'blocked', by: 'invoice-2', since: at, what: 'instrument' } as const;
  const blocked = evolve(onlyCandidate(state), { fact: 'claim_answered', candidate, claim, at });
  expect(describe(blocked, at)).toMatchObject({ waiting_for: 'claim' });
  const until = at + 2 * DAY;
  const refused = { result: 'refused', rule: 'ceiling:visa', until } as const;
  const postponed = evolve(state, { fact: 'claim_answered', candidate, claim: refused, at });
  expect(describe(onlyCandidate(postponed), at).waiting_for).not.toBe('gateway');
  const again = evolve(state, { fact: 'claim_answered', candidate, claim: claimed('a', 2), at });
  expect(describe(again, at)).toMatchObject({ state: 'charging' });
});
