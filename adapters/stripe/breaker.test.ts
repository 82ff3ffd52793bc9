import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { BreakerState, ChargeAnswer } from '../../domain/ports.ts';
import { createChargeBreaker, type SendResult } from './breaker.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());
const later = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);

const unknown: ChargeAnswer = { result: 'unknown', reason: '500' };
const approved: ChargeAnswer = { result: 'approved' };
const fails = async (): Promise<SendResult> => ({ answer: unknown, failed: true });
const answers = async (): Promise<SendResult> => ({ answer: approved, failed: false });
const notSentWhileOpen = (retry_after_ms: number) => ({
  result: 'not_sent',
  reason: expect.any(String),
  retry_after_ms,
});

function breaker() {
  const states: BreakerState[] = [];
  const charge = createChargeBreaker((state) => void states.push(state));
  const times = async (count: number, send: () => Promise<SendResult>) => {
    for (let n = 0; n < count; n++) await charge(send);
  };
  return { states, charge, times };
}

/** A breaker that has just opened. */
async function opened() {
  const open = breaker();
  await open.times(20, fails);
  expect(open.states).toEqual(['open']);
  return open;
}

test.each([
  ['19 failures alone', 0, 19, []],
  ['20 failures alone', 0, 20, ['open']],
  ['20 failures among 40 charges', 20, 20, ['open']],
  ['20 failures among 41 charges', 21, 20, []],
])('%s within a minute', async (_, successes, failures, expected) => {
  const { states, times } = breaker();
  await times(successes, answers);
  await times(failures, fails);
  expect(states).toEqual(expected);
});

test('results older than a minute no longer count, neither failures nor successes', async () => {
  const { states, times } = breaker();
  await times(19, fails);
  later(60_000);
  await times(19, fails);
  expect(states).toEqual([]);
  await times(500, answers);
  later(60_000);
  await times(20, fails);
  expect(states).toEqual(['open']);
});

test('while open for thirty seconds nothing is sent, and each result says when to retry', async () => {
  const { charge } = await opened();
  expect(await charge(answers)).toEqual(notSentWhileOpen(30_000));
  later(29_999);
  expect(await charge(answers)).toEqual(notSentWhileOpen(1));
  later(1);
  expect(await charge(answers)).toEqual(approved);
});

test('half open, one charge is sent at a time; others are neither sent nor queued meanwhile', async () => {
  const { charge, states } = await opened();
  later(30_000);
  const trial = Promise.withResolvers<SendResult>();
  const first = charge(() => trial.promise);
  expect(states).toEqual(['open', 'half_open']);
  expect(await charge(answers)).toEqual(notSentWhileOpen(30_000));
  trial.resolve({ answer: unknown, failed: true });
  expect(await first).toEqual(unknown);
  expect(states).toEqual(['open', 'half_open', 'open']);
  expect(await charge(answers)).toEqual(notSentWhileOpen(30_000));
  later(30_000);
  expect(await charge(answers)).toEqual(approved);
  expect(states.slice(3)).toEqual(['half_open', 'closed']);
});

test('counting restarts once it is closed again', async () => {
  const { charge, states, times } = await opened();
  later(30_000);
  await charge(answers);
  await times(19, fails);
  expect(states.at(-1)).toBe('closed');
  await times(1, fails);
  expect(states.at(-1)).toBe('open');
});

test('charges in flight when it opened do not open it again when they fail', async () => {
  const open = breaker();
  const slow = Array.from({ length: 30 }, () => Promise.withResolvers<SendResult>());
  const underWay = slow.map(({ promise }) => open.charge(() => promise));
  await open.times(20, fails);
  for (const { resolve } of slow) resolve({ answer: unknown, failed: true });
  await Promise.all(underWay);
  expect(open.states).toEqual(['open']);
  expect(await open.charge(answers)).toEqual(notSentWhileOpen(30_000));
});
